// partial.cu adds up what the parts of a product have left that was split along its inner index (gemm.cu, conv.cu):
//
//	dst[i, j] = act(Σ_part parts[part, i, j] + bias[j]) + residual[i, j]
//
// for parts [count, m, n]; bias, residual, act and ldd are an epilogue's. Parts are added in their order, so the same input gives the same bytes.
#include "epilogue.cuh"

extern "C" __global__ void __launch_bounds__(256) join_parts(float* dst, const float* parts, const float* bias, const float* residual, uint32 count, uint32 m, uint32 n,
                                                             uint32 ldd, uint32 act) {
    const Epilogue out{dst, bias, residual, m, n, ldd, act};
    const uint32 quads = (n + 3) / 4; // of a row
    const bool wide = n % 4 == 0; // parts lie in working memory, which is aligned
    for (uint32 i = global_thread(); i < m * quads; i += global_threads()) {
        const uint32 row = i / quads, column = i % quads * 4;
        float4 sum = make_float4(0, 0, 0, 0);
        for (uint32 part = 0; part < count; part++) {
            const float4 x = quad(parts + (static_cast<uint64>(part) * m + row) * n, column, n, wide);
            sum = make_float4(sum.x + x.x, sum.y + x.y, sum.z + x.z, sum.w + x.w);
        }
        out.put(row, column, sum);
    }
}
