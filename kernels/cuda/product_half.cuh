// product_half.cuh is the inner loop of the products on the tensor cores: one side float32, rounded to 16 bits on its way, the other a
// packed weight of 16 bits; sums in float32.
//
// A block computes a tile, each of its warps a part of 16·ROWS × 8·COLUMNS. The inner index goes by in steps of K = 32, two of the tensor
// cores'. While one step is multiplied, the next one's weight is copied into the other of two buffers and its other side is on its way to
// registers; one barrier a step separates the last reads of a buffer from its next writes, and these from the reads after them.
//
// Rows lie 40 numbers apart in shared memory, 20 words: the 8 rows that a fragment is read from at a time begin in banks 0, 20, 8, 28, 16, 4,
// 24, 12, four words each: all 32. Writes are of 8 or 16 bytes side by side; where two rows are written at a time they overlap in four banks.
#pragma once
#include "async.cuh"
#include "epilogue.cuh"
#include "mma.cuh"
#include "rows.cuh"

template <int DOWN, int ACROSS, int ROWS, int COLUMNS> // warps of a block, fragments of a warp
struct TileHalf {
    static const int THREADS = 32 * DOWN * ACROSS;
    static const int M = 16 * ROWS * DOWN;     // rows
    static const int N = 8 * COLUMNS * ACROSS; // columns
    static const int K = 32;                   // inner index in a step
    static const int PITCH = K + 8;
    static const int SLOTS = M * K / 4 / THREADS; // quads of a that a thread brings in a step
    static const int COPIES = N * K / 8 / THREADS; // 16 bytes of the weight
    // The rows of a that a thread brings: first, first + STEP …
    static const int STEP = THREADS / (K / 4);
    static __device__ __forceinline__ uint32 first() { return threadIdx.x / (K / 4); }
};

// The tiles of 128 × 128, for 8 warps of 64 × 32, and of 64 × 64, for 4 warps of 32 × 32.
typedef TileHalf<2, 4, 4, 4> LargeHalf;
typedef TileHalf<2, 2, 2, 4> SmallHalf;

// RESIDENT is how many blocks a multiprocessor is to hold at a time, which bounds a thread's registers: two hide each other's waiting. On
// Turing one: there a bound of 128 registers would spill.
#if !defined(SOWGEN_EMULATED) && __CUDA_ARCH__ < 800
const int RESIDENT = 1;
#else
const int RESIDENT = 2;
#endif

// product_half is the tile of rows from row on and columns from column on: Σ_p a[i, p]·b[j, p] for p < k, and on to the epilogue. A is
// MatrixRows or alike; b [n, pitch] has zeros from k on.
template <class Format, int DOWN, int ACROSS, int ROWS, int COLUMNS, class A>
__device__ __forceinline__ void product_half(TileHalf<DOWN, ACROSS, ROWS, COLUMNS>, const A& a, const uint16* b, uint32 k, uint32 pitch, uint32 row, uint32 column,
                                             const Epilogue& out) {
    typedef TileHalf<DOWN, ACROSS, ROWS, COLUMNS> T;
    alignas(16) __shared__ uint16 as[2][T::M][T::PITCH]; // [buffer][rows][K]
    alignas(16) __shared__ uint16 bs[2][T::N][T::PITCH]; // [buffer][columns][K]
    const uint32 warp = threadIdx.x / WARP, down = warp / ACROSS * 16 * ROWS, across = warp % ACROSS * 8 * COLUMNS; // the warp's part

    float4 held[T::SLOTS];
    const auto fetch_a = [&](uint32 k0) {
        UNROLL
        for (int i = 0; i < T::SLOTS; i++) held[i] = a.quad(i, k0 + threadIdx.x % (T::K / 4) * 4);
    };
    const auto store_a = [&](uint16 (*tile)[T::PITCH]) {
        UNROLL
        for (int i = 0; i < T::SLOTS; i++)
            *reinterpret_cast<uint2*>(&tile[T::first() + i * T::STEP][threadIdx.x % (T::K / 4) * 4]) =
                make_uint2(Format::pair(held[i].x, held[i].y), Format::pair(held[i].z, held[i].w));
    };
    const auto copy_b = [&](uint16 (*tile)[T::PITCH], uint32 k0) {
        UNROLL
        for (int i = 0; i < T::COPIES; i++) {
            const uint32 at = threadIdx.x + i * T::THREADS, c = at / (T::K / 8), p = at % (T::K / 8) * 8;
            const bool there = column + c < out.n && k0 + p < pitch; // else zero: it adds nothing
            copy16(&tile[c][p], b + static_cast<uint64>(column + c) * pitch + k0 + p, there);
        }
    };

    float sum[ROWS][COLUMNS][4];
    UNROLL
    for (int i = 0; i < ROWS; i++)
        UNROLL
        for (int j = 0; j < COLUMNS; j++)
            UNROLL
            for (int e = 0; e < 4; e++) sum[i][j][e] = 0;

    copy_b(bs[0], 0);
    fetch_a(0);
    store_a(as[0]);
    commit_copies();
    await_copies();
    __syncthreads();
    const uint32 steps = (k + T::K - 1) / T::K;
    for (uint32 s = 0; s < steps; s++) {
        if (s + 1 < steps) {
            copy_b(bs[(s + 1) % 2], (s + 1) * T::K);
            fetch_a((s + 1) * T::K);
        }
        UNROLL
        for (int p = 0; p < T::K; p += 16) {
            uint32 x[ROWS][4], y[COLUMNS / 2][4];
            UNROLL
            for (int i = 0; i < ROWS; i++) load_a(x[i], &as[s % 2][down + 16 * i][p], T::PITCH);
            UNROLL
            for (int j = 0; j < COLUMNS; j += 2) load_b2(y[j / 2], &bs[s % 2][across + 8 * j][p], T::PITCH);
            UNROLL
            for (int i = 0; i < ROWS; i++)
                UNROLL
                for (int j = 0; j < COLUMNS; j++) mma<Format>(sum[i][j], x[i], &y[j / 2][j % 2 * 2]);
        }
        if (s + 1 < steps) {
            store_a(as[(s + 1) % 2]);
            commit_copies();
            await_copies();
        }
        __syncthreads();
    }
    UNROLL
    for (int i = 0; i < ROWS; i++)
        UNROLL
        for (int j = 0; j < COLUMNS; j++) {
            const uint32 r = row + down + 16 * i + lane() / 4, c = column + across + 8 * j + lane() % 4 * 2;
            out.store<2>(r, c, make_float4(sum[i][j][0], sum[i][j][1], 0, 0));
            out.store<2>(r + 8, c, make_float4(sum[i][j][2], sum[i][j][3], 0, 0));
        }
}
