// attention_half.cuh is attention on the tensor cores: q, k, v and the probabilities are rounded to 16 bits, logits, sums and the result are
// float32.
//
// Each of a block's four warps has 16 queries. Its logits with a tile of keys come out of the tensor cores as fragments of c (mma.cuh), and as
// fragments of a their probabilities go back in, without leaving the registers. Shared memory holds a tile each of q, k and v in rows of
// COLUMNS + 8 numbers, 8 times an odd number, so that 8 rows of 16 bytes lie in 32 banks. So they are read, as the rows of a matrix, and so
// they are written: a warp brings 8 rows of 16 columns, half of them two quads, 16 bytes, of each.
//
// While the logits of a tile are computed its values are on their way from memory to registers, and while these are multiplied so are the
// next keys.
#pragma once
#include "attention.cuh"
#include "mma.cuh"

template <int COLUMNS, int KEYS> // of a tile
struct AttentionTile {
    static const int PITCH = COLUMNS + 8;
    static const int DOWN = KEYS / 32, ACROSS = COLUMNS / 16; // a thread brings a quad of every 32 rows and 16 columns,
    // in these:
    static __device__ __forceinline__ uint32 row() { return threadIdx.x % 8 + threadIdx.x / WARP * 8; }
    static __device__ __forceinline__ uint32 column() { return threadIdx.x / 8 % 4 * 4; }
    uint16 q[QUERIES][PITCH];
    uint16 k[KEYS][PITCH];
    uint16 v[KEYS][PITCH];
};

