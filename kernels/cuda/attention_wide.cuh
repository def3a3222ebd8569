// attention_wide.cuh is attention on the tensor cores of heads wider than attention_half.cuh has registers for, up to 512 columns a block: the VAE's.
//
// A block has 64 queries and eight warps. Warp w first finds the logits of 16 of them, number w % 4, with 32 of a tile's 64 keys, number w / 4, and
// leaves their probabilities in shared memory; then it has 64 columns of the result, of all 64 queries. Queries, too, come from rows of 16 bits. What a
// block reads goes through shared memory in stages, one on its way while the last is multiplied: 64 columns of its queries and of a tile's keys, as
// often as a head has them, then 16 keys' values, four times.
#pragma once
#include "attention_half.cuh"

template <class Format>
struct WideAttention {
    static const int QUERIES = 64, KEYS = 64, CHUNK = 64, SLICE = 16, COLUMNS = 512, WARPS = 8;
    typedef uint16 Chunk[QUERIES + KEYS][CHUNK + 8]; // queries, then keys
    typedef uint16 Slice[SLICE][COLUMNS + 8];        // values
    struct Tiles {
        alignas(16) uint16 stage[2][(QUERIES + KEYS) * (CHUNK + 8)]; // each a Chunk or a Slice
        alignas(16) uint16 p[QUERIES][KEYS + 8];                     // probabilities
        float half[2][QUERIES];                                      // what the warps of either half of the keys found of each row
        float fall[QUERIES];                                         // what the result so far is to be scaled with
    };
    Tiles& tiles;
    const Reading& r;
    const uint16 *q, *k, *v;  // rows of the head
    uint32 columns, part;     // of a row; of v's, the first that is the block's
    bool causal;
    int turn;                 // the stage that is multiplied next
    float s[KEYS / 16][4];    // logits of the warp's 16 queries and 32 keys, then probabilities: [keys / 8][fragment]
    HalfRow row[2];           // g and g+8 of these queries
    float acc[QUERIES / 16][CHUNK / 8][4]; // the result: [queries / 16][columns / 8][fragment]

    static __device__ __forceinline__ uint32 warp() { return threadIdx.x / WARP; }
    static __device__ __forceinline__ int query(int i) { return warp() % 4 * 16 + lane() / 4 + 8 * i; } // in the task
    static __device__ __forceinline__ uint32 half() { return warp() / 4; }
    __device__ __forceinline__ bool has_columns() const { return part + warp() * CHUNK < columns; }

    // bring_chunk begins to bring columns from column on of the queries and of the keys first … end-1, as far as the tile goes.
    __device__ __forceinline__ void bring_chunk(int stage, uint32 first, uint32 end, uint32 column) const {
        Chunk& to = reinterpret_cast<Chunk&>(tiles.stage[stage]);
        const uint32 at = threadIdx.x / 8, piece = threadIdx.x % 8 * 8;
        UNROLL
        for (uint32 i = at; i < QUERIES; i += WARPS * WARP / 8)
            copy16(&to[i][piece], q + static_cast<uint64>(r.task.first + i) * columns + column + piece, static_cast<int>(i) < r.task.count);
        UNROLL
        for (uint32 i = at; i < KEYS; i += WARPS * WARP / 8)
            copy16(&to[QUERIES + i][piece], k + static_cast<uint64>(first + i) * columns + column + piece, first + i < end);
        commit_copies();
    }

    // bring_slice begins to bring the block's columns of the values of 16 keys, those from first on of which end is the end.
    __device__ __forceinline__ void bring_slice(int stage, uint32 first, uint32 end) const {
        Slice& to = reinterpret_cast<Slice&>(tiles.stage[stage]);
        const uint32 piece = threadIdx.x % 64 * 8;
        if (part + piece < columns)
            UNROLL
            for (uint32 i = threadIdx.x / 64; i < SLICE; i += WARPS * WARP / 64)
                copy16(&to[i][piece], v + static_cast<uint64>(first + i) * columns + part + piece, first + i < end); // 0 times what is not there is 0
        commit_copies();
    }

