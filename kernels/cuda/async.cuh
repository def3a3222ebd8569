// async.cuh copies from memory to shared memory without a stop in registers, where the GPU can (Ampere and later).
#pragma once
#include "device.cuh"

// copy16 begins to copy 16 bytes, or to clear them if there is nothing; both addresses are multiples of 16. What was begun is there after
// await_copies, and after a barrier for the other threads.
__device__ __forceinline__ void copy16(void* shared, const void* global, bool there) {
#if defined(SOWGEN_EMULATED)
    begin_copy16(shared, there ? global : nullptr);
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(static_cast<uint32>(__cvta_generic_to_shared(shared))), "l"(global), "r"(there ? 16 : 0)
                 : "memory");
#else
    *static_cast<uint4*>(shared) = there ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
#endif
}

__device__ __forceinline__ void await_copies() {
#if defined(SOWGEN_EMULATED)
    end_copies();
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
