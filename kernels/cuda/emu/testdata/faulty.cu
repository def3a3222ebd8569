// faulty.cu is kernels that do what the emulator has to notice, and one that does nothing wrong.
#include "../../async.cuh"

const uint32 ALL = 0xffffffffu;

// double_reversed is y[n-1-i] = 2·x[i], for one block of n threads.
extern "C" __global__ void double_reversed(float* y, const float* x, uint32 n) {
    __shared__ float tile[1024];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = 2 * tile[n - 1 - threadIdx.x];
}

extern "C" __global__ void no_barrier(float* y, const float* x, uint32 n) {
    __shared__ float tile[1024];
    tile[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = 2 * tile[n - 1 - threadIdx.x];
}

// early_writes overwrites what others may still read.
extern "C" __global__ void early_writes(float* y, const float* x, uint32 n) {
    __shared__ float tile[1024];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[n - 1 - threadIdx.x];
    tile[threadIdx.x] = 0;
}

extern "C" __global__ void unwritten(float* y, const float*, uint32) {
    __shared__ float tile[1024];
    if (threadIdx.x == 0) tile[0] = 1;
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x];
}

extern "C" __global__ void reads_behind(float* y, const float* x, uint32) { y[threadIdx.x] = x[threadIdx.x + 1]; }

extern "C" __global__ void writes_before(float* y, const float* x, uint32) { y[static_cast<int>(threadIdx.x) - 1] = x[threadIdx.x]; }

extern "C" __global__ void misaligned(float* y, const float* x, uint32) { store4(y, load4(x + 1)); }

extern "C" __global__ void null_pointer(float*, const float* x, uint32) { static_cast<float*>(nullptr)[threadIdx.x] = x[0]; }

extern "C" __global__ void dynamic_shared_overrun(float*, const float*, uint32 n) {
    DYNAMIC_SHARED(float, all);
    all[n] = 1;
}

extern "C" __global__ void half_a_shuffle(float* y, const float*, uint32) {
    if (threadIdx.x < 16) y[0] = __shfl_xor_sync(ALL, 1.0f, 1);
}

// no_wait reads what its own copy has not brought yet.
extern "C" __global__ void no_wait(float* y, const float* x, uint32) {
    alignas(16) __shared__ float tile[4 * 256];
    copy16(tile + 4 * threadIdx.x, x, true);
    y[threadIdx.x] = tile[4 * threadIdx.x];
}

// same_place has all threads of a block write one number, and of_another_block those of two.
extern "C" __global__ void same_place(float* y, const float*, uint32) { y[0] = 1; }

extern "C" __global__ void of_another_block(float* y, const float*, uint32) { y[threadIdx.x] = 1; }
