// faulty.cu is kernels that do what the emulator has to notice, and one that does nothing wrong.
#include "../../device.cuh"

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
