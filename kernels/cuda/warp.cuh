// warp.cuh is sums and extremes over the 32 threads of a warp. Every thread of the warp must call them; every thread has the result.
// The order of the additions is a tree that does not depend on anything, so the same input gives the same bytes.
#pragma once
#include "math.cuh"

const uint32 ALL = 0xffffffffu; // every thread of the warp

__device__ __forceinline__ uint32 lane() { return threadIdx.x % WARP; }

__device__ __forceinline__ float warp_sum(float x) {
    for (uint32 step = WARP / 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
    for (uint32 step = WARP / 2; step > 0; step /= 2) x = larger(x, __shfl_xor_sync(ALL, x, step));
    return x;
}
