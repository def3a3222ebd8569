// gemm_1_naive.cu: dst [m, n] = a [m, k] · bᵀ for b [n, k], a thread for each result.
//
// On paper: two numbers read for a multiply-add, 8 bytes for 2 FLOP. 4096 × 320 by 2560 reads 27 GB where 51 MB would do. The caches are the bound:
// of the second level an A100's multiprocessor has 47 bytes a cycle, 6 multiply-adds of the 64 that it could do.
#include "../device.cuh"

extern "C" __global__ void __launch_bounds__(256) gemm_1_naive(float* dst, const float* a, const float* b, uint32 m, uint32 n, uint32 k) {
    const uint32 i = blockIdx.y * 8 + threadIdx.x / 32, j = blockIdx.x * 32 + threadIdx.x % 32;
    if (i >= m || j >= n) return;
    float sum = 0;
    for (uint32 p = 0; p < k; p++) sum = fmaf(a[static_cast<uint64>(i) * k + p], b[static_cast<uint64>(j) * k + p], sum);
    dst[static_cast<uint64>(i) * n + j] = sum;
}
