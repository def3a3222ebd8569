// product_half.cuh is the inner loop of the products on the tensor cores: both sides in 16 bits, sums in float32.
//
// A block computes a tile, each of its warps a part of 16·ROWS × 8·COLUMNS. The inner index goes by in steps of K. A step's parts of both sides
// are a stage in shared memory; DEPTH stages take turns, so that while one is multiplied the next DEPTH - 2 are on their way: memory answers after
// some 600 cycles, a step takes 250. One barrier a step separates the last reads of a stage from its next writes, and these from the reads after them.
//
// In a stage lie rows of K numbers without a gap, in pieces of 16 bytes. Where 8 rows are read at a time (ldmatrix), the pieces of one column would
// lie in the same banks; so a row has its pieces in an order of its own (Tile::place), and any 8 rows, as any row, lie in 32 banks.
//
// At the end the sums go through shared memory as well, since a thread's lie two by two in eight rows: from there they are stored in whole lines.
#pragma once
#include "async.cuh"
#include "epilogue.cuh"
#include "mma.cuh"

// By warps of a block, fragments of a warp, stages, and blocks that a multiprocessor is to hold, which bounds a thread's registers.
template <int DOWN, int ACROSS, int ROWS, int COLUMNS, int DEPTH, int BLOCKS>
struct TileHalf {
    static const int THREADS = 32 * DOWN * ACROSS;
    static const int SIDEWARDS = ACROSS, FRAGMENTS = ROWS, FRAGMENTS_ACROSS = COLUMNS;
    static const int M = 16 * ROWS * DOWN;     // rows
    static const int N = 8 * COLUMNS * ACROSS; // columns
    static const int K = 64;                   // numbers of the inner index in a step
    static const int PIECES = K / 8; // of 16 bytes, in a row
    static const int STAGES = DEPTH, RESIDENT = BLOCKS;
    static const int STAGE = 2 * (M + N) * K; // bytes: M rows of a, then N of b
    // The pieces that a thread brings: piece() of the rows first(), first() + STEP …
    static const int STEP = THREADS / PIECES;
    static const int SLOTS = M / STEP, SLOTS_B = N / STEP;
    static_assert(M % STEP == 0 && N % STEP == 0 && STEP % 8 == 0, "every thread brings as many pieces as any other, of rows that have them in one order");
    static_assert(M * N * 4 <= STAGES * STAGE && N % 32 == 0, "the sums fit where the stages were, in an order of their own");
    static __device__ __forceinline__ uint32 first() { return threadIdx.x / PIECES; }
    static __device__ __forceinline__ uint32 piece() { return threadIdx.x % PIECES; }
    // place is where a piece of a row begins, in bytes.
    static __device__ __forceinline__ uint32 place(uint32 row, uint32 piece) {
        return 2 * (row * K + (piece ^ row % 8) * 8);
    }
};

// The tiles: of 128 × 160, of which the channels of Stable Diffusion's UNet are multiples, for 8 warps of 64 × 40; of 128 × 128, for 8 of 64 × 32; and of
// 64 × 64, for 4 of 32 × 32. They take 108, 96 and 48 KB of shared memory.
typedef TileHalf<2, 4, 4, 5, 3, 1> WideHalf;
#if !defined(SOWGEN_EMULATED) && __CUDA_ARCH__ < 800
typedef TileHalf<2, 4, 4, 4, 3, 1> LargeHalf; // of Turing none has as much
#else
typedef TileHalf<2, 4, 4, 4, 3, 2> LargeHalf;
#endif
typedef TileHalf<2, 2, 2, 4, 3, 4> SmallHalf;

// HalfRows is the rows first, first + step, … of a matrix [rows, pitch] of 16 bits: SLOTS of them, those that a thread brings in. It begins with
// the piece of each row at number at, and goes on from there. Rows that the matrix does not have are zero, and so is what is behind pitch.
template <int SLOTS>
struct HalfRows {
    const uint16* next; // of the first row
    uint64 stride;      // from a row to the next one
    uint32 rows, left;  // rows that there are; numbers of a row that are left

    __device__ __forceinline__ HalfRows(const uint16* a, uint32 rows, uint32 pitch, uint32 first, uint32 step, uint32 at)
        : next(a + static_cast<uint64>(first) * pitch + at), stride(static_cast<uint64>(step) * pitch), left(at < pitch ? pitch - at : 0) {
        this->rows = (rows + step - 1 - first) / step; // the tile has a row, so that first is less than a step behind the last one
    }

    __device__ __forceinline__ void copy(Shared to, int i) const { copy16(to, next + i * stride, i < static_cast<int>(rows) && left > 0); }
    __device__ __forceinline__ void advance(uint32 by) {
        next += by;
        left = left > by ? left - by : 0;
    }
};

// Range is the steps of a block: from … to - 1 of those that the inner index has.
struct Range {
    uint32 from, to;

