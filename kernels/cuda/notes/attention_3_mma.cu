// attention_3_mma.cu: dst [queries, 64] = softmax(scale · q·kᵀ)·v of one head, q [queries, 64], k and v [keys, 64], on the tensor cores: q, k, v
// and the probabilities rounded to f16, logits, sums and the result in float32.
//
// What changed: both products are mma's. The logits come out of the first as fragments of c, which are, pair by pair, the fragments of a of the second: the
// probabilities never leave the registers. On paper, for 4096 × 4096 on an A100: 14 µs of products a head, 7 of exponentials, 4 MB. Here every tile waits for
// its keys and values; version 4 has them on their way during the products (attention_half.cuh), and reads regions.
#include "../mma.cuh"
#include "../rows.cuh"

const uint32 D = 64;        // columns of a head
const uint32 EDGE = 64;     // queries of a block, keys of a tile
const uint32 PITCH = D + 8; // 8 rows of 16 bytes lie in 32 banks

// load brings rows first … first+63 of x [rows, D] into a tile; rows that are not there are zero.
__device__ __forceinline__ void load(uint16 (*tile)[PITCH], const float* x, uint32 first, uint32 rows) {
    for (uint32 at = threadIdx.x; at < EDGE * D / 4; at += 128) {
        const uint32 r = at / (D / 4), c = at % (D / 4) * 4;
        const bool there = first + r < rows;
        const float4 v = quad(x + (there ? (first + r) * D : 0), c, there ? D : 0, aligned16(x));
        *reinterpret_cast<uint2*>(&tile[r][c]) = make_uint2(F16::pair(v.x, v.y), F16::pair(v.z, v.w));
    }
}

extern "C" __global__ void __launch_bounds__(128) attention_3_mma(float* dst, const float* q, const float* k, const float* v, uint32 queries, uint32 keys, float scale) {
    alignas(16) __shared__ uint16 qs[EDGE][PITCH], ks[EDGE][PITCH], vs[EDGE][PITCH];
    const uint32 warp = threadIdx.x / WARP, g = lane() / 4, t = lane() % 4; // the thread has rows g and g+8 of the warp's 16
    load(qs, q, blockIdx.x * EDGE, queries);
    float acc[D / 8][4], top[2] = {-inf(), -inf()}, sum[2] = {0, 0};
    UNROLL
    for (int c = 0; c < D / 8; c++)
        UNROLL
        for (int e = 0; e < 4; e++) acc[c][e] = 0;

    for (uint32 first = 0; first < keys; first += EDGE) {
        load(ks, k, first, keys);
        load(vs, v, first, keys);
        __syncthreads();
        float s[EDGE / 8][4]; // logits, then probabilities
        UNROLL
        for (int j = 0; j < EDGE / 8; j++)
            UNROLL
            for (int e = 0; e < 4; e++) s[j][e] = 0;
        UNROLL
        for (int p = 0; p < D; p += 16) {
            uint32 x[4], y[4];
            load_a(x, &qs[16 * warp][p], PITCH);
            UNROLL
            for (int j = 0; j < EDGE / 8; j += 2) {
                load_b2(y, &ks[8 * j][p], PITCH);
                mma<F16>(s[j], x, y);
                mma<F16>(s[j + 1], x, y + 2);
            }
        }
        UNROLL
        for (int i = 0; i < 2; i++) { // the online softmax of rows g and g+8, each over the 4 threads that have it
            float largest = top[i], added = 0;
            UNROLL
            for (int j = 0; j < EDGE / 8; j++)
                UNROLL
                for (int e = 2 * i; e < 2 * i + 2; e++) {
                    s[j][e] = first + 8 * j + 2 * t + e % 2 < keys ? s[j][e] * scale : -inf();
                    largest = fmaxf(largest, s[j][e]);
                }
            for (uint32 step = 2; step > 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(ALL, largest, step));
            UNROLL
            for (int j = 0; j < EDGE / 8; j++)
                UNROLL
                for (int e = 2 * i; e < 2 * i + 2; e++) added += s[j][e] = expf(s[j][e] - largest);
            for (uint32 step = 2; step > 0; step /= 2) added += __shfl_xor_sync(ALL, added, step);
            const float fall = expf(top[i] - largest);
            top[i] = largest, sum[i] = sum[i] * fall + added;
            UNROLL
            for (int c = 0; c < D / 8; c++) acc[c][2 * i] *= fall, acc[c][2 * i + 1] *= fall;
        }
        UNROLL
        for (int p = 0; p < EDGE / 16; p++) { // 16 keys: two fragments of c are one of a
            const float *const l = s[2 * p], *const r = s[2 * p + 1];
            const uint32 x[4] = {F16::pair(l[0], l[1]), F16::pair(l[2], l[3]), F16::pair(r[0], r[1]), F16::pair(r[2], r[3])};
            UNROLL
            for (int c = 0; c < D / 8; c += 2) {
                uint32 y[4];
                load_b2_rows(y, &vs[16 * p][8 * c], PITCH);
                mma<F16>(acc[c], x, y);
                mma<F16>(acc[c + 1], x, y + 2);
            }
        }
        __syncthreads(); // before the next tile is written
    }
    UNROLL
    for (int c = 0; c < D / 8; c++)
        UNROLL
        for (int e = 0; e < 4; e++) {
            const uint32 query = blockIdx.x * EDGE + 16 * warp + g + e / 2 * 8;
            if (query < queries) dst[query * D + 8 * c + 2 * t + e % 2] = acc[c][e] / sum[e / 2];
        }
}
