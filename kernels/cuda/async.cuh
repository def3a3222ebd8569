// async.cuh copies from memory to shared memory without a stop in registers, where the GPU can (Ampere and later).
//
// What a thread has begun to copy is a group when it says so. Groups arrive in their order, so a loop can have several under way, and wait for
// the oldest alone: tile s is multiplied while tiles s + 1, s + 2 … are on their way.
#pragma once
#include "device.cuh"

// Shared is an address in shared memory in bytes: on a GPU 32 bits, on which arithmetic costs half of what it costs on a pointer.
#ifdef SOWGEN_EMULATED
typedef char* Shared;
__device__ __forceinline__ Shared shared_address(void* at) { return static_cast<char*>(at); }
#else
typedef uint32 Shared;
__device__ __forceinline__ Shared shared_address(void* at) { return static_cast<uint32>(__cvta_generic_to_shared(at)); }
#endif

// copy16 begins to copy 16 bytes, or to clear them if there is nothing; both addresses are multiples of 16. What was begun is there after
// await_copies, and after a barrier for the other threads.
__device__ __forceinline__ void copy16(Shared shared, const void* global, bool there) {
#if defined(SOWGEN_EMULATED)
    begin_copy16(shared, there ? global : nullptr);
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(there ? 16 : 0) : "memory");
#else
    const uint4 x = there ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(shared), "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w) : "memory");
#endif
}
__device__ __forceinline__ void copy16(void* shared, const void* global, bool there) { copy16(shared_address(shared), global, there); }

// commit_copies makes a group of the copies that the thread has begun since the last one; there may be none.
__device__ __forceinline__ void commit_copies() {
#if defined(SOWGEN_EMULATED)
    commit_group();
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// await_copies waits until at most PENDING of the thread's groups are under way, the last ones.
template <int PENDING = 0>
__device__ __forceinline__ void await_copies() {
#if defined(SOWGEN_EMULATED)
    await_groups(PENDING);
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}
