// geglu.cu: the gated unit of the transformer blocks' feed-forward.
#include "math.cuh"

// geglu is dst[r, j] = x[r, j]·GELU(x[r, c + j]) for x [rows, 2c] and dst [rows, c].
extern "C" __global__ void __launch_bounds__(256) geglu(float* dst, const float* x, uint32 rows, uint32 c) {
    const uint32 n = rows * c;
    if (c % 4 == 0 && aligned16(dst) && aligned16(x)) {
        for (uint32 i = global_thread(); i < n / 4; i += global_threads()) {
            const uint32 row = 4 * i / c, j = 4 * i % c;
            const float* const at = x + static_cast<uint64>(row) * 2 * c + j;
            const float4 v = load4(at), gate = load4(at + c);
            store4(dst + 4 * i, make_float4(v.x * gelu(gate.x), v.y * gelu(gate.y), v.z * gelu(gate.z), v.w * gelu(gate.w)));
        }
        return;
    }
    for (uint32 i = global_thread(); i < n; i += global_threads()) {
        const float* const at = x + static_cast<uint64>(i / c) * 2 * c + i % c;
        dst[i] = at[0] * gelu(at[c]);
    }
}
