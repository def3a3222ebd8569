// attention_2_online.cu: dst [queries, 64] = softmax(scale · q·kᵀ)·v of one head, q [queries, 64], k and v [keys, 64], a thread for each query.
//
// What changed: the logits stay on the chip (Milakov & Gimelshein 2018; FlashAttention). Keys go by in tiles; the result so far is the softmax of what
// was seen, under the largest logit so far, and a larger one shrinks it. On paper, for 4096 × 4096: 4 MB instead of 272, 1000 FLOP a byte. The f32
// units are the bound, 220 µs on an A100; version 1 is below that on paper only with the tensor cores that this one has not. Here a
// read of 16 bytes from shared memory serves four multiply-adds; attention_f32.cuh keeps 4 × 4 logits in a thread, and does rules.
#include "../device.cuh"

const uint32 D = 64;    // columns of a head
const uint32 KEYS = 16; // of a tile

extern "C" __global__ void __launch_bounds__(64) attention_2_online(float* dst, const float* q, const float* k, const float* v, uint32 queries, uint32 keys, float scale) {
    __shared__ float ks[KEYS][D], vs[KEYS][D]; // all threads of a warp read the same number at a time
    const uint32 query = blockIdx.x * 64 + threadIdx.x;
    float x[D], acc[D]; // the query and its result so far
    UNROLL
    for (int c = 0; c < D; c++) x[c] = query < queries ? q[query * D + c] : 0, acc[c] = 0;
    float top = -inf(), sum = 0;
    for (uint32 first = 0; first < keys; first += KEYS) {
        const uint32 count = keys - first < KEYS ? keys - first : KEYS;
        for (uint32 i = threadIdx.x; i < count * D; i += 64) ks[i / D][i % D] = k[first * D + i], vs[i / D][i % D] = v[first * D + i];
        __syncthreads();
        float s[KEYS], largest = top;
        UNROLL
        for (int j = 0; j < KEYS; j++) {
            s[j] = 0;
            if (j < count) {
                UNROLL
                for (int c = 0; c < D; c++) s[j] = fmaf(x[c], ks[j][c], s[j]);
            }
            s[j] = j < count ? s[j] * scale : -inf();
            largest = fmaxf(largest, s[j]);
        }
        const float fall = expf(top - largest); // of all that was under the last top; 0 the first time
        top = largest;
        sum *= fall;
        UNROLL
        for (int c = 0; c < D; c++) acc[c] *= fall;
        UNROLL
        for (int j = 0; j < KEYS; j++) {
            if (j >= count) continue;
            const float p = expf(s[j] - top);
            sum += p;
            UNROLL
            for (int c = 0; c < D; c++) acc[c] = fmaf(p, vs[j][c], acc[c]);
        }
        __syncthreads(); // before the next tile is written
    }
    if (query >= queries) return;
    UNROLL
    for (int c = 0; c < D; c++) dst[query * D + c] = acc[c] / sum;
}
