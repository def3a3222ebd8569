// convert.cu: from and to the formats of 16 bits. Widening is exact; narrowing rounds to nearest even.
#include "half.cuh"

template <class Format>
__device__ __forceinline__ void narrow(uint16* dst, const float* x, uint32 n) {
    uint32 done = 0;
    if (aligned16(x) && (reinterpret_cast<uint64>(dst) & 7) == 0) { // four at a time, as far as there are four
        done = n / 4 * 4;
        for (uint32 i = global_thread(); i < n / 4; i += global_threads()) {
            const float4 v = load4(x + 4 * i);
            *reinterpret_cast<uint2*>(dst + 4 * i) = make_uint2(Format::pair(v.x, v.y), Format::pair(v.z, v.w));
        }
    }
    for (uint32 i = done + global_thread(); i < n; i += global_threads()) dst[i] = Format::of(x[i]);
}

template <class Format>
__device__ __forceinline__ void widen(float* dst, const uint16* x, uint32 n) {
    uint32 done = 0;
    if (aligned16(dst) && (reinterpret_cast<uint64>(x) & 7) == 0) {
        done = n / 4 * 4;
        for (uint32 i = global_thread(); i < n / 4; i += global_threads()) {
            const uint2 v = *reinterpret_cast<const uint2*>(x + 4 * i);
            store4(dst + 4 * i, make_float4(Format::value(v.x & 0xffff), Format::value(v.x >> 16), Format::value(v.y & 0xffff), Format::value(v.y >> 16)));
        }
    }
    for (uint32 i = done + global_thread(); i < n; i += global_threads()) dst[i] = Format::value(x[i]);
}

// f32_to_f16 and the others are dst[i] = x[i] for i < n.
extern "C" __global__ void __launch_bounds__(256) f32_to_f16(uint16* dst, const float* x, uint32 n) { narrow<F16>(dst, x, n); }
extern "C" __global__ void __launch_bounds__(256) f32_to_bf16(uint16* dst, const float* x, uint32 n) { narrow<BF16>(dst, x, n); }
extern "C" __global__ void __launch_bounds__(256) f16_to_f32(float* dst, const uint16* x, uint32 n) { widen<F16>(dst, x, n); }
extern "C" __global__ void __launch_bounds__(256) bf16_to_f32(float* dst, const uint16* x, uint32 n) { widen<BF16>(dst, x, n); }