    // of is part blockIdx.z of the inner index, each of so many steps.
    template <class Tile>
    static __device__ __forceinline__ Range of(uint32 pitch, uint32 steps) {
        const uint32 all = (pitch + Tile::K - 1) / Tile::K, from = blockIdx.z * steps;
        return Range{from, from + steps < all ? from + steps : all};
    }
};

// product_half is the tile of rows from row on and columns from column on: Σ_p a[i, p]·b[j, p] over the steps of range, and on to the epilogue. A
// and B are HalfRows or alike, at the first of these steps.
template <class Format, class T, class A, class B>
__device__ __forceinline__ void product_half(A a, B b, Range range, uint32 row, uint32 column, const Epilogue& out) {
    const int ROWS = T::FRAGMENTS, COLUMNS = T::FRAGMENTS_ACROSS;
    DYNAMIC_SHARED(uint16, stages); // [STAGES][M + N][K]
    const uint32 warp = threadIdx.x / WARP, down = warp / T::SIDEWARDS * 16 * ROWS, across = warp % T::SIDEWARDS * 8 * COLUMNS; // the warp's part
    const Shared begin = shared_address(stages), end = begin + T::STAGES * T::STAGE;

    // Where the thread's pieces of a stage go, and where the rows of its fragments are read; all other places are so many rows further on.
    const uint32 mine = T::place(T::first(), T::piece());
    uint32 from_a[T::PIECES / 2], from_b[T::PIECES / 4];
    UNROLL
    for (int p = 0; p < T::PIECES / 2; p++) from_a[p] = T::place(down + lane() % 16, 2 * p + lane() / 16);
    UNROLL
    for (int p = 0; p < T::PIECES / 4; p++) from_b[p] = T::place(T::M + across + lane() % 8, 4 * p + lane() / 8);

    Shared writing = begin;
    uint32 coming = range.to - range.from; // steps
    const auto bring = [&] {
        if (coming > 0) {
            UNROLL
            for (int i = 0; i < T::SLOTS; i++) a.copy(writing + mine + 2 * i * T::STEP * T::K, i);
            UNROLL
            for (int i = 0; i < T::SLOTS_B; i++) b.copy(writing + mine + 2 * (T::M + i * T::STEP) * T::K, i);
            a.advance(T::K);
            b.advance(T::K);
            coming--;
        }
        commit_copies();
        writing += T::STAGE;
        if (writing == end) writing = begin;
    };

    float sum[ROWS][COLUMNS][4];
    UNROLL
    for (int i = 0; i < ROWS; i++)
        UNROLL
        for (int j = 0; j < COLUMNS; j++)
            UNROLL
            for (int e = 0; e < 4; e++) sum[i][j][e] = 0;

    for (int s = 0; s < T::STAGES - 1; s++) bring();
    Shared reading = begin;
    for (uint32 step = range.from; step < range.to; step++) {
        await_copies<T::STAGES - 2>();
        __syncthreads();
        bring();
        UNROLL
        for (int p = 0; p < T::PIECES / 4; p++) { // 32 numbers, two of the tensor cores' steps
            uint32 y[COLUMNS][4];
            UNROLL
            for (int j = 0; j < COLUMNS; j++) ldmatrix<false>(y[j], reading + from_b[p] + 2 * 8 * j * T::K);
            UNROLL
            for (int h = 0; h < 2; h++) {
                uint32 x[ROWS][4];
                UNROLL
                for (int i = 0; i < ROWS; i++) ldmatrix<false>(x[i], reading + from_a[2 * p + h] + 2 * 16 * i * T::K);
                UNROLL
                for (int i = 0; i < ROWS; i++)
                    UNROLL
                    for (int j = 0; j < COLUMNS; j++) mma<Format>(sum[i][j], x[i], &y[j][2 * h]);
            }
        }
        reading += T::STAGE;
        if (reading == end) reading = begin;
    }
    __syncthreads(); // the stages have been read
    float* const sums = reinterpret_cast<float*>(stages); // [M][N], the columns of a row in an order of its own, like the pieces
    const auto at = [](uint32 r, uint32 c) { return r * T::N + (c ^ r % 4 * 8); };
    UNROLL
    for (int i = 0; i < ROWS; i++)
        UNROLL
        for (int j = 0; j < COLUMNS; j++) {
            const uint32 r = down + 16 * i + lane() / 4, c = across + 8 * j + lane() % 4 * 2;
            *reinterpret_cast<float2*>(sums + at(r, c)) = make_float2(sum[i][j][0], sum[i][j][1]);
            *reinterpret_cast<float2*>(sums + at(r + 8, c)) = make_float2(sum[i][j][2], sum[i][j][3]);
        }
    __syncthreads();
    for (uint32 i = threadIdx.x; i < T::M * T::N / 4; i += T::THREADS) {
        const uint32 r = i / (T::N / 4), c = i % (T::N / 4) * 4;
        out.put(row + r, column + c, load4(sums + at(r, c)));
    }
}
