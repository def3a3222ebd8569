// softmax.cu: the softmax of rows. (That of attention is in attention.cu, and never written out.)
#include "warp.cuh"

// softmax is dst[r, j] = e^(x[r, j] - max) / Σ_j e^(x[r, j] - max) for x [rows, c]; a warp has a row. A row with a NaN, a +Inf or nothing but
// -Inf becomes NaN. dst may be x: each thread reads only what it writes.
extern "C" __global__ void __launch_bounds__(256) softmax(float* dst, const float* x, uint32 rows, uint32 c) {
    const uint32 row = global_thread() / WARP;
    if (row >= rows) return; // the whole warp
    x += static_cast<uint64>(row) * c;
    dst += static_cast<uint64>(row) * c;
    float top = -inf(), sum = 0;
    for (uint32 j = lane(); j < c; j += WARP) top = larger(top, x[j]);
    top = warp_max(top);
    for (uint32 j = lane(); j < c; j += WARP) {
        const float e = expf(x[j] - top);
        dst[j] = e;
        sum += e;
    }
    sum = warp_sum(sum);
    for (uint32 j = lane(); j < c; j += WARP) dst[j] /= sum;
}