    // logits is s = q·kᵀ of the tile from first on, whose first chunk is on its way. Then its values are to come, or the keys from next on.
    __device__ __forceinline__ void logits(uint32 first, uint32 end, bool values, uint32 next, uint32 next_end) {
        UNROLL
        for (int j = 0; j < KEYS / 16; j++)
            UNROLL
            for (int e = 0; e < 4; e++) s[j][e] = 0;
        for (uint32 column = 0; column < columns; column += CHUNK) {
            await_copies();
            __syncthreads();
            if (column + CHUNK < columns) {
                bring_chunk(turn ^ 1, first, end, column + CHUNK);
            } else if (values) {
                bring_slice(turn ^ 1, first, end);
            } else {
                bring_chunk(turn ^ 1, next, next_end, 0);
            }
            const Chunk& from = reinterpret_cast<const Chunk&>(tiles.stage[turn]);
            UNROLL
            for (int p = 0; p < CHUNK; p += 16) {
                uint32 x[4], y[4];
                load_a(x, &from[warp() % 4 * 16][p], CHUNK + 8);
                UNROLL
                for (int j = 0; j < KEYS / 16; j += 2) {
                    load_b2(y, &from[QUERIES + 32 * half() + 8 * j][p], CHUNK + 8);
                    mma<Format>(s[j], x, y);
                    mma<Format>(s[j + 1], x, y + 2);
                }
            }
            turn ^= 1;
        }
    }

    // key is the number in its tile of that of s[j][e].
    static __device__ __forceinline__ uint32 key(int j, int e) { return 32 * half() + 8 * j + lane() % 4 * 2 + e % 2; }

    // exchange is what the warps of the other half of the keys have found of the thread's rows, for what its own have.
    __device__ __forceinline__ void exchange(const float own[2], float other[2]) {
        UNROLL
        for (int i = 0; i < 2; i++)
            if (lane() % 4 == 0) tiles.half[half()][query(i)] = own[i];
        __syncthreads();
        UNROLL
        for (int i = 0; i < 2; i++) other[i] = tiles.half[1 - half()][query(i)];
    }

    // weigh makes probabilities of the logits, which factor takes to the domain of row, and leaves them in shared memory.
    __device__ __forceinline__ void weigh(uint32 first, uint32 end, float factor) {
        float own[2], other[2]; // the largest logit
        UNROLL
        for (int i = 0; i < 2; i++) {
            uint32 last = end; // what the row reads ends there
            const uint32 before = r.task.first + query(i) + 1;
            if (causal && before < last) last = before;
            float largest = -inf();
            UNROLL
            for (int j = 0; j < KEYS / 16; j++)
                UNROLL
                for (int e = 2 * i; e < 2 * i + 2; e++) {
                    if (first + key(j, e) >= last) s[j][e] = -inf();
                    largest = fmaxf(largest, s[j][e]);
                }
            own[i] = quad_max(largest);
        }
        exchange(own, other);
        UNROLL
        for (int i = 0; i < 2; i++) {
            const float largest = fmaxf(own[i], other[i]) * factor + row[i].shift;
            float fall = 1;
            if (largest > row[i].top + SLACK) fall = row[i].raise(largest);
            if (half() == 0 && lane() % 4 == 0) tiles.fall[query(i)] = fall;
            const float offset = row[i].shift - row[i].top;
            float sum = 0;
            UNROLL
            for (int j = 0; j < KEYS / 16; j++) {
                UNROLL
                for (int e = 2 * i; e < 2 * i + 2; e++) {
                    s[j][e] = exp2_fast(s[j][e] * factor + offset);
                    sum += s[j][e];
                }
                *reinterpret_cast<uint32*>(&tiles.p[query(i)][key(j, 0)]) = Format::pair(s[j][2 * i], s[j][2 * i + 1]);
            }
            row[i].sum += sum;
        }
    }

