// product_f32.cuh is the inner loop of the products in float32: matrix products and convolutions.
//
// A block of SIDE × SIDE threads computes a tile of 8·SIDE rows and columns, each thread 8 × 8 of it. The inner index goes by in steps of
// K = 8. While the products of one step are summed from shared memory, the next step's numbers are on their way from memory into
// registers; they go to the other of two buffers, so one barrier a step is enough: it separates the last reads of a buffer from its next
// writes, and these from the reads after them.
//
// Both sides lie in shared memory with the inner index outside, so a thread reads its 8 rows and 8 columns of a step as two float4 each,
// 4·thread and 4·thread + half a tile: neighbouring threads read neighbouring float4 or the same one, no two of a warp the same bank of
// different words. A thread writes 4 words of one row, which lie PITCH apart; the pitch is 4 more than the tile, so 4·PITCH = 16 (mod 32)
// and the 16 rows × 2 quads that a warp writes at a time fall on 32 different banks.
#pragma once
#include "epilogue.cuh"
#include "rows.cuh"

template <int SIDE>
struct TileF32 {
    static const int THREADS = SIDE * SIDE;
    static const int EDGE = 8 * SIDE;             // rows and columns of a tile
    static const int K = 8;                       // inner index in a step
    static const int PITCH = EDGE + 4;
    static const int SLOTS = EDGE * K / 4 / THREADS; // quads of each side that a thread brings in a step
};

// RowsSide is a side given in rows with the inner index inside: Rows is MatrixRows or alike. It is turned on its way to shared memory.
template <int SIDE, class Rows>
struct RowsSide {
    typedef TileF32<SIDE> T;
    Rows rows;
    float4 held[T::SLOTS];

    __device__ __forceinline__ RowsSide(const Rows& r) : rows(r) {}

    // first and step are the rows that this thread brings.
    static __device__ __forceinline__ uint32 first() { return threadIdx.x / 2; }
    static __device__ __forceinline__ uint32 step() { return T::THREADS / 2; }

    __device__ __forceinline__ void fetch(uint32 k0) {
        UNROLL
        for (int i = 0; i < T::SLOTS; i++) held[i] = rows.quad(i, k0 + threadIdx.x % 2 * 4);
    }

    __device__ __forceinline__ void store(float (*tile)[T::PITCH]) const { // tile[K][EDGE]
        const uint32 k = threadIdx.x % 2 * 4;
        UNROLL
        for (int i = 0; i < T::SLOTS; i++) {
            const uint32 r = first() + i * step();
            tile[k][r] = held[i].x;
            tile[k + 1][r] = held[i].y;
            tile[k + 2][r] = held[i].z;
            tile[k + 3][r] = held[i].w;
        }
    }
};

// ColumnsSide is a matrix [k, n] whose rows begin ld apart: the inner index is outside already.
template <int SIDE>
struct ColumnsSide {
    typedef TileF32<SIDE> T;
    const float* b;
    uint32 k, n, ld, column; // the tile's first column
    bool wide;
    float4 held[T::SLOTS];

    __device__ __forceinline__ ColumnsSide(const float* b, uint32 k, uint32 n, uint32 ld, uint32 column)
        : b(b), k(k), n(n), ld(ld), column(column), wide(aligned16(b) && ld % 4 == 0) {}

    __device__ __forceinline__ uint32 quad_of(int i) const { return threadIdx.x + i * T::THREADS; }

    __device__ __forceinline__ void fetch(uint32 k0) {
        UNROLL
        for (int i = 0; i < T::SLOTS; i++) {
            const uint32 row = k0 + quad_of(i) / (T::EDGE / 4), col = column + quad_of(i) % (T::EDGE / 4) * 4;
            held[i] = quad(b + static_cast<uint64>(row) * ld, col, row < k ? n : 0, wide);
        }
    }

    __device__ __forceinline__ void store(float (*tile)[T::PITCH]) const { // tile[K][EDGE]
        UNROLL
        for (int i = 0; i < T::SLOTS; i++) store4(&tile[quad_of(i) / (T::EDGE / 4)][quad_of(i) % (T::EDGE / 4) * 4], held[i]);
    }
};

// product_f32 is the tile of rows from row on and columns from column on: Σ_p a[i, p]·b[p, j] for p < k, and on to the epilogue.
template <int SIDE, class A, class B>
__device__ __forceinline__ void product_f32(A a, B b, uint32 k, uint32 row, uint32 column, const Epilogue& out) {
    typedef TileF32<SIDE> T;
    alignas(16) __shared__ float as[2][T::K][T::PITCH]; // [buffer][K][rows]
    alignas(16) __shared__ float bs[2][T::K][T::PITCH]; // [buffer][K][columns]
    const uint32 ty = threadIdx.x / SIDE * 4, tx = threadIdx.x % SIDE * 4;

    float sum[8][8];
    UNROLL
    for (int i = 0; i < 8; i++)
        UNROLL
        for (int j = 0; j < 8; j++) sum[i][j] = 0;

    a.fetch(0);
    b.fetch(0);
    a.store(as[0]);
    b.store(bs[0]);
    __syncthreads();
    const uint32 steps = (k + T::K - 1) / T::K;
    for (uint32 s = 0; s < steps; s++) {
        if (s + 1 < steps) {
            a.fetch((s + 1) * T::K);
            b.fetch((s + 1) * T::K);
        }
        UNROLL
        for (int p = 0; p < T::K; p++) {
            float x[8], y[8];
            *reinterpret_cast<float4*>(x) = load4(&as[s % 2][p][ty]);
            *reinterpret_cast<float4*>(x + 4) = load4(&as[s % 2][p][T::EDGE / 2 + ty]);
            *reinterpret_cast<float4*>(y) = load4(&bs[s % 2][p][tx]);
            *reinterpret_cast<float4*>(y + 4) = load4(&bs[s % 2][p][T::EDGE / 2 + tx]);
            UNROLL
            for (int i = 0; i < 8; i++)
                UNROLL
                for (int j = 0; j < 8; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
        }
        if (s + 1 < steps) {
            a.store(as[(s + 1) % 2]);
            b.store(bs[(s + 1) % 2]);
        }
        __syncthreads();
    }
    UNROLL
    for (int i = 0; i < 8; i++) {
        const uint32 r = row + i / 4 * (T::EDGE / 2) + ty + i % 4;
        out.store(r, column + tx, make_float4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]));
        out.store(r, column + T::EDGE / 2 + tx, make_float4(sum[i][4], sum[i][5], sum[i][6], sum[i][7]));
    }
}
