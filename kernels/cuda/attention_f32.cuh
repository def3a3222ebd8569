// attention_f32.cuh is attention in float32. A block goes through the keys 32 at a time, and through the columns of q and k 16 at a time.
#pragma once
#include "attention.cuh"

const int QUERIES = 64, THREADS = 128; // of a block
const int KEYS = 32, CHUNK = 16;        // of a tile: keys, columns of q and k

// Thread 8·ty + tx has the logits of queries 4·ty … 4·ty+3 with keys tx, tx+8, tx+16, tx+24, and of the result the same queries and, of every 32
// columns, 4·tx … 4·tx+3. The 8 threads of a row are neighbours in a warp.
//
// Shared memory: the tiles of q and k have the column outside, and are written by 32 threads for 32 rows: 32 banks. Key j of a tile stands at
// place 4·(j % 8) + j / 8, so that a thread's four keys are neighbours and read as one float4. A probability tile has the key outside; a
// thread writes four queries of a key as a float4, 8 neighbours those of 8 keys: rows of 64 + 4 words put them into different banks. v is
// read as it is written, 8 float4 side by side.
__device__ __forceinline__ uint32 place_of(uint32 key) { return key % 8 * 4 + key / 8; }

struct QKTile {
    float q[CHUNK][QUERIES];
    float k[CHUNK][KEYS];
};

// logits is s[i][j] = Σ_c q·k of the thread's queries and keys, for count keys from place first of the sorted ones; 0 for others.
__device__ __forceinline__ void logits(float s[4][4], QKTile& tile, const Reading& r, const float* q, const float* k, uint32 first, uint32 count, uint32 width,
                                       uint32 d) {
    const uint32 warp = threadIdx.x / WARP, ty = threadIdx.x / 8, tx = threadIdx.x % 8;
    const bool wide = aligned16(q) && aligned16(k) && width % 4 == 0;
    UNROLL
    for (int i = 0; i < 4; i++)
        UNROLL
        for (int j = 0; j < 4; j++) s[i][j] = 0;
    // A key or a query that is not there has no columns.
    const uint32 key_end = lane() < count ? d : 0;
    const float* const key = k + (key_end > 0 ? static_cast<uint64>(r.key(first + lane())) * width : 0);
    uint32 query_end[2];
    const float* query[2];
    UNROLL
    for (int i = 0; i < 2; i++) {
        const int row = lane() + 32 * i;
        query_end[i] = row < r.task.count ? d : 0;
        query[i] = q + (query_end[i] > 0 ? static_cast<uint64>(r.query(r.task.first + row)) * width : 0);
    }
    for (uint32 c = 0; c < d; c += CHUNK) {
        __syncthreads(); // the tile's last readers are done
        const uint32 col = 4 * warp;
        float4 x = quad(key, c + col, key_end, wide);
        tile.k[col][place_of(lane())] = x.x;
        tile.k[col + 1][place_of(lane())] = x.y;
        tile.k[col + 2][place_of(lane())] = x.z;
        tile.k[col + 3][place_of(lane())] = x.w;
        UNROLL
        for (int i = 0; i < 2; i++) {
            const uint32 row = lane() + 32 * i;
            x = quad(query[i], c + col, query_end[i], wide);
            tile.q[col][row] = x.x;
            tile.q[col + 1][row] = x.y;
            tile.q[col + 2][row] = x.z;
            tile.q[col + 3][row] = x.w;
        }
        __syncthreads();
        UNROLL_4
        for (int p = 0; p < CHUNK; p++) {
            const float4 a = load4(&tile.q[p][4 * ty]), b = load4(&tile.k[p][4 * tx]);
            const float x[4] = {a.x, a.y, a.z, a.w}, y[4] = {b.x, b.y, b.z, b.w};
            UNROLL
            for (int i = 0; i < 4; i++)
                UNROLL
                for (int j = 0; j < 4; j++) s[i][j] = fmaf(x[i], y[j], s[i][j]);
        }
    }
}

