// gemm.cu: matrix products.
//
//	dst[z, i, j] = act(Σ_p a[z, i, p]·b(z, p, j) + bias[j]) + residual[z, i, j]
//
// for a [m, k], whose rows begin lda elements apart, and dst [m, n], ldd apart. b is [n, k], each column's numbers side by side (a linear
// layer's weight as PyTorch has it, "nt"), or [k, n] ("nn"), ldb apart. Matrix z of a batch begins z·…_batch elements on. bias and residual
// may be null; for act see epilogue.cuh.
//
// blockIdx is (tile, 0, z). Tiles that follow each other share rows of a, which they find in the second-level cache.
#include "product_f32.cuh"
#include "product_half.cuh"

template <int SIDE>
__device__ __forceinline__ void gemm_nt(float* dst, const float* a, const float* b, const float* bias, const float* residual, uint32 m, uint32 n,
                                        uint32 k, uint32 lda, uint32 ldb, uint32 ldd, uint32 act) {
    typedef TileF32<SIDE> T;
    typedef RowsSide<SIDE, MatrixRows<T::SLOTS>> Side;
    const uint32 tiles = (n + T::EDGE - 1) / T::EDGE; // side by side
    const uint32 row = blockIdx.x / tiles * T::EDGE, column = blockIdx.x % tiles * T::EDGE;
    const Side as(MatrixRows<T::SLOTS>(a, m, k, lda, row + Side::first(), Side::step()));
    const Side bs(MatrixRows<T::SLOTS>(b, n, k, ldb, column + Side::first(), Side::step()));
    product_f32<SIDE>(as, bs, k, row, column, Epilogue{dst, bias, residual, m, n, ldd, act});
}

template <int SIDE>
__device__ __forceinline__ void gemm_nn(float* dst, const float* a, const float* b, const float* bias, const float* residual, uint32 m, uint32 n,
                                        uint32 k, uint32 lda, uint32 ldb, uint32 ldd, uint32 act) {
    typedef TileF32<SIDE> T;
    typedef RowsSide<SIDE, MatrixRows<T::SLOTS>> Side;
    const uint32 tiles = (n + T::EDGE - 1) / T::EDGE; // side by side
    const uint32 row = blockIdx.x / tiles * T::EDGE, column = blockIdx.x % tiles * T::EDGE;
    const Side as(MatrixRows<T::SLOTS>(a, m, k, lda, row + Side::first(), Side::step()));
    const ColumnsSide<SIDE> bs(b, k, n, ldb, column);
    product_f32<SIDE>(as, bs, k, row, column, Epilogue{dst, bias, residual, m, n, ldd, act});
}

// GEMM is an entry point. The small tile is for products that the large one does not cut into blocks for every multiprocessor.
#define GEMM(name, SIDE, kind)                                                                                                                \
    extern "C" __global__ void __launch_bounds__(SIDE* SIDE, 2)                                                                                \
        name(float* dst, const float* a, const float* b, const float* bias, const float* residual, uint32 m, uint32 n, uint32 k, uint32 lda,  \
             uint32 ldb, uint32 ldd, uint64 a_batch, uint64 b_batch, uint64 dst_batch, uint32 act) {                                          \
        const uint64 z = blockIdx.z;                                                                                                          \
        kind<SIDE>(dst + z * dst_batch, a + z * a_batch, b + z * b_batch, bias, residual ? residual + z * dst_batch : residual, m, n, k, lda, \
                   ldb, ldd, act);                                                                                                            \
    }

GEMM(gemm_nt_f32_128, 16, gemm_nt)
GEMM(gemm_nt_f32_64, 8, gemm_nt)
GEMM(gemm_nn_f32_128, 16, gemm_nn)
GEMM(gemm_nn_f32_64, 8, gemm_nn)

// gemm_half is the same on the tensor cores, for a [m, pitch] and a packed weight b [n, pitch] (pack.cu), both in 16 bits, with zeros from k to pitch.
//
// A product of few tiles is split along its inner index, so that every multiprocessor has something to do: blockIdx is (tile, 0, part). Each part
// goes through so many steps and stores what it has summed up at parts [part, m, n]; partial.cu adds them up and does the epilogue.
template <class Format, class Tile>
__device__ __forceinline__ void gemm_half(const uint16* a, const uint16* b, uint32 pitch, uint32 steps, const Epilogue& out) {
    const uint32 tiles = (out.n + Tile::N - 1) / Tile::N; // side by side
    const uint32 row = blockIdx.x / tiles * Tile::M, column = blockIdx.x % tiles * Tile::N;
    const Range range = Range::of<Tile>(pitch, steps);
    const HalfRows<Tile::SLOTS> as(a, out.m, pitch, row + Tile::first(), Tile::STEP, range.from * Tile::K + 8 * Tile::piece());
    const HalfRows<Tile::SLOTS_B> bs(b, out.n, pitch, column + Tile::first(), Tile::STEP, range.from * Tile::K + 8 * Tile::piece());
    product_half<Format, Tile>(as, bs, range, row, column, out);
}

#define GEMM_HALF(name, Format, Tile)                                                                                                               \
    extern "C" __global__ void __launch_bounds__(Tile::THREADS, Tile::RESIDENT)                                                                     \
        name(float* dst, float* parts, const uint16* a, const uint16* b, const float* bias, const float* residual, uint32 m, uint32 n, uint32 pitch, \
             uint32 ldd, uint32 act, uint32 steps) {                                                                                                \
        gemm_half<Format, Tile>(a, b, pitch, steps, parts ? Epilogue::part(parts, m, n) : Epilogue{dst, bias, residual, m, n, ldd, act});           \
    }

GEMM_HALF(gemm_f16_160, F16, WideHalf)
GEMM_HALF(gemm_f16_128, F16, LargeHalf)
GEMM_HALF(gemm_f16_64, F16, SmallHalf)
#if HAS_BF16
GEMM_HALF(gemm_bf16_160, BF16, WideHalf)
GEMM_HALF(gemm_bf16_128, BF16, LargeHalf)
GEMM_HALF(gemm_bf16_64, BF16, SmallHalf)
#endif
