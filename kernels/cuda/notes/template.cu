// template.cu: where a new kernel begins. Copy it to kernels/cuda/NAME.cu, its launch and its test from kernels/cuda/template_test.go, and go on in
// the order of docs/cuda.md, "Add a kernel in five steps". The operation here is
//
//	dst[r, c] = x[r, c] · gain[c] / √(mean_c x[r, c]² + eps)        x, dst [rows, columns], gain [columns]
//
// RMS norm, which no model here has: small, and with one of each: rows for warps, a sum over a row, numbers that all rows share, a tile in shared memory.
#include "../warp.cuh"

const uint32 ROWS = 8;     // of a block, a warp each
const uint32 TILE = 1024;  // columns whose gain is in shared memory at a time

// The kernel is extern "C", with pointers, 32- or 64-bit integers and floats for parameters, and the bound of its threads. dst may be x: each
// thread reads only what it writes.
extern "C" __global__ void __launch_bounds__(256) template_rms_norm(float* dst, const float* x, const float* gain, uint32 rows, uint32 columns, float eps) {
    __shared__ float gains[TILE]; // [columns]
    const uint32 row = blockIdx.x * ROWS + threadIdx.x / WARP;
    const bool there = row < rows; // a thread that has no row comes to every barrier all the same
    const uint64 at = static_cast<uint64>(row) * columns;
    float sum = 0;
    if (there)
        for (uint32 c = lane(); c < columns; c += WARP) sum = fmaf(x[at + c], x[at + c], sum);
    const float scale = 1.0f / sqrtf(warp_sum(sum) / static_cast<float>(columns) + eps); // every thread of the warp has it
    for (uint32 first = 0; first < columns; first += TILE) {
        const uint32 count = columns - first < TILE ? columns - first : TILE;
        __syncthreads(); // the last readers of the tile are done
        for (uint32 c = threadIdx.x; c < count; c += blockDim.x) gains[c] = gain[first + c];
        __syncthreads();
        if (there)
            for (uint32 c = lane(); c < count; c += WARP) dst[at + first + c] = x[at + first + c] * scale * gains[c];
    }
}
