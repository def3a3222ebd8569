// reduce.cu folds the middle axis of x [outer, n, inner] into dst [outer, inner].
//
// Sums are kept in float64 and rounded once. Reductions are not in the models' path, only in the sampler's and the reports': they are
// written to be exact, not fast.
#include "device.cuh"

// The numbers are those of ReduceOp in reduce.go.
enum ReduceOp { SUM, MEAN, LARGEST, LEAST };

__device__ __forceinline__ double start(int op) { return op == LARGEST ? -inf() : op == LEAST ? inf() : 0; }

// join is the fold of two numbers. NaN wins over everything.
__device__ __forceinline__ double join(int op, double a, double b) {
    switch (op) {
    case LARGEST: return a > b || a != a ? a : b;
    case LEAST: return a < b || a != a ? a : b;
    }
    return a + b;
}

__device__ __forceinline__ float finish(int op, double v, uint32 n) { return static_cast<float>(op == MEAN ? v / n : v); }

// reduce_rows is the case inner = 1: a block folds a row, each thread every 256th number, then the threads' numbers in a tree.
extern "C" __global__ void __launch_bounds__(256) reduce_rows(float* dst, const float* x, uint32 n, int op) {
    __shared__ double part[256]; // by thread
    const float* const row = x + static_cast<uint64>(blockIdx.x) * n;
    double v = start(op);
    for (uint32 i = threadIdx.x; i < n; i += 256) v = join(op, v, row[i]);
    part[threadIdx.x] = v;
    __syncthreads();
    for (uint32 half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] = join(op, part[threadIdx.x], part[threadIdx.x + half]);
        __syncthreads();
    }
    if (threadIdx.x == 0) dst[blockIdx.x] = finish(op, part[0], n);
}

const uint32 COLUMNS = 32, LINES = 8;

// reduce_columns is the general case: a block folds 32 neighbouring columns, each of its 8 warps every 8th line of them.
extern "C" __global__ void __launch_bounds__(COLUMNS* LINES) reduce_columns(float* dst, const float* x, uint32 n, uint32 inner, int op) {
    __shared__ double part[LINES][COLUMNS];
    const uint32 tiles = (inner + COLUMNS - 1) / COLUMNS, outer = blockIdx.x / tiles;
    const uint32 line = threadIdx.x / COLUMNS, lane = threadIdx.x % COLUMNS, column = blockIdx.x % tiles * COLUMNS + lane;
    double v = start(op);
    if (column < inner)
        for (uint32 i = line; i < n; i += LINES) v = join(op, v, x[(static_cast<uint64>(outer) * n + i) * inner + column]);
    part[line][lane] = v;
    __syncthreads();
    if (line > 0 || column >= inner) return;
    for (uint32 i = 1; i < LINES; i++) v = join(op, v, part[i][lane]);
    dst[outer * inner + column] = finish(op, v, n);
}