    // add is acc += p·v of the tile from first on, whose first values are on their way. Then the keys from next on are to come.
    __device__ __forceinline__ void add(uint32 first, uint32 end, uint32 next, uint32 next_end) {
        for (uint32 slice = 0; slice < KEYS; slice += SLICE) {
            await_copies();
            __syncthreads();
            const bool more = slice + SLICE < KEYS && first + slice + SLICE < end;
            if (more) {
                bring_slice(turn ^ 1, first + slice + SLICE, end);
            } else if (next < next_end) {
                bring_chunk(turn ^ 1, next, next_end, 0);
            }
            if (has_columns()) {
                if (slice == 0)
                    UNROLL
                    for (int band = 0; band < QUERIES / 16; band++)
                        UNROLL
                        for (int i = 0; i < 2; i++) {
                            const float fall = tiles.fall[16 * band + lane() / 4 + 8 * i];
                            UNROLL
                            for (int c = 0; c < CHUNK / 8; c++) acc[band][c][2 * i] *= fall, acc[band][c][2 * i + 1] *= fall;
                        }
                const Slice& from = reinterpret_cast<const Slice&>(tiles.stage[turn]);
                uint32 x[QUERIES / 16][4], y[4];
                UNROLL
                for (int band = 0; band < QUERIES / 16; band++) load_a(x[band], &tiles.p[16 * band][slice], KEYS + 8);
                UNROLL
                for (int c = 0; c < CHUNK / 8; c += 2) {
                    load_b2_rows(y, &from[0][warp() * CHUNK + 8 * c], COLUMNS + 8);
                    UNROLL
                    for (int band = 0; band < QUERIES / 16; band++) {
                        mma<Format>(acc[band][c], x[band], y);
                        mma<Format>(acc[band][c + 1], x[band], y + 2);
                    }
                }
            }
            turn ^= 1;
            if (!more) break;
        }
    }

    __device__ __forceinline__ void clear() {
        row[0].top = row[1].top = LOWEST;
        UNROLL
        for (int band = 0; band < QUERIES / 16; band++)
            UNROLL
            for (int c = 0; c < CHUNK / 8; c++)
                UNROLL
                for (int e = 0; e < 4; e++) acc[band][c][e] = 0;
    }

    // deliver ends a softmax, of whose rows weights are in shared memory.
    __device__ __forceinline__ void deliver(float* dst, uint32 width, uint32 d, const float* weights, bool written) {
        const bool wide = (reinterpret_cast<uint64>(dst) & 7) == 0 && d % 2 == 0;
        UNROLL
        for (int band = 0; band < QUERIES / 16; band++)
            UNROLL
            for (int i = 0; i < 2; i++) {
                const int at = again(16 * band + lane() / 4 + 8 * i);
                if (at < r.task.count)
                    store_row<CHUNK / 8>(dst + static_cast<uint64>(r.query(r.task.first + at)) * width, part + warp() * CHUNK, d, acc[band], i, weights[at], wide, written);
            }
    }
};

