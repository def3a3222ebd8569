// attention_1_logits.cu: dst [queries, 64] = softmax(scale · q·kᵀ)·v of one head, q [queries, 64], k and v [keys, 64], in three kernels that
// write the logits and read them.
//
// On paper, for 4096 × 4096: 4.3 GFLOP, and 67 MB of logits that are written, read, written as probabilities and read, beside 4 MB of q, k, v and
// the result: 16 FLOP a byte. Memory is the bound: 134 µs on an A100, if the products were as good as gemm's last version.
#include "../warp.cuh"

const uint32 D = 64; // columns of a head

extern "C" __global__ void __launch_bounds__(256) attention_1_logits(float* s, const float* q, const float* k, uint32 queries, uint32 keys, float scale) {
    const uint32 at = global_thread();
    if (at >= queries * keys) return;
    float sum = 0;
    for (uint32 c = 0; c < D; c++) sum = fmaf(q[at / keys * D + c], k[at % keys * D + c], sum);
    s[at] = sum * scale;
}

// attention_1_softmax turns the rows of s into probabilities where they are; a warp has a row.
extern "C" __global__ void __launch_bounds__(256) attention_1_softmax(float* s, uint32 queries, uint32 keys) {
    const uint32 row = global_thread() / WARP;
    if (row >= queries) return; // the whole warp
    s += static_cast<uint64>(row) * keys;
    float top = -inf(), sum = 0;
    for (uint32 j = lane(); j < keys; j += WARP) top = larger(top, s[j]);
    top = warp_max(top);
    for (uint32 j = lane(); j < keys; j += WARP) sum += expf(s[j] - top);
    sum = warp_sum(sum);
    for (uint32 j = lane(); j < keys; j += WARP) s[j] = expf(s[j] - top) / sum;
}

extern "C" __global__ void __launch_bounds__(256) attention_1_values(float* dst, const float* s, const float* v, uint32 queries, uint32 keys) {
    const uint32 at = global_thread();
    if (at >= queries * D) return;
    float sum = 0;
    for (uint32 j = 0; j < keys; j++) sum = fmaf(s[static_cast<uint64>(at / D) * keys + j], v[static_cast<uint64>(j) * D + at % D], sum);
    dst[at] = sum;
}