// quad_max and quad_sum are over the 4 threads of a row of a fragment.
__device__ __forceinline__ float quad_max(float x) {
    for (uint32 step = 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(ALL, x, step));
    return x;
}
__device__ __forceinline__ float quad_sum(float x) {
    for (uint32 step = 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

// HalfAttention is a block at work. Thread 4·g + t of a warp has rows g and g+8 of its 16, and of every 8 keys or columns 2t and 2t+1.
template <class Format, int COLUMNS, int KEYS>
struct HalfAttention {
    typedef AttentionTile<COLUMNS, KEYS> Tile;
    Tile& tile;
    const Reading& r;
    const float *q, *k, *v;
    uint32 width, d;
    bool wide; // four neighbours can be read at a time
    float4 held[Tile::DOWN][Tile::ACROSS];
    float s[KEYS / 8][4]; // logits, then probabilities: [keys / 8][fragment]

    // row is where a sorted key is in from, which is k or v.
    __device__ __forceinline__ const float* row(const float* from, uint32 place) const { return from + static_cast<uint64>(r.key(place)) * width; }

    // fetch begins to read columns from column on of count sorted keys from first on, four at a time; where that cannot be, store does it all.
    __device__ __forceinline__ void fetch(const float* from, uint32 first, uint32 count, uint32 column) {
        if (!wide) return;
        UNROLL
        for (int i = 0; i < Tile::DOWN; i++) {
            const uint32 key = Tile::row() + 32 * i;
            const float* const at = key < count ? row(from, first + key) + column + Tile::column() : nullptr;
            UNROLL
            for (int c = 0; c < Tile::ACROSS; c++) {
                held[i][c] = make_float4(0, 0, 0, 0); // keys behind the segment and columns behind the head add nothing
                if (at && column + Tile::column() + 16 * c < d) held[i][c] = load4(at + 16 * c);
            }
        }
    }

    // store puts into k or v of the tile what was fetched with the same arguments.
    __device__ __forceinline__ void store(uint16 (*to)[Tile::PITCH], const float* from, uint32 first, uint32 count, uint32 column) const {
        if (wide) {
            UNROLL
            for (int i = 0; i < Tile::DOWN; i++)
                UNROLL
                for (int c = 0; c < Tile::ACROSS; c++)
                    *reinterpret_cast<uint2*>(&to[Tile::row() + 32 * i][Tile::column() + 16 * c]) =
                        make_uint2(Format::pair(held[i][c].x, held[i][c].y), Format::pair(held[i][c].z, held[i][c].w));
            return;
        }
        for (uint32 at = threadIdx.x; at < KEYS * COLUMNS / 2; at += THREADS) { // two at a time
            const uint32 key = at / (COLUMNS / 2), here = at % (COLUMNS / 2) * 2, col = column + here, end = key < count ? d : 0;
            const float* const x = end > 0 ? row(from, first + key) : nullptr;
            *reinterpret_cast<uint32*>(&to[key][here]) = Format::pair(col < end ? x[col] : 0, col + 1 < end ? x[col + 1] : 0);
        }
    }

    // load_queries puts columns from column on of the block's queries into the tile.
    __device__ __forceinline__ void load_queries(uint32 column) {
        for (uint32 at = threadIdx.x; at < QUERIES * COLUMNS / 4; at += THREADS) {
            const int row = at / (COLUMNS / 4);
            const uint32 col = at % (COLUMNS / 4) * 4, end = row < r.task.count ? d : 0;
            const float4 x = quad(q + (end > 0 ? static_cast<uint64>(r.query(r.task.first + row)) * width : 0), column + col, end, wide);
            *reinterpret_cast<uint2*>(&tile.q[row][col]) = make_uint2(Format::pair(x.x, x.y), Format::pair(x.z, x.w));
        }
    }

    // logits is s = q·kᵀ of count sorted keys from first on, whose first columns have been fetched. Heads wider than a tile go by in parts, and
    // then the queries are brought in each time.
    __device__ __forceinline__ void logits(uint32 first, uint32 count) {
        const uint32 warp = threadIdx.x / WARP;
        UNROLL
        for (int j = 0; j < KEYS / 8; j++)
            UNROLL
            for (int e = 0; e < 4; e++) s[j][e] = 0;
        for (uint32 column = 0; column < d; column += COLUMNS) {
            if (column > 0) fetch(k, first, count, column);
            __syncthreads(); // the last readers of the tile are done
            if (d > COLUMNS) load_queries(column);
            store(tile.k, k, first, count, column);
            __syncthreads();
            UNROLL
            for (int p = 0; p < COLUMNS; p += 16) {
                uint32 x[4], y[4];
                load_a(x, &tile.q[16 * warp][p], Tile::PITCH);
                UNROLL
                for (int j = 0; j < KEYS / 8; j += 2) {
                    load_b2(y, &tile.k[8 * j][p], Tile::PITCH);
                    mma<Format>(s[j], x, y);
                    mma<Format>(s[j + 1], x, y + 2);
                }
            }
        }
    }
};

template <class Format, int COLUMNS, int KEYS>
__device__ __forceinline__ void attention_half(float* dst, const float* q, const float* k, const float* v, const int* plan, float* mass, uint32 queries, uint32 keys,
                                               uint32 heads, uint32 d, uint32 labels, float scale, bool causal) {
    typedef AttentionTile<COLUMNS, KEYS> Tile;
    alignas(16) __shared__ Tile tile;
    DYNAMIC_SHARED(float, shared);
    const Reading r(plan, queries, keys);
    const Masses masses(mass, shared, labels);
    const Heads at(queries, keys, heads, d);
    q += at.query, dst += at.query, k += at.key, v += at.key;
    const uint32 width = heads * d, g = lane() / 4, t = lane() % 4, warp = threadIdx.x / WARP;
    const uint32 part = blockIdx.y * COLUMNS; // of v's columns

    HalfAttention<Format, COLUMNS, KEYS> block{tile, r, q, k, v, width, d, aligned16(q) && aligned16(k) && aligned16(v) && d % 4 == 0};
    block.load_queries(0);

    float acc[COLUMNS / 8][4]; // result [columns / 8][fragment]
    RowState row[2];           // g and g+8
    bool written = false;      // whether dst has a first term
    UNROLL
    for (int i = 0; i < 2; i++) row[i].reset(), row[i].high = -inf(), row[i].low = inf();
    if (r.program.extremes)
        for (uint32 first = 0; first < keys; first += KEYS) {
            const uint32 count = keys - first < KEYS ? keys - first : KEYS;
            block.fetch(k, first, count, 0);
            block.logits(first, count);
            UNROLL
            for (int j = 0; j < KEYS / 8; j++)
                UNROLL
                for (int e = 0; e < 4; e++)
                    if (8 * j + 2 * t + e % 2 < count) {
                        row[e / 2].high = fmaxf(row[e / 2].high, block.s[j][e] * scale);
                        row[e / 2].low = fminf(row[e / 2].low, block.s[j][e] * scale);
                    }
        }
    UNROLL
    for (int i = 0; i < 2; i++) row[i].high = quad_max(row[i].high), row[i].low = -quad_max(-row[i].low);

    UNROLL
    for (int c = 0; c < COLUMNS / 8; c++)
        UNROLL
        for (int e = 0; e < 4; e++) acc[c][e] = 0;

    for (int n = 0; n < r.program.segments; n++) {
        const Segment segment = r.segment(n);
        row[0].begin(segment);
        row[1].begin(segment);
        const float factor = scale * segment.keep;
        uint32 end = segment.to;
        if (causal && r.task.first + r.task.count < segment.to) end = r.task.first + r.task.count; // nobody reads behind it
        block.fetch(k, segment.from, end - segment.from < KEYS ? end - segment.from : KEYS, 0);
        for (uint32 first = segment.from; first < end; first += KEYS) {
            const uint32 count = end - first < KEYS ? end - first : KEYS;
            block.logits(first, count);
            block.fetch(v, first, count, part);
            UNROLL
            for (int i = 0; i < 2; i++) {
                const uint32 query = r.task.first + 16 * warp + g + 8 * i;
                float largest = LOWEST;
                UNROLL
                for (int j = 0; j < KEYS / 8; j++)
                    UNROLL
                    for (int e = 2 * i; e < 2 * i + 2; e++) {
                        const uint32 key = 8 * j + 2 * t + e % 2;
                        float& l = block.s[j][e];
                        l = l * factor + row[i].shift;
                        if (key >= count) l = -inf(); // behind the segment
                        if (causal && first + key > query) l = -inf();
                        largest = fmaxf(largest, l);
                    }
                const float fall = row[i].raise(quad_max(largest));
                float sum = 0;
                UNROLL
                for (int j = 0; j < KEYS / 8; j++)
                    UNROLL
                    for (int e = 2 * i; e < 2 * i + 2; e++) {
                        block.s[j][e] = expf(block.s[j][e] - row[i].top);
                        sum += block.s[j][e];
                    }
                row[i].add(quad_sum(sum));
                UNROLL
                for (int c = 0; c < COLUMNS / 8; c++) acc[c][2 * i] *= fall, acc[c][2 * i + 1] *= fall;
            }
            block.store(tile.v, v, first, count, part);
            __syncthreads();
            if (first + KEYS < end) block.fetch(k, first + KEYS, end - first - KEYS < KEYS ? end - first - KEYS : KEYS, 0);
            UNROLL
            for (int p = 0; p < KEYS / 16; p++) {
                const float *const left = block.s[2 * p], *const right = block.s[2 * p + 1]; // of 16 keys
                const uint32 x[4] = {Format::pair(left[0], left[1]), Format::pair(left[2], left[3]), Format::pair(right[0], right[1]), Format::pair(right[2], right[3])};
                UNROLL
                for (int c = 0; c < COLUMNS / 8; c += 2) {
                    uint32 y[4];
                    load_b2_rows(y, &tile.v[16 * p][8 * c], Tile::PITCH);
                    mma<Format>(acc[c], x, y);
                    mma<Format>(acc[c + 1], x, y + 2);
                }
            }
        }
        if (mass && t == 0)
            for (int i = 0; i < 2; i++) masses.note(n, 16 * warp + g + 8 * i, row[i]);
        const bool last = n + 1 == r.program.segments;
        if (segment.share == 0 && !last) continue;
        // A softmax ends here: its share goes to dst. Each thread adds to what it wrote itself.
        const float share = segment.share > 0 ? segment.share : r.program.rest;
        UNROLL
        for (int i = 0; i < 2; i++) {
            const int query = 16 * warp + g + 8 * i;
            if (query >= r.task.count) continue;
            float* const to = dst + static_cast<uint64>(r.query(r.task.first + query)) * width;
            const float weight = share / row[i].sum;
            UNROLL
            for (int c = 0; c < COLUMNS / 8; c++)
                deliver<2>(to, part + 8 * c + 2 * t, d, make_float4(acc[c][2 * i] * weight, acc[c][2 * i + 1] * weight, 0, 0), written);
        }
        written = true;
        if (last) break;
        row[0].reset();
        row[1].reset();
        UNROLL
        for (int c = 0; c < COLUMNS / 8; c++)
            UNROLL
            for (int e = 0; e < 4; e++) acc[c][e] = 0;
    }
    if (!written) // everything is blocked
        for (uint32 i = threadIdx.x; i < static_cast<uint32>(r.task.count) * COLUMNS; i += THREADS)
            if (part + i % COLUMNS < d) dst[static_cast<uint64>(r.query(r.task.first + i / COLUMNS)) * width + part + i % COLUMNS] = 0;
    if (!mass || blockIdx.y > 0) return;
    alignas(16) __shared__ float last_top[QUERIES], last_sum[QUERIES];
    if (t == 0)
        for (int i = 0; i < 2; i++) last_top[16 * warp + g + 8 * i] = row[i].top, last_sum[16 * warp + g + 8 * i] = row[i].sum;
    __syncthreads();
    masses.store(r, last_top, last_sum);
}