// row_max and row_sum are over the 8 threads of a row.
__device__ __forceinline__ float row_max(float x) {
    for (uint32 step = 4; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(ALL, x, step));
    return x;
}
__device__ __forceinline__ float row_sum(float x) {
    for (uint32 step = 4; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

// attention_f32 is the block's part of the result: 32·G columns of v.
template <int G>
__device__ __forceinline__ void attention_f32(float* dst, const float* q, const float* k, const float* v, const int* plan, float* mass, uint32 queries, uint32 keys,
                                          uint32 heads, uint32 d, uint32 labels, float scale, bool causal) {
    alignas(16) __shared__ QKTile tile;
    alignas(16) __shared__ float ps[KEYS][QUERIES + 4]; // probabilities [keys][queries]
    alignas(16) __shared__ float vs[KEYS][32 * G];      // [keys][columns]

    const Reading r(plan, queries, keys, QUERIES);
    const Masses<QUERIES> masses(mass, labels);
    const uint32 ty = threadIdx.x / 8, tx = threadIdx.x % 8, width = heads * d;
    const uint32 column = blockIdx.y * 32 * G; // of v
    const Heads at(queries, keys, heads, d);
    q += at.query, dst += at.query, k += at.key, v += at.key;
    const bool wide = aligned16(v) && width % 4 == 0;

    float s[4][4];        // logits [queries][keys], then probabilities
    float acc[4][G][4];   // result [queries][columns]
    RowState row[4];
    bool written = false; // whether dst has a first term

    UNROLL
    for (int i = 0; i < 4; i++) row[i].reset(), row[i].high = -inf(), row[i].low = inf();
    if (r.program.extremes)
        for (uint32 first = 0; first < keys; first += KEYS) {
            const uint32 count = keys - first < KEYS ? keys - first : KEYS;
            logits(s, tile, r, q, k, first, count, width, d);
            UNROLL
            for (int i = 0; i < 4; i++)
                UNROLL
                for (int j = 0; j < 4; j++)
                    if (tx + 8 * j < count) row[i].high = fmaxf(row[i].high, s[i][j] * scale), row[i].low = fminf(row[i].low, s[i][j] * scale);
        }
    UNROLL
    for (int i = 0; i < 4; i++) row[i].high = row_max(row[i].high), row[i].low = -row_max(-row[i].low);

    UNROLL
    for (int i = 0; i < 4; i++)
        UNROLL
        for (int g = 0; g < G; g++)
            UNROLL
            for (int c = 0; c < 4; c++) acc[i][g][c] = 0;

    for (int n = 0; n < r.program.segments; n++) {
        const Segment segment = r.segment(n);
        UNROLL
        for (int i = 0; i < 4; i++) row[i].begin(segment);
        uint32 end = segment.to;
        if (causal && r.task.first + r.task.count < segment.to) end = r.task.first + r.task.count; // nobody reads behind it
        for (uint32 first = segment.from; first < end; first += KEYS) {
            const uint32 count = end - first < KEYS ? end - first : KEYS;
            logits(s, tile, r, q, k, first, count, width, d);
            UNROLL
            for (int i = 0; i < 4; i++) {
                float largest = LOWEST;
                UNROLL
                for (int j = 0; j < 4; j++) {
                    s[i][j] = s[i][j] * scale * segment.keep + row[i].shift;
                    if (tx + 8 * j >= count) s[i][j] = -inf(); // behind the segment
                    if (causal && first + tx + 8 * j > r.task.first + 4 * ty + i) s[i][j] = -inf();
                    largest = fmaxf(largest, s[i][j]);
                }
                const float factor = row[i].raise(row_max(largest));
                float sum = 0;
                UNROLL
                for (int j = 0; j < 4; j++) {
                    s[i][j] = expf(s[i][j] - row[i].top);
                    sum += s[i][j];
                }
                row[i].add(row_sum(sum));
                UNROLL
                for (int g = 0; g < G; g++)
                    UNROLL
                    for (int c = 0; c < 4; c++) acc[i][g][c] *= factor;
            }
            UNROLL
            for (int j = 0; j < 4; j++) store4(&ps[tx + 8 * j][4 * ty], make_float4(s[0][j], s[1][j], s[2][j], s[3][j]));
            UNROLL
            for (int i = 0; i < 2 * G; i++) {
                const uint32 at = threadIdx.x + i * THREADS, key = at / (8 * G), col = at % (8 * G) * 4, end = key < count ? d : 0;
                // Keys behind the segment are zero: their probability is, and 0·NaN would not be.
                const float* const from = v + (end > 0 ? static_cast<uint64>(r.key(first + key)) * width : 0);
                store4(&vs[key][col], quad(from, column + col, end, wide));
            }
            __syncthreads();
            UNROLL_4
            for (int j = 0; j < KEYS; j++) {
                const float4 a = load4(&ps[j][4 * ty]);
                const float p[4] = {a.x, a.y, a.z, a.w};
                UNROLL
                for (int g = 0; g < G; g++) {
                    const float4 b = load4(&vs[j][32 * g + 4 * tx]);
                    UNROLL
                    for (int i = 0; i < 4; i++) {
                        acc[i][g][0] = fmaf(p[i], b.x, acc[i][g][0]);
                        acc[i][g][1] = fmaf(p[i], b.y, acc[i][g][1]);
                        acc[i][g][2] = fmaf(p[i], b.z, acc[i][g][2]);
                        acc[i][g][3] = fmaf(p[i], b.w, acc[i][g][3]);
                    }
                }
            }
        }
        if (mass && blockIdx.y == 0 && tx == 0)
            for (int i = 0; i < 4; i++) masses.note(n, 4 * ty + i, row[i].top, row[i].part);
        const bool last = n + 1 == r.program.segments;
        if (segment.share == 0 && !last) continue;
        // A softmax ends here: its share goes to dst. Each thread adds to what it wrote itself.
        const float share = segment.share > 0 ? segment.share : r.program.rest;
        UNROLL
        for (int i = 0; i < 4; i++) {
            const int query = 4 * ty + i;
            if (query >= r.task.count) continue;
            float* const to = dst + static_cast<uint64>(r.query(r.task.first + query)) * width;
            const float factor = share / row[i].sum;
            UNROLL
            for (int g = 0; g < G; g++) {
                const float* const a = acc[i][g];
                deliver<4>(to, column + 32 * g + 4 * tx, d, make_float4(a[0] * factor, a[1] * factor, a[2] * factor, a[3] * factor), written);
            }
        }
        written = true;
        if (last) break;
        UNROLL
        for (int i = 0; i < 4; i++) {
            row[i].reset();
            UNROLL
            for (int g = 0; g < G; g++)
                UNROLL
                for (int c = 0; c < 4; c++) acc[i][g][c] = 0;
        }
    }
    if (!written) // everything is blocked
        for (uint32 i = threadIdx.x; i < static_cast<uint32>(r.task.count) * 32 * G; i += THREADS)
            if (column + i % (32 * G) < d) dst[static_cast<uint64>(r.query(r.task.first + i / (32 * G))) * width + column + i % (32 * G)] = 0;
    if (!mass || blockIdx.y > 0) return;
    alignas(16) __shared__ float last_top[QUERIES], last_sum[QUERIES];
    if (tx == 0)
        for (int i = 0; i < 4; i++) last_top[4 * ty + i] = row[i].top, last_sum[4 * ty + i] = row[i].sum;
    __syncthreads();
    masses.store(r, last_top, last_sum);
}
