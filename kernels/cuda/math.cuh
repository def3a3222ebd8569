// math.cuh is the functions of one number.
#pragma once
#include "device.cuh"

// quotient is a / b to 2 ulp; 0 for b above 2^126.
#ifdef SOWGEN_EMULATED
__device__ __forceinline__ float quotient(float a, float b) { return a / b; }
#else
__device__ __forceinline__ float quotient(float a, float b) { return __fdividef(a, b); }
#endif

__device__ __forceinline__ float silu(float x) { return quotient(x, 1.0f + expf(-x)); }

// gelu is x·Φ(x), the exact form with erf.
__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

__device__ __forceinline__ float quick_gelu(float x) { return quotient(x, 1.0f + expf(-1.702f * x)); }

// larger and smaller let NaN win, as Go's max and min do; fmaxf and fminf drop it.
__device__ __forceinline__ float larger(float a, float b) { return a > b || a != a ? a : b; }
__device__ __forceinline__ float smaller(float a, float b) { return a < b || a != a ? a : b; }
