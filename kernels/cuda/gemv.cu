// gemv.cu: a linear layer of one row, as those of a timestep's embedding. Tiles would be idle but for a row, so it is a sum for each column, on its way
// through the weight once.
#include "epilogue.cuh"
#include "half.cuh"
#include "warp.cuh"

// gemv is dst[j] = act(Σ_i x[i]·w[j, i] + bias[j]) + residual[j] for j < n, i < k, with x rounded to w's format as a product rounds it; a warp has a
// column. Rows of w begin pitch numbers apart, a multiple of 8, with zeros behind k. bias and residual may be null; residual may be dst.
template <class Format>
__device__ __forceinline__ void gemv(float* dst, const float* x, const uint16* w, const float* bias, const float* residual, uint32 n, uint32 k, uint32 pitch,
                                     uint32 act) {
    const uint32 j = global_thread() / WARP;
    if (j >= n) return; // the whole warp
    w += static_cast<uint64>(j) * pitch;
    const bool wide = aligned16(x);
    float sum = 0;
    UNROLL_4
    for (uint32 i = 8 * lane(); i < pitch; i += 8 * WARP) {
        const uint4 v = *reinterpret_cast<const uint4*>(w + i);
        const float4 a = quad(x, i, k, wide), b = quad(x, i + 4, k, wide);
        sum += Format::value(v.x & 0xffff) * Format::value(Format::of(a.x)) + Format::value(v.x >> 16) * Format::value(Format::of(a.y));
        sum += Format::value(v.y & 0xffff) * Format::value(Format::of(a.z)) + Format::value(v.y >> 16) * Format::value(Format::of(a.w));
        sum += Format::value(v.z & 0xffff) * Format::value(Format::of(b.x)) + Format::value(v.z >> 16) * Format::value(Format::of(b.y));
        sum += Format::value(v.w & 0xffff) * Format::value(Format::of(b.z)) + Format::value(v.w >> 16) * Format::value(Format::of(b.w));
    }
    sum = warp_sum(sum);
    if (lane() == 0) dst[j] = activated(sum + (bias ? bias[j] : 0), act) + (residual ? residual[j] : 0);
}

extern "C" __global__ void __launch_bounds__(256) gemv_f16(float* dst, const float* x, const uint16* w, const float* bias, const float* residual, uint32 n, uint32 k,
                                                           uint32 pitch, uint32 act) {
    gemv<F16>(dst, x, w, bias, residual, n, k, pitch, act);
}
extern "C" __global__ void __launch_bounds__(256) gemv_bf16(float* dst, const float* x, const uint16* w, const float* bias, const float* residual, uint32 n, uint32 k,
                                                            uint32 pitch, uint32 act) {
    gemv<BF16>(dst, x, w, bias, residual, n, k, pitch, act);
}
