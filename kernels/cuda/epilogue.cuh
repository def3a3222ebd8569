// epilogue.cuh is what happens to a product on its way to memory.
#pragma once
#include "half.cuh"
#include "math.cuh"
#include "rows.cuh"

// Act is what an epilogue applies to a product. The first four have the numbers of kernels.Activation.
enum Act { NO_ACT, SILU, GELU, QUICK_GELU, GEGLU, GEGLU_F16, GEGLU_BF16 };

__device__ __forceinline__ float activated(float x, uint32 act) {
    if (act == SILU) return silu(x);
    if (act == GELU) return gelu(x);
    if (act == QUICK_GELU) return quick_gelu(x);
    return x;
}

// Epilogue stores a product [m, n]: dst = act(product + bias) + residual. bias [n] and residual, laid out like dst, may be null; residual
// may be dst. Rows of dst begin ldd elements apart.
//
// With GEGLU the product's columns are values and their gates in turn, as pack.cu lays out a weight for it, bias is all the values' and then
// all the gates', and dst is [m, n / 2]: dst = (value + bias)·GELU(gate + bias). There is no residual. GEGLU_F16 and GEGLU_BF16 are that in 16 bits, for
// a product that reads it.
struct Epilogue {
    float* dst;
    const float* bias;
    const float* residual;
    uint32 m, n, ldd;
    uint32 act;

    // part is that of a block's part of the inner index: what it has summed up, as it is, to parts [part, m, n].
    static __device__ __forceinline__ Epilogue part(float* parts, uint32 m, uint32 n) {
        return Epilogue{parts + static_cast<uint64>(blockIdx.z) * m * n, nullptr, nullptr, m, n, n, NO_ACT};
    }

    // put writes four columns from column on, at once where they are all there and lie well.
    __device__ __forceinline__ void put(uint32 row, uint32 column, float4 product) const {
        if (row >= m || column >= n) return;
        const float v[4] = {product.x, product.y, product.z, product.w};
        if (act >= GEGLU) {
            UNROLL
            for (int j = 0; j < 4; j += 2) {
                if (column + j >= n) continue;
                const uint32 to = (column + j) / 2;
                const uint64 at = static_cast<uint64>(row) * ldd + to;
                const float y = (v[j] + (bias ? bias[to] : 0)) * gelu(v[j + 1] + (bias ? bias[n / 2 + to] : 0));
                if (act == GEGLU)
                    dst[at] = y;
                else
                    reinterpret_cast<uint16*>(dst)[at] = act == GEGLU_F16 ? F16::of(y) : BF16::of(y);
            }
            return;
        }
        const uint64 at = static_cast<uint64>(row) * ldd + column;
        const uint32 count = n - column; // of the columns that there are
        const bool wide = aligned16(dst + at) && aligned16(bias + column) && aligned16(residual + at);
        const float4 shift = bias ? quad(bias + column, 0, count, wide) : make_float4(0, 0, 0, 0);
        const float4 more = residual ? quad(residual + at, 0, count, wide) : make_float4(0, 0, 0, 0);
        const float4 y = make_float4(activated(v[0] + shift.x, act) + more.x, activated(v[1] + shift.y, act) + more.y, activated(v[2] + shift.z, act) + more.z,
                                     activated(v[3] + shift.w, act) + more.w);
        if (wide && count >= 4) {
            store4(dst + at, y);
            return;
        }
        const float each[4] = {y.x, y.y, y.z, y.w};
        UNROLL
        for (uint32 j = 0; j < 4; j++)
            if (j < count) dst[at + j] = each[j];
    }

    // store is put as a call: a thread of product_f32 has a dozen of them after an inner loop of thousands of steps, and its code in each place
    // would be most of the kernel.
    __device__ __noinline__ void store(uint32 row, uint32 column, float4 product) const { put(row, column, product); }
};
