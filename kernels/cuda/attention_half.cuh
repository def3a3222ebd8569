// attention_half.cuh is attention on the tensor cores: q, k, v and the probabilities are rounded to 16 bits, logits, sums and the result are
// float32.
//
// Each warp of a block has 16 or 32 queries: one or two bands of 16, whose fragments of a (mma.cuh) stay in its registers. Their logits with a tile
// of keys come out of the tensor cores as fragments of c, and as fragments of a their probabilities go back in, without leaving the registers. So
// nothing but keys and values goes through shared memory, and two bands read each fragment of them once.
//
// Shared memory holds two tiles of keys and values, in rows of COLUMNS + 8 numbers: 8 times an odd number, so that 8 rows of 16 bytes lie in 32
// banks. While one tile is computed the next is on its way. Keys and values come from rows of 16 bits that the kernel of rows has made of them once
// for all blocks, in the order in which these go through them: 16 bytes at a time, and not through registers. Where keys are so few that making these
// rows would take longer than reading them, blocks read k and v themselves.
//
// Logits are taken times log2 e, so that e^x is the GPU's 2^x. A row's top is not always its largest logit: it rises only if that is more than SLACK above
// it, so that in most tiles nothing has to be scaled. Probabilities are then up to 2^SLACK, which 16 bits hold as well as 1.
#pragma once
#include "async.cuh"
#include "attention.cuh"
#include "mma.cuh"

const float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;
const float SLACK = 8;

// ROLLED leaves the loop that follows as it is, where it is seldom gone through: the code of a kernel that runs for some microseconds has to come from memory, too.
#ifdef SOWGEN_EMULATED
#define ROLLED
#else
#define ROLLED _Pragma("unroll 1")
#endif

// again is x, of which the compiler does not know that: it finds what depends on it anew, and keeps no register for it all the way.
__device__ __forceinline__ int again(int x) {
#ifndef SOWGEN_EMULATED
    asm volatile("" : "+r"(x));
#endif
    return x;
}

// exp2_fast is 2^x to 2 ulp; 0 for results below 2^-126.
#ifdef SOWGEN_EMULATED
__device__ __forceinline__ float exp2_fast(float x) { return exp2f(x); }
#else
__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#endif

