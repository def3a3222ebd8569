// device.cuh is what every kernel file begins with: the conventions, and the few things that the CPU's compiler must be told otherwise.
//
// Conventions
//
//   - A kernel is extern "C" __global__; its parameters are pointers, 32- or 64-bit integers and floats, nothing else. launch.go packs
//     each into a slot of 8 bytes and knows grid, block and dynamic shared memory of every kernel.
//   - A tensor has fewer than 2^31 elements (launch.go checks it), so element numbers are unsigned int.
//   - No kernel allocates, synchronises with the host, or reads what another block of the same launch writes. There are no atomics: the
//     same input gives the same bytes.
//   - Boundary guards are ifs, never clamped addresses: an element outside is not touched. Where a guard stands for a zero of the
//     mathematics (the padding of a convolution, the ragged end of an inner product) the comment says so.
//   - Shapes stand beside every tile: float a[K][M]. What is read four numbers at a time is alignas(16), which CUDA does not do by itself.
//   - Plain CUDA C++: no standard headers, no cub, no cooperative groups, none of NVIDIA's headers for half precision or for the tensor
//     cores. What needs an instruction of the GPU is a function of one of the .cuh files and has a twin in plain C++ beside it, which
//     SOWGEN_EMULATED selects. The emulator (kernels/cuda/emu) puts its own header before the file: it defines __global__, __shared__,
//     threadIdx, __syncthreads, __syncwarp, __shfl_xor_sync, float4 and the like, and dynamic_shared_memory(). As on the GPU, memory is
//     read through types that it was not written through: -fno-strict-aliasing.
#pragma once

typedef unsigned int uint32;
typedef unsigned long long uint64;

// DYNAMIC_SHARED declares name as the block's dynamic shared memory, aligned to 16 bytes.
#ifdef SOWGEN_EMULATED
#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(dynamic_shared_memory())
#else
extern __shared__ uint4 dynamic_shared[];
#define DYNAMIC_SHARED(type, name) type* const name = reinterpret_cast<type*>(dynamic_shared)
#endif

// UNROLL unrolls the loop that follows, UNROLL_4 by four.
#ifdef SOWGEN_EMULATED
#define UNROLL
#define UNROLL_4
#else
#define UNROLL _Pragma("unroll")
#define UNROLL_4 _Pragma("unroll 4")
#endif

const uint32 WARP = 32;

// inf is +∞.
__device__ __forceinline__ float inf() { return __uint_as_float(0x7f800000u); }

// global_thread is the thread's number in a launch of one dimension, and global_threads how many there are: elementwise kernels walk their
// elements in strides of it, so that any grid is right.
__device__ __forceinline__ uint32 global_thread() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ uint32 global_threads() { return gridDim.x * blockDim.x; }

// aligned16 says whether 4 floats can be read or written at p at once.
__device__ __forceinline__ bool aligned16(const void* p) { return (reinterpret_cast<uint64>(p) & 15) == 0; }

// load4 and store4 move 4 floats at once; p must be aligned to 16 bytes.
__device__ __forceinline__ float4 load4(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ __forceinline__ void store4(float* p, float4 v) { *reinterpret_cast<float4*>(p) = v; }
