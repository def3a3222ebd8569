// half.cuh is the two formats of 16 bits: IEEE half precision (f16) and bfloat16 (bf16), as the bits that they are in memory.
#pragma once
#include "device.cuh"

typedef unsigned short uint16;

// F16 and BF16 are what a number is rounded to: to nearest even, and NaN stays NaN.
struct F16 {
#ifdef SOWGEN_EMULATED
    static __device__ uint16 of(float x) {
        const uint32 bits = __float_as_uint(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
        if (rest > 0x7f800000) return sign | 0x7fff;             // NaN, as the GPU gives it
        if (rest >= 0x477ff000) return sign | 0x7c00;            // 65520 and more
        if (rest < 0x38800000) {                                 // below 2^-14 the results are subnormal: multiples of 2^-24
            const float scaled = __uint_as_float(rest) * 16777216.0f; // exact; adding 2^23 rounds it to an integer
            return sign | (__float_as_uint(scaled + 8388608.0f) & 0x7ff);
        }
        return sign | ((rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13);
    }
    static __device__ float value(uint16 h) {
        const uint32 sign = (h & 0x8000u) << 16, rest = h & 0x7fff;
        if (rest >= 0x7c00) return __uint_as_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
        if (rest < 0x400) return __uint_as_float(sign | __float_as_uint(rest * (1.0f / 16777216.0f)));
        return __uint_as_float(sign | ((rest << 13) + 0x38000000));
    }
#else
    static __device__ __forceinline__ uint16 of(float x) {
        uint16 h;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
        return h;
    }
    static __device__ __forceinline__ float value(uint16 h) {
        float x;
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
        return x;
    }
#endif
    // pair is two numbers in a register, the first in the lower half.
    static __device__ __forceinline__ uint32 pair(float first, float second) {
#if !defined(SOWGEN_EMULATED) && __CUDA_ARCH__ >= 800
        uint32 both;
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
        return both;
#else
        return of(first) | static_cast<uint32>(of(second)) << 16;
#endif
    }
};

struct BF16 {
    static __device__ __forceinline__ uint16 of(float x) {
        const uint32 bits = __float_as_uint(x);
        if (x != x) return bits >> 16 | 0x40; // rounding could carry a NaN to infinity
        return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
    static __device__ __forceinline__ float value(uint16 h) { return __uint_as_float(static_cast<uint32>(h) << 16); }
    static __device__ __forceinline__ uint32 pair(float first, float second) {
#if !defined(SOWGEN_EMULATED) && __CUDA_ARCH__ >= 800
        uint32 both;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
        return both;
#else
        return of(first) | static_cast<uint32>(of(second)) << 16;
#endif
    }
};

// F32 stands where a format to round to may also be none.
struct F32 {
    static __device__ __forceinline__ float of(float x) { return x; }
};

// store_rounded is four numbers rounded to a format, 1 for F16 and 2 for BF16, as kernels.Format counts; p is aligned to 8 bytes.
__device__ __forceinline__ void store_rounded(uint16* p, float4 v, int format) {
    *reinterpret_cast<uint2*>(p) = format == 1 ? make_uint2(F16::pair(v.x, v.y), F16::pair(v.z, v.w)) : make_uint2(BF16::pair(v.x, v.y), BF16::pair(v.z, v.w));
}
