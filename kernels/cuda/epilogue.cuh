// epilogue.cuh is what happens to a product on its way to memory.
#pragma once
#include "math.cuh"

// Epilogue stores a product [m, n]: dst = act(product + bias) + residual. bias [n] and residual, laid out like dst, may be null; residual
// may be dst; act is SiLU, or nothing. Rows of dst begin ldd elements apart.
struct Epilogue {
    float* dst;
    const float* bias;
    const float* residual;
    uint32 m, n, ldd;
    bool silu;

    // store writes the columns from column on, four or (COUNT) two of them, at once where they are all there and lie well. It is a call: a
    // thread has a dozen of them after an inner loop of thousands of steps, and its code in each place would be most of the kernel.
    template <int COUNT>
    __device__ __noinline__ void store(uint32 row, uint32 column, float4 product) const {
        if (row >= m) return;
        const uint64 at = static_cast<uint64>(row) * ldd + column;
        float v[4] = {product.x, product.y, product.z, product.w};
        UNROLL
        for (int j = 0; j < COUNT; j++) {
            if (column + j >= n) continue;
            if (bias) v[j] += bias[column + j];
            if (silu) v[j] = ::silu(v[j]);
            if (residual) v[j] += residual[at + j];
        }
        if (column + COUNT <= n && reinterpret_cast<uint64>(dst + at) % (4 * COUNT) == 0) {
            if (COUNT == 4) store4(dst + at, make_float4(v[0], v[1], v[2], v[3]));
            if (COUNT == 2) *reinterpret_cast<float2*>(dst + at) = make_float2(v[0], v[1]);
            return;
        }
        UNROLL
        for (int j = 0; j < COUNT; j++)
            if (column + j < n) dst[at + j] = v[j];
    }
};