template <class Format>
__device__ __forceinline__ void attention_wide(float* dst, const void* q, const void* k, const void* v, const int* plan, float* mass, uint32 queries, uint32 keys,
                                               uint32 heads, uint32 d, uint32 labels, float scale, bool causal) {
    typedef WideAttention<Format> Block;
    const int QUERIES = Block::QUERIES, KEYS = Block::KEYS;
    alignas(16) __shared__ typename Block::Tiles tiles;
    alignas(16) __shared__ RuleRows<QUERIES> rows;
    const Reading r(plan, queries, keys, QUERIES);
    const uint32 width = heads * d, columns = (d + Block::CHUNK - 1) / Block::CHUNK * Block::CHUNK, part = blockIdx.y * Block::COLUMNS;
    dst += (static_cast<uint64>(blockIdx.z / heads) * queries * heads + blockIdx.z % heads) * d;
    const uint64 z = blockIdx.z;
    Block block{tiles,   r,    static_cast<const uint16*>(q) + z * queries * columns, static_cast<const uint16*>(k) + z * keys * columns, static_cast<const uint16*>(v) + z * keys * columns,
                columns, part, causal, 0};
    const bool speaks = block.half() == 0 && lane() % 4 == 0; // for a row, of the eight threads that have it

    const int all = r.program.segments;
    if (all == 0) { // everything is blocked
        for (uint32 i = threadIdx.x; i < static_cast<uint32>(r.task.count) * Block::COLUMNS; i += Block::WARPS * WARP) {
            const uint32 column = part + i % Block::COLUMNS;
            if (column < d) dst[static_cast<uint64>(r.query(r.task.first + i / Block::COLUMNS)) * width + column] = 0;
        }
        if (mass && blockIdx.y == 0) Masses<QUERIES>(mass, labels).store(r, rows.top, rows.sum);
        return;
    }
    Segment segment = r.segment(0);
    block.bring_chunk(0, r.program.extremes ? 0 : segment.from, keys, 0);
    if (r.program.extremes) {
        float high[2] = {-inf(), -inf()}, low[2] = {inf(), inf()};
        for (uint32 first = 0; first < keys; first += KEYS) {
            const bool more = first + KEYS < keys;
            block.logits(first, keys, false, more ? first + KEYS : segment.from, keys);
            UNROLL
            for (int j = 0; j < KEYS / 16; j++)
                UNROLL
                for (int e = 0; e < 4; e++)
                    if (first + block.key(j, e) < keys) high[e / 2] = fmaxf(high[e / 2], block.s[j][e]), low[e / 2] = fminf(low[e / 2], block.s[j][e]);
        }
        float other[2];
        for (int i = 0; i < 2; i++) high[i] = quad_max(high[i]), low[i] = -quad_max(-low[i]);
        block.exchange(high, other);
        for (int i = 0; i < 2; i++)
            if (speaks) rows.high[block.query(i)] = fmaxf(high[i], other[i]) * scale;
        __syncthreads(); // others have been read
        block.exchange(low, other);
        for (int i = 0; i < 2; i++)
            if (speaks) rows.low[block.query(i)] = fminf(low[i], other[i]) * scale;
    }

    bool written = false; // whether dst has a first term
    bool joins = false;   // whether the softmax, which is then the last, has a segment already
    block.clear();
    for (int n = 0;; n++) {
        segment = r.segment(n);
        __syncthreads(); // rows has what other threads wrote
        UNROLL
        for (int i = 0; i < 2; i++) {
            float shift = segment.beta;
            if (segment.high > 0) shift += segment.high * rows.high[block.query(i)];
            if (segment.low > 0) shift += segment.low * rows.low[block.query(i)];
            block.row[i].shift = shift * LOG2_E;
            block.row[i].sum = 0;
        }
        const float factor = fmaxf(scale * segment.keep * LOG2_E, 1e-37f); // as in attention_half
        uint32 end = segment.to;
        if (causal && r.task.first + r.task.count < segment.to) end = r.task.first + r.task.count; // nobody reads behind it
        for (uint32 first = segment.from; first < end; first += KEYS) {
            uint32 next = first + KEYS, next_end = end;
            if (next >= end && n + 1 < all) {
                const Segment after = r.segment(n + 1);
                next = after.from, next_end = after.to;
            }
            block.logits(first, end, true, 0, 0);
            block.weigh(first, end, factor);
            block.add(first, end, next, next_end);
        }
        const bool last = n + 1 == all;
        const float share = segment.share > 0 ? segment.share : r.program.rest;
        float sum[2] = {quad_sum(block.row[0].sum), quad_sum(block.row[1].sum)}, other[2];
        block.exchange(sum, other);
        UNROLL
        for (int i = 0; i < 2; i++) {
            HalfRow& row = block.row[i];
            const int query = block.query(i);
            row.sum = sum[i] + other[i];
            if (mass && blockIdx.y == 0 && speaks) Masses<QUERIES>(mass, labels).note(n, query, row.top * LN_2, row.sum);
            if (joins) row.sum += rows.sum[query] * exp2_fast(rows.top[query] - row.top);
        }
        __syncthreads(); // rows has been read
        if (segment.share == 0 && !last) {
            UNROLL
            for (int i = 0; i < 2; i++)
                if (speaks) rows.top[block.query(i)] = block.row[i].top, rows.sum[block.query(i)] = block.row[i].sum;
            joins = true;
            continue;
        }
        // A softmax ends here.
        UNROLL
        for (int i = 0; i < 2; i++)
            if (speaks) tiles.fall[block.query(i)] = quotient(share, block.row[i].sum);
        __syncthreads();
        block.deliver(dst, width, d, tiles.fall, written);
        if (last) break;
        written = true;
        block.clear();
    }
    if (!mass || blockIdx.y > 0) return;
    UNROLL
    for (int i = 0; i < 2; i++)
        if (speaks) rows.top[block.query(i)] = block.row[i].top * LN_2, rows.sum[block.query(i)] = block.row[i].sum;
    __syncthreads();
    Masses<QUERIES>(mass, labels).store(r, rows.top, rows.sum);
}
