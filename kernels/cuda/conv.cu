// conv.cu: convolutions of pictures with channels last, as matrix products ("implicit GEMM").
//
//	dst[p, oy, ox, o] = act(Σ_ky,kx,c x[p, oy·stride + ky - top, ox·stride + kx - left, c]·w[o, (ky·kw + kx)·in + c] + bias[o]) + residual[p, oy, ox, o]
//
// where x [n, h, w, in] is 0 outside the picture. w [out, pitch] is packed (pack.cu). bias and residual may be null; for act see epilogue.cuh.
// k = kh·kw·in. blockIdx.x is the tile; tiles that follow each other share pixels of x.
#include "picture.cuh"
#include "product_f32.cuh"
#include "product_half.cuh"

template <int SIDE>
__device__ __forceinline__ void conv(const Window& win, const float* x, const float* w, uint32 k, uint32 pitch, const Epilogue& out) {
    typedef TileF32<SIDE> T;
    typedef RowsSide<SIDE, PictureRows<T::SLOTS>> Pixels;
    typedef RowsSide<SIDE, MatrixRows<T::SLOTS>> Filters;
    const uint32 tiles = (out.n + T::EDGE - 1) / T::EDGE; // side by side
    const uint32 row = blockIdx.x / tiles * T::EDGE, column = blockIdx.x % tiles * T::EDGE;
    const Pixels as(PictureRows<T::SLOTS>(x, win, out.m, k, row + Pixels::first(), Pixels::step()));
    const Filters bs(MatrixRows<T::SLOTS>(w, out.n, k, pitch, column + Filters::first(), Filters::step()));
    product_f32<SIDE>(as, bs, k, row, column, out);
}

// CONV is an entry point; for the tiles see gemm.cu.
#define CONV(name, SIDE)                                                                                                                        \
    extern "C" __global__ void __launch_bounds__(SIDE* SIDE, 2)                                                                                  \
        name(float* dst, const float* x, const float* w, const float* bias, const float* residual, uint32 n, uint32 h, uint32 width, uint32 in, \
             uint32 out, uint32 oh, uint32 ow, uint32 kw, uint32 stride, uint32 top, uint32 left, uint32 k, uint32 pitch, uint32 act) {         \
        conv<SIDE>(Window{h, width, in, oh, ow, kw, stride, top, left}, x, w, k, pitch,                                                         \
                   Epilogue{dst, bias, residual, n * oh * ow, out, out, act});                                                                  \
    }

CONV(conv_f32_128, 16)
CONV(conv_f32_64, 8)

// conv_half is the same on the tensor cores: x [n, h, w, in] and w [out, pitch] are in 16 bits, and in is a multiple of 8, with zeros where there are
// no such channels. For parts and steps see gemm.cu.
template <class Format, class Tile>
__device__ __forceinline__ void conv_half(const Window& win, const uint16* x, const uint16* w, uint32 pitch, uint32 steps, const Epilogue& out) {
    const uint32 tiles = (out.n + Tile::N - 1) / Tile::N; // side by side
    const uint32 row = blockIdx.x / tiles * Tile::M, column = blockIdx.x % tiles * Tile::N;
    const Range range = Range::of<Tile>(pitch, steps);
    const HalfPixels<Tile::SLOTS> as(x, win, out.m, pitch, row + Tile::first(), Tile::STEP, range.from * Tile::K + 8 * Tile::piece());
    const HalfRows<Tile::SLOTS_B> bs(w, out.n, pitch, column + Tile::first(), Tile::STEP, range.from * Tile::K + 8 * Tile::piece());
    product_half<Format, Tile>(as, bs, range, row, column, out);
}

#define CONV_HALF(name, Format, Tile)                                                                                                           \
    extern "C" __global__ void __launch_bounds__(Tile::THREADS, Tile::RESIDENT)                                                                 \
        name(float* dst, float* parts, const uint16* x, const uint16* w, const float* bias, const float* residual, uint32 n, uint32 h,          \
             uint32 width, uint32 in, uint32 out, uint32 oh, uint32 ow, uint32 kw, uint32 stride, uint32 top, uint32 left, uint32 pitch,        \
             uint32 act, uint32 steps) {                                                                                                        \
        const uint32 m = n * oh * ow;                                                                                                           \
        conv_half<Format, Tile>(Window{h, width, in, oh, ow, kw, stride, top, left}, x, w, pitch, steps,                                        \
                                parts ? Epilogue::part(parts, m, out) : Epilogue{dst, bias, residual, m, out, out, act});                       \
    }

CONV_HALF(conv_f16_160, F16, WideHalf)
CONV_HALF(conv_f16_128, F16, LargeHalf)
CONV_HALF(conv_f16_64, F16, SmallHalf)
#if HAS_BF16
CONV_HALF(conv_bf16_160, BF16, WideHalf)
CONV_HALF(conv_bf16_128, BF16, LargeHalf)
CONV_HALF(conv_bf16_64, BF16, SmallHalf)
#endif
