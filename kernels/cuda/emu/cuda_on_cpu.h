// cuda_on_cpu.h comes before a kernel file that is compiled for the CPU: what CUDA's compiler knows by itself, as far as our kernels use it.
//
// Each thread of a block is a fiber (fibers.cc); the blocks of a launch run one after the other. What is shared by a block is static, so
// that it lies in the file's .bss and nowhere else: that is how the checks (checks.cc) know shared memory.
#pragma once
#include <cmath>
#include <cstring>

#define SOWGEN_EMULATED 1
#define __global__ inline // what is not in the table of entry points is not compiled
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ static

struct dim3 {
    unsigned x, y, z;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// Of the thread that runs. They change in every call that lets another thread run.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();
void __syncwarp(unsigned mask = ~0u);

// exchange gives the other threads of the warp a word and returns that of lane from; all of mask must come here together.
unsigned long long exchange(unsigned mask, unsigned long long word, unsigned from);

template <class T>
T __shfl_sync(unsigned mask, T x, unsigned from) {
    static_assert(sizeof x <= 8, "a shuffle moves at most 8 bytes");
    unsigned long long word = 0;
    memcpy(&word, &x, sizeof x);
    word = exchange(mask, word, from % 32);
    memcpy(&x, &word, sizeof x);
    return x;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T x, unsigned with) {
    return __shfl_sync(mask, x, threadIdx.x % 32 ^ with);
}

// begin_copy16 is an asynchronous copy of 16 bytes to shared memory, or of zeros from null: it happens when the thread waits for its group.
// commit_group ends a group, and await_groups waits until only so many of the last ones are under way.
void begin_copy16(void* shared, const void* global);
void commit_group();
void await_groups(int pending);

void* dynamic_shared_memory();