// quad_max and quad_sum are over the 4 threads of a row of a fragment.
__device__ __forceinline__ float quad_max(float x) {
    for (uint32 step = 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(ALL, x, step));
    return x;
}
__device__ __forceinline__ float quad_sum(float x) {
    for (uint32 step = 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

// eight is elements at … at+7 of row, rounded, with zeros from end on.
template <class Format>
__device__ __forceinline__ uint4 eight(const float* row, uint32 at, uint32 end, bool wide) {
    const float4 x = quad(row, at, end, wide), y = quad(row, at + 4, end, wide);
    return make_uint4(Format::pair(x.x, x.y), Format::pair(x.z, x.w), Format::pair(y.x, y.y), Format::pair(y.z, y.w));
}

// attention_rows is rows [n·heads, tokens, columns] of k, v and, if it is asked for, q [n, tokens, heads, d], one behind the other: each head's tokens in sorted
// order, rounded, columns from d on zero. columns is a multiple of 8. blockIdx.y is which.
template <class Format>
__device__ __forceinline__ void attention_rows(uint4* rows, const float* k, const float* v, const float* q, const int* plan, uint32 n, uint32 keys, uint32 queries, uint32 heads,
                                               uint32 d, uint32 columns) {
    const Reading r(plan);
    const float* const x = blockIdx.y == 0 ? k : blockIdx.y == 1 ? v : q;
    const uint32 tokens = blockIdx.y < 2 ? keys : queries, pieces = columns / 8;
    const bool wide = aligned16(x) && d % 4 == 0;
    rows += static_cast<uint64>(blockIdx.y) * n * heads * keys * pieces;
    for (uint32 i = global_thread(); i < n * heads * tokens * pieces; i += global_threads()) {
        const uint32 column = i % pieces * 8, row = i / pieces, place = row % tokens, head = row / tokens;
        const uint32 token = blockIdx.y < 2 ? r.key(place) : r.query(place);
        rows[i] = eight<Format>(x + ((static_cast<uint64>(head / heads) * tokens + token) * heads + head % heads) * d, column, d, wide);
    }
}

template <int COLUMNS, int KEYS>
struct KeyTile {
    static const int PITCH = COLUMNS + 8;
    uint16 k[KEYS][PITCH];
    uint16 v[KEYS][PITCH];
};

// RowsOfHead brings tiles from what the kernel of rows has made.
template <class Format, int COLUMNS, int KEYS, int THREADS>
struct RowsOfHead {
    const uint16 *k, *v; // [keys, COLUMNS]

    __device__ __forceinline__ RowsOfHead(const void* k, const void* v, const Reading& r, uint32 heads, uint32 d) {
        const uint64 head = static_cast<uint64>(blockIdx.z) * r.keys * COLUMNS;
        this->k = static_cast<const uint16*>(k) + head, this->v = static_cast<const uint16*>(v) + head;
    }

    // keys begins to bring the sorted keys first … end-1, as many as a tile has, both their values, too; what is not there is zero: 0 times it is 0.
    __device__ __forceinline__ void bring(uint16 (*to)[COLUMNS + 8], const uint16* from, uint32 first, uint32 count) const {
        const uint32 key = threadIdx.x / 8, column = threadIdx.x % 8 * 8;
        from += static_cast<uint64>(first + key) * COLUMNS + column;
        UNROLL
        for (uint32 i = 0; i < KEYS; i += THREADS / 8)
            UNROLL
            for (uint32 c = 0; c < COLUMNS; c += 64)
                if (c + 64 <= COLUMNS || c + column < COLUMNS) copy16(&to[key + i][column + c], from + i * COLUMNS + c, key + i < count);
    }
    __device__ __forceinline__ void keys(KeyTile<COLUMNS, KEYS>& to, uint32 first, uint32 end) const {
        bring(to.k, k, first, end - first);
        commit_copies();
    }
    __device__ __forceinline__ void both(KeyTile<COLUMNS, KEYS>& to, uint32 first, uint32 end) const {
        bring(to.k, k, first, end - first);
        bring(to.v, v, first, end - first);
        commit_copies();
    }
};

// FloatsOfHead brings them from k and v themselves.
template <class Format, int COLUMNS, int KEYS, int THREADS>
struct FloatsOfHead {
    const Reading& r;
    const float *k, *v; // [keys, width]
    uint32 width, d;
    bool wide; // four neighbours can be read at a time

    __device__ __forceinline__ FloatsOfHead(const void* k, const void* v, const Reading& r, uint32 heads, uint32 d) : r(r), width(heads * d), d(d) {
        const uint64 head = (static_cast<uint64>(blockIdx.z / heads) * r.keys * heads + blockIdx.z % heads) * d;
        this->k = static_cast<const float*>(k) + head, this->v = static_cast<const float*>(v) + head;
        wide = aligned16(this->k) && aligned16(this->v) && d % 4 == 0;
    }

    __device__ __forceinline__ void bring(uint16 (*to)[COLUMNS + 8], const float* from, uint32 first, uint32 count) const {
        if (wide) {
            const uint32 column = threadIdx.x % 16 * 4;
            UNROLL
            for (uint32 key = threadIdx.x / 16; key < KEYS; key += THREADS / 16) {
                float4 x = make_float4(0, 0, 0, 0);
                if (key < count && column < d) x = load4(from + static_cast<uint64>(r.key(first + key)) * width + column);
                *reinterpret_cast<uint2*>(&to[key][column]) = make_uint2(Format::pair(x.x, x.y), Format::pair(x.z, x.w));
            }
            return;
        }
        ROLLED
        for (uint32 at = threadIdx.x; at < KEYS * COLUMNS / 2; at += THREADS) {
            const uint32 key = at / (COLUMNS / 2), column = at % (COLUMNS / 2) * 2;
            float x = 0, y = 0;
            if (key < count) {
                const float* const row = from + static_cast<uint64>(r.key(first + key)) * width;
                if (column < d) x = row[column];
                if (column + 1 < d) y = row[column + 1];
            }
            *reinterpret_cast<uint32*>(&to[key][column]) = Format::pair(x, y);
        }
    }
    __device__ __forceinline__ void keys(KeyTile<COLUMNS, KEYS>& to, uint32 first, uint32 end) const { bring(to.k, k, first, end - first); }
    __device__ __forceinline__ void both(KeyTile<COLUMNS, KEYS>& to, uint32 first, uint32 end) const { bring(to.k, k, first, end - first), bring(to.v, v, first, end - first); }
};

// HalfRow is the running softmax of a row, in powers of two.
struct HalfRow {
    float top;   // about the largest logit so far
    float sum;   // Σ 2^(L' - top), of the present segment. Each of the row's four threads has its own until the segment ends
    float shift; // what the segment's rule adds

    // raise takes note of a tile of logits of which the largest is given, and returns what all before is to be scaled with.
    __device__ __forceinline__ float raise(float largest) {
        const float before = top;
        top = fmaxf(top, largest);
        const float factor = exp2_fast(before - top);
        sum *= factor;
        return factor;
    }
};

// RuleRows is what rules make of the rows of a block besides. It is in shared memory, as no tile of keys needs it.
template <int QUERIES>
struct RuleRows {
    float high[QUERIES], low[QUERIES]; // the row's largest and smallest logit, if they are asked for
    float top[QUERIES], sum[QUERIES];  // of the softmax, as they were when the last segment ended
};

// store_row stores the thread's columns of row g or g+8 of a band of the result, from column on of a row that has end; or it adds them to what the thread stored
// there before. wide says that two neighbours can be stored at a time.
template <int FRAGMENTS>
__device__ __forceinline__ void store_row(float* to, uint32 column, uint32 end, float (*acc)[4], int i, float weight, bool wide, bool add) {
    column += lane() % 4 * 2;
    to += column;
    UNROLL
    for (int c = 0; c < FRAGMENTS; c++) acc[c][2 * i] *= weight, acc[c][2 * i + 1] *= weight;
    if (add) {
        UNROLL
        for (int c = 0; c < FRAGMENTS; c++) {
            if (column + 8 * c < end) acc[c][2 * i] += to[8 * c];
            if (column + 8 * c + 1 < end) acc[c][2 * i + 1] += to[8 * c + 1];
        }
    }
    if (wide) {
        UNROLL
        for (int c = 0; c < FRAGMENTS; c++)
            if (column + 8 * c < end) *reinterpret_cast<float2*>(to + 8 * c) = make_float2(acc[c][2 * i], acc[c][2 * i + 1]);
        return;
    }
    UNROLL
    for (int c = 0; c < FRAGMENTS; c++) {
        if (column + 8 * c < end) to[8 * c] = acc[c][2 * i];
        if (column + 8 * c + 1 < end) to[8 * c + 1] = acc[c][2 * i + 1];
    }
}

// HalfAttention is a warp at work. Thread 4·g + t has rows g and g+8 of each band, and of every 8 keys or columns 2t and 2t+1.
template <class Format, int COLUMNS, int KEYS, int BANDS>
struct HalfAttention {
    typedef KeyTile<COLUMNS, KEYS> Tile;
    uint32 q[BANDS][COLUMNS / 16][4];
    float s[BANDS][KEYS / 8][4];      // logits, then probabilities: [band][keys / 8][fragment]
    float acc[BANDS][COLUMNS / 8][4]; // the result: [band][columns / 8][fragment]
    HalfRow row[BANDS][2];            // of each band, g and g+8

    // place is where in the block row i of a band is.
    static __device__ __forceinline__ int place(int band, int i) { return threadIdx.x / WARP * 16 * BANDS + 16 * band + lane() / 4 + 8 * i; }

    // load_queries fills q from q [queries, width], whose rows have d columns; others are zero, as are queries behind the task.
    __device__ __forceinline__ void load_queries(const float* from, const Reading& r, uint32 width, uint32 d) {
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                const int query = place(band, i);
                const uint32 end = query < r.task.count ? d : 0;
                const float* const row = from + (end > 0 ? static_cast<uint64>(r.query(r.task.first + query)) * width : 0);
                UNROLL
                for (int c = 0; c < COLUMNS / 8; c++) {
                    const uint32 column = 8 * c + lane() % 4 * 2;
                    float x = 0, y = 0;
                    if (column < end) x = row[column];
                    if (column + 1 < end) y = row[column + 1];
                    q[band][c / 2][c % 2 * 2 + i] = Format::pair(x, y);
                }
            }
    }

    // logits is s = q·kᵀ.
    __device__ __forceinline__ void logits(const Tile& tile) {
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int j = 0; j < KEYS / 8; j++)
                UNROLL
                for (int e = 0; e < 4; e++) s[band][j][e] = 0;
        UNROLL
        for (int p = 0; p < COLUMNS / 16; p++)
            UNROLL
            for (int j = 0; j < KEYS / 8; j += 2) {
                uint32 y[4];
                load_b2(y, &tile.k[8 * j][16 * p], Tile::PITCH);
                UNROLL
                for (int band = 0; band < BANDS; band++) {
                    mma<Format>(s[band][j], q[band][p], y);
                    mma<Format>(s[band][j + 1], q[band][p], y + 2);
                }
            }
    }

    // hide has the row's logits with keys from number end of the tile on be -∞.
    __device__ __forceinline__ void hide(int band, int i, uint32 end) {
        UNROLL
        for (int j = 0; j < KEYS / 8; j++)
            UNROLL
            for (int e = 2 * i; e < 2 * i + 2; e++)
                if (8 * j + lane() % 4 * 2 + e % 2 >= end) s[band][j][e] = -inf();
    }

    // weigh makes probabilities of the logits, which factor takes to the domain of row.
    __device__ __forceinline__ void weigh(float factor) {
        float largest[BANDS][2];
        bool rises = false;
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                float x = -inf();
                UNROLL
                for (int j = 0; j < KEYS / 8; j++) x = fmaxf(fmaxf(x, s[band][j][2 * i]), s[band][j][2 * i + 1]);
                largest[band][i] = quad_max(x) * factor + row[band][i].shift;
                rises = rises || largest[band][i] > row[band][i].top + SLACK;
            }
        if (rises)
            UNROLL
            for (int band = 0; band < BANDS; band++)
                UNROLL
                for (int i = 0; i < 2; i++) {
                    const float fall = row[band][i].raise(largest[band][i]);
                    UNROLL
                    for (int c = 0; c < COLUMNS / 8; c++) acc[band][c][2 * i] *= fall, acc[band][c][2 * i + 1] *= fall;
                }
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                const float offset = row[band][i].shift - row[band][i].top;
                float sum = 0;
                UNROLL
                for (int j = 0; j < KEYS / 8; j++)
                    UNROLL
                    for (int e = 2 * i; e < 2 * i + 2; e++) {
                        s[band][j][e] = exp2_fast(s[band][j][e] * factor + offset);
                        sum += s[band][j][e];
                    }
                row[band][i].sum += sum;
            }
    }

    // add is acc += p·v.
    __device__ __forceinline__ void add(const Tile& tile) {
        UNROLL
        for (int p = 0; p < KEYS / 16; p++) {
            uint32 x[BANDS][4]; // of 16 keys
            UNROLL
            for (int band = 0; band < BANDS; band++)
                UNROLL
                for (int i = 0; i < 4; i++) {
                    const float* const from = s[band][2 * p + i / 2];
                    x[band][i] = Format::pair(from[i % 2 * 2], from[i % 2 * 2 + 1]);
                }
            UNROLL
            for (int c = 0; c < COLUMNS / 8; c += 2) {
                uint32 y[4];
                load_b2_rows(y, &tile.v[16 * p][8 * c], Tile::PITCH);
                UNROLL
                for (int band = 0; band < BANDS; band++) {
                    mma<Format>(acc[band][c], x[band], y);
                    mma<Format>(acc[band][c + 1], x[band], y + 2);
                }
            }
        }
    }

    // clear begins a softmax.
    __device__ __forceinline__ void clear() {
        UNROLL
        for (int band = 0; band < BANDS; band++) {
            row[band][0].top = row[band][1].top = LOWEST;
            UNROLL
            for (int c = 0; c < COLUMNS / 8; c++)
                UNROLL
                for (int e = 0; e < 4; e++) acc[band][c][e] = 0;
        }
    }

    // deliver ends one: its share of the result goes to dst [queries, width], or is added to what the thread wrote there before.
    __device__ __forceinline__ void deliver(float* dst, const Reading& r, uint32 width, uint32 d, float share, bool written) {
        const bool wide = (reinterpret_cast<uint64>(dst) & 7) == 0 && d % 2 == 0;
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                const int query = again(place(band, i));
                const float weight = quotient(share, row[band][i].sum);
                const uint32 end = query < r.task.count ? d : 0;
                float* const to = dst + (end > 0 ? static_cast<uint64>(r.query(r.task.first + query)) * width : 0);
                store_row<COLUMNS / 8>(to, 0, end, acc[band], i, weight, wide, written);
            }
    }
};

