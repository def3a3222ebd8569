// epilogue.cuh is what happens to a product on its way to memory.
#pragma once
#include "math.cuh"

// Act is what an epilogue applies to a product. The first four have the numbers of kernels.Activation.
enum Act { NO_ACT, SILU, GELU, QUICK_GELU, GEGLU };

// Epilogue stores a product [m, n]: dst = act(product + bias) + residual. bias [n] and residual, laid out like dst, may be null; residual
// may be dst. Rows of dst begin ldd elements apart.
//
// With GEGLU the product's columns are values and their gates in turn, as pack.cu lays out a weight for it, bias is all the values' and then
// all the gates', and dst is [m, n / 2]: dst = (value + bias)·GELU(gate + bias). There is no residual.
struct Epilogue {
    float* dst;
    const float* bias;
    const float* residual;
    uint32 m, n, ldd;
    uint32 act;

    // store writes the columns from column on, four or (COUNT) two of them, at once where they are all there and lie well. It is a call: a
    // thread has a dozen of them after an inner loop of thousands of steps, and its code in each place would be most of the kernel.
    template <int COUNT>
    __device__ __noinline__ void store(uint32 row, uint32 column, float4 product) const {
        if (row >= m) return;
        float v[4] = {product.x, product.y, product.z, product.w};
        if (act == GEGLU) {
            UNROLL
            for (int j = 0; j < COUNT; j += 2) {
                if (column + j >= n) continue;
                const uint32 to = (column + j) / 2;
                if (bias) {
                    v[j] += bias[to];
                    v[j + 1] += bias[n / 2 + to];
                }
                dst[static_cast<uint64>(row) * ldd + to] = v[j] * gelu(v[j + 1]);
            }
            return;
        }
        const uint64 at = static_cast<uint64>(row) * ldd + column;
        UNROLL
        for (int j = 0; j < COUNT; j++) {
            if (column + j >= n) continue;
            if (bias) v[j] += bias[column + j];
            if (act == SILU) v[j] = silu(v[j]);
            if (act == GELU) v[j] = gelu(v[j]);
            if (act == QUICK_GELU) v[j] = quick_gelu(v[j]);
            if (residual) v[j] += residual[at + j];
        }
        if (column + COUNT <= n && reinterpret_cast<uint64>(dst + at) % (4 * COUNT) == 0) {
            if (COUNT == 4)
                store4(dst + at, make_float4(v[0], v[1], v[2], v[3]));
            else
                *reinterpret_cast<float2*>(dst + at) = make_float2(v[0], v[1]);
            return;
        }
        UNROLL
        for (int j = 0; j < COUNT; j++)
            if (column + j < n) dst[at + j] = v[j];
    }
};