// attention_half has WARPS warps of 16·BANDS queries. Heads are up to COLUMNS wide. Without RULES there is no plan.
template <class Format, int COLUMNS, int KEYS, int WARPS, int BANDS, bool RULES, template <class, int, int, int> class Source>
__device__ __forceinline__ void attention_half(float* dst, const float* q, const void* k, const void* v, const int* plan, float* mass, uint32 queries, uint32 keys,
                                               uint32 heads, uint32 d, uint32 labels, float scale, bool causal) {
    const int QUERIES = WARPS * 16 * BANDS;
    alignas(16) __shared__ KeyTile<COLUMNS, KEYS> tiles[2];
    const int RULED = RULES ? QUERIES : 1;
    alignas(16) __shared__ RuleRows<RULED> rows;
    const Reading r(RULES ? plan : nullptr, queries, keys, QUERIES);
    const Source<Format, COLUMNS, KEYS, WARPS * WARP> source(k, v, r, heads, d);
    const uint32 width = heads * d;
    const uint64 head = (static_cast<uint64>(blockIdx.z / heads) * queries * heads + blockIdx.z % heads) * d;

    HalfAttention<Format, COLUMNS, KEYS, BANDS> warp;
    warp.load_queries(q + head, r, width, d);
    int turn = 0; // the tile of the next keys; the other one's readers may not be done
    if (RULES && r.program.extremes) {
        float high[BANDS][2], low[BANDS][2];
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) high[band][i] = -inf(), low[band][i] = inf();
        source.keys(tiles[turn], 0, keys);
        for (uint32 first = 0; first < keys; first += KEYS, turn ^= 1) {
            await_copies();
            __syncthreads();
            if (first + KEYS < keys) source.keys(tiles[turn ^ 1], first + KEYS, keys);
            warp.logits(tiles[turn]);
            UNROLL
            for (int band = 0; band < BANDS; band++)
                UNROLL
                for (int j = 0; j < KEYS / 8; j++)
                    UNROLL
                    for (int e = 0; e < 4; e++)
                        if (first + 8 * j + lane() % 4 * 2 + e % 2 < keys) {
                            high[band][e / 2] = fmaxf(high[band][e / 2], warp.s[band][j][e]);
                            low[band][e / 2] = fminf(low[band][e / 2], warp.s[band][j][e]);
                        }
        }
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                const float most = quad_max(high[band][i]) * scale, least = -quad_max(-low[band][i]) * scale;
                if (lane() % 4 == 0) rows.high[warp.place(band, i)] = most, rows.low[warp.place(band, i)] = least;
            }
    }

    if (!RULES || r.program.segments > 0) source.both(tiles[turn], r.segment(0).from, r.segment(0).to);
    bool written = false; // whether dst has a first term
    bool joins = false;   // whether the softmax, which is then the last, has a segment already
    warp.clear();
    for (int n = 0; n < r.program.segments; n++) {
        const Segment segment = r.segment(n);
        if (RULES) __syncwarp(); // rows has what other threads wrote
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                float shift = segment.beta;
                if (RULES && segment.high > 0) shift += segment.high * rows.high[warp.place(band, i)];
                if (RULES && segment.low > 0) shift += segment.low * rows.low[warp.place(band, i)];
                warp.row[band][i].shift = shift * LOG2_E;
                warp.row[band][i].sum = 0;
            }
        const float factor = fmaxf(scale * segment.keep * LOG2_E, 1e-37f); // which changes no logit, but 0 times what is hidden were NaN
        uint32 end = segment.to;
        if (causal && r.task.first + r.task.count < segment.to) end = r.task.first + r.task.count; // nobody reads behind it
        for (uint32 first = segment.from; first < end; first += KEYS, turn ^= 1) {
            await_copies();
            __syncthreads();
            uint32 next = first + KEYS, next_end = end;
            if (RULES && next >= end && n + 1 < r.program.segments) {
                const Segment after = r.segment(n + 1);
                next = after.from, next_end = after.to;
            }
            if (next < next_end) source.both(tiles[turn ^ 1], next, next_end);
            warp.logits(tiles[turn]);
            if (end - first < KEYS || (causal && first + KEYS > static_cast<uint32>(r.task.first)))
                UNROLL
                for (int band = 0; band < BANDS; band++)
                    UNROLL
                    for (int i = 0; i < 2; i++) {
                        uint32 last = end; // what the row reads ends there
                        const uint32 own = r.task.first + warp.place(band, i) + 1;
                        if (causal && own < last) last = own;
                        warp.hide(band, i, last > first ? last - first : 0);
                    }
            warp.weigh(factor);
            warp.add(tiles[turn]);
        }
        const bool last = n + 1 == r.program.segments;
        const float share = r.segment(n).share; // read again, not kept all the way
        UNROLL
        for (int band = 0; band < BANDS; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                HalfRow& row = warp.row[band][i];
                const int place = warp.place(band, i);
                row.sum = quad_sum(row.sum);
                if (!RULES) continue;
                if (mass && lane() % 4 == 0) Masses<QUERIES>(mass, labels).note(n, place, row.top * LN_2, row.sum);
                if (joins) row.sum += rows.sum[place] * exp2_fast(rows.top[place] - row.top);
            }
        if (RULES && share == 0 && !last) {
            __syncwarp(); // other threads have read rows
            UNROLL
            for (int band = 0; band < BANDS; band++)
                UNROLL
                for (int i = 0; i < 2; i++)
                    if (lane() % 4 == 0) rows.top[warp.place(band, i)] = warp.row[band][i].top, rows.sum[warp.place(band, i)] = warp.row[band][i].sum;
            joins = true;
            continue;
        }
        warp.deliver(dst + head, r, width, d, share > 0 ? share : r.program.rest, written);
        if (!RULES || last) break;
        written = true;
        warp.clear();
    }
    if (!RULES) return;
    if (r.program.segments == 0) // everything is blocked
        for (uint32 i = threadIdx.x; i < r.task.count * d; i += WARPS * WARP) dst[head + static_cast<uint64>(r.query(r.task.first + i / d)) * width + i % d] = 0;
    if (!mass) return;
    __syncwarp(); // other threads have read rows
    UNROLL
    for (int band = 0; band < BANDS; band++)
        UNROLL
        for (int i = 0; i < 2; i++)
            if (lane() % 4 == 0) rows.top[warp.place(band, i)] = warp.row[band][i].top * LN_2, rows.sum[warp.place(band, i)] = warp.row[band][i].sum;
    __syncthreads();
    Masses<QUERIES>(mass, labels).store(r, rows.top, rows.sum);
}
