// norm.cu: group norm, with SiLU if wanted, and layer norm. gamma and beta [c] may be null, for 1 and 0.
//
// Their results are what products read, in 16 bits on the tensor cores: so they are also written rounded to a format, or only that, in rows of c, which
// is then a multiple of 8.
#include "half.cuh"
#include "rows.cuh"
#include "warp.cuh"

// Moments is the mean of a set of numbers and the sum of their squared distances from it. Sets are joined by their means (Chan, Golub &
// LeVeque 1983), so that a large mean costs no digits.
struct Moments {
    float mean, squares;
};

// Group norm of x [n, hw, c] goes over each picture in slabs of rows, and over a slab in tiles of columns, of which a block has one: neighbours
// in a row are read together, and each number once. group_norm_moments finds every group's moments in each slab; group_norm_scales joins the slabs
// into a scale and a shift for each channel; group_norm_whole does both where a block can see all rows of its groups; group_norm_apply applies
// them.
//
// Tile is the columns from blockIdx.y·columns on, up to 1024 of them, and what the block's 256 threads take of it: four neighbouring columns, a
// quad, in every lanes-th row.
const int BATCH = 4; // rows that a thread has on their way at a time
struct Tile {
    uint32 c, from, columns, quads, lanes, line, column;

    __device__ __forceinline__ Tile(uint32 c, uint32 columns)
        : c(c), from(blockIdx.y * columns), columns(columns), quads((columns + 3) / 4), lanes(256 / quads), line(threadIdx.x / quads), column(threadIdx.x % quads * 4) {}

    // wide says that all quads of a tensor [·, c] that begins at p are there as a whole and lie well; columns divides c.
    __device__ __forceinline__ bool wide(const float* p) const { return columns % 4 == 0 && aligned16(p); }

    __device__ __forceinline__ float4 quad(const float* x, uint32 row, bool wide) const { return ::quad(x + row * c + from, column, columns, wide); }

    __device__ __forceinline__ void store(float* dst, uint32 row, float4 v, bool wide) const {
        float* const to = dst + row * c + from + column;
        if (wide) return store4(to, v);
        to[0] = v.x;
        if (column + 1 < columns) to[1] = v.y;
        if (column + 2 < columns) to[2] = v.z;
        if (column + 3 < columns) to[3] = v.w;
    }
};

// join makes of mean and squares of seen numbers those of them and of n more, whose are m and s.
__device__ __forceinline__ void join(float& mean, float& squares, float seen, float m, float s, float n) {
    const float share = n / (seen + n), d = m - mean;
    mean += d * share;
    squares += s + d * d * (seen * share);
}

// TileMoments is the moments of each column of a tile, those of every thread's rows by themselves.
struct TileMoments {
    float4 means[256], squares[256]; // by thread: [lanes][quads]

    // look goes over the rows of x.
    __device__ __forceinline__ void look(const Tile& tile, const float* x, uint32 rows) {
        if (tile.line >= tile.lanes) return; // a thread too many to look
        const bool wide = tile.wide(x);
        float4 mean = make_float4(0, 0, 0, 0), squares = mean;
        float seen = 0;
        for (uint32 r = tile.line; r < rows; r += BATCH * tile.lanes) {
            float4 v[BATCH];
            UNROLL
            for (int i = 0; i < BATCH; i++)
                if (r + i * tile.lanes < rows) v[i] = tile.quad(x, r + i * tile.lanes, wide);
            const int there = (rows - r + tile.lanes - 1) / tile.lanes;
            const float n = there < BATCH ? there : BATCH;
            float4 m = make_float4(0, 0, 0, 0), s = m;
            UNROLL
            for (int i = 0; i < BATCH; i++)
                if (i < there) m.x += v[i].x, m.y += v[i].y, m.z += v[i].z, m.w += v[i].w;
            m.x /= n, m.y /= n, m.z /= n, m.w /= n;
            UNROLL
            for (int i = 0; i < BATCH; i++)
                if (i < there) {
                    const float dx = v[i].x - m.x, dy = v[i].y - m.y, dz = v[i].z - m.z, dw = v[i].w - m.w;
                    s.x += dx * dx, s.y += dy * dy, s.z += dz * dz, s.w += dw * dw;
                }
            join(mean.x, squares.x, seen, m.x, s.x, n);
            join(mean.y, squares.y, seen, m.y, s.y, n);
            join(mean.z, squares.z, seen, m.z, s.z, n);
            join(mean.w, squares.w, seen, m.w, s.w, n);
            seen += n;
        }
        means[threadIdx.x] = mean;
        this->squares[threadIdx.x] = squares;
    }

    // of is the moments of the columns first … first+per-1 in all rows. A warp finds them, when all threads have looked.
    __device__ __forceinline__ Moments of(const Tile& tile, uint32 first, uint32 per, uint32 rows) const {
        const float* const mean = &means[0].x + first;
        const float* const square = &squares[0].x + first;
        const uint32 n = tile.lanes * per;
        float sum = 0;
        for (uint32 i = lane(); i < n; i += WARP) sum += seen(tile, i / per, rows) * mean[i / per * tile.quads * 4 + i % per];
        const float common = warp_sum(sum) / (static_cast<float>(rows) * per);
        float total = 0;
        for (uint32 i = lane(); i < n; i += WARP) {
            const uint32 at = i / per * tile.quads * 4 + i % per;
            const float d = mean[at] - common;
            total += square[at] + d * d * seen(tile, i / per, rows);
        }
        return Moments{common, warp_sum(total)};
    }

    // seen is how many rows the threads of a line have seen.
    static __device__ __forceinline__ float seen(const Tile& tile, uint32 line, uint32 rows) { return (rows + tile.lanes - 1 - line) / tile.lanes; }
};

// scales is scale[c] = gamma/√(var + eps) and shift[c] = beta - mean·scale for the channels of a group of count numbers. A warp finds them.
__device__ __forceinline__ void scales(float* scale, float* shift, const float* gamma, const float* beta, uint32 first, uint32 per, Moments m, float count,
                                       float eps) {
    const float rstd = 1.0f / sqrtf(m.squares / count + eps);
    for (uint32 j = first + lane(); j < first + per; j += WARP) {
        const float s = gamma ? rstd * gamma[j] : rstd;
        scale[j] = s;
        shift[j] = (beta ? beta[j] : 0) - m.mean * s;
    }
}

// group_norm_moments is moments[p, group, slab] of the slab's rows: blockIdx is (slab, tile, p). A tile has whole groups.
extern "C" __global__ void __launch_bounds__(256) group_norm_moments(Moments* moments, const float* x, uint32 hw, uint32 c, uint32 groups, uint32 columns,
                                                                     uint32 slab_rows) {
    alignas(16) __shared__ TileMoments seen; // [lanes][quads]
    const Tile tile(c, columns);
    const uint32 first = blockIdx.x * slab_rows, rows = hw - first < slab_rows ? hw - first : slab_rows, per = c / groups;
    seen.look(tile, x + (static_cast<uint64>(blockIdx.z) * hw + first) * c, rows);
    __syncthreads();
    for (uint32 g = threadIdx.x / WARP; g < columns / per; g += blockDim.x / WARP) {
        const Moments m = seen.of(tile, g * per, per, rows);
        if (lane() == 0) moments[(blockIdx.z * groups + tile.from / per + g) * gridDim.x + blockIdx.x] = m;
    }
}

// group_norm_scales is scale[p, c] and shift[p, c] of moments [p, group, part, slab], parts being runs of a group's channels, all of them equal. A warp
// joins those of one group: the squares around the common mean are those around each one's own, plus its rows times the square of its distance.
extern "C" __global__ void __launch_bounds__(256) group_norm_scales(float* scale, float* shift, const Moments* moments, const float* gamma, const float* beta,
                                                                    uint32 n, uint32 hw, uint32 c, uint32 groups, uint32 parts, uint32 slab_rows, uint32 slabs,
                                                                    float eps) {
    const uint32 per = c / groups, set = global_thread() / WARP, picture = set / groups;
    if (picture >= n) return; // the whole warp
    moments += set * parts * slabs;
    float sum = 0;
    for (uint32 i = lane(); i < parts * slabs; i += WARP) {
        const uint32 first = i % slabs * slab_rows, rows = hw - first < slab_rows ? hw - first : slab_rows;
        sum += moments[i].mean * rows;
    }
    const float mean = warp_sum(sum) / (static_cast<float>(hw) * parts);
    float squares = 0;
    for (uint32 i = lane(); i < parts * slabs; i += WARP) {
        const uint32 first = i % slabs * slab_rows, rows = hw - first < slab_rows ? hw - first : slab_rows;
        const float d = moments[i].mean - mean;
        squares += moments[i].squares + d * d * (rows * (per / parts));
    }
    scales(scale + picture * c, shift + picture * c, gamma, beta, set % groups * per, per, Moments{mean, warp_sum(squares)}, static_cast<float>(hw) * per, eps);
}

// group_norm_whole is scale[p, c] and shift[p, c] for pictures of which a block sees all rows: blockIdx is (0, tile, p).
extern "C" __global__ void __launch_bounds__(256) group_norm_whole(float* scale, float* shift, const float* x, const float* gamma, const float* beta, uint32 hw,
                                                                   uint32 c, uint32 groups, uint32 columns, float eps) {
    alignas(16) __shared__ TileMoments seen; // [lanes][quads]
    const Tile tile(c, columns);
    const uint32 per = c / groups;
    seen.look(tile, x + static_cast<uint64>(blockIdx.z) * hw * c, hw);
    __syncthreads();
    for (uint32 g = threadIdx.x / WARP; g < columns / per; g += blockDim.x / WARP)
        scales(scale + blockIdx.z * c, shift + blockIdx.z * c, gamma, beta, tile.from + g * per, per, seen.of(tile, g * per, per, hw), static_cast<float>(hw) * per, eps);
}

__device__ __forceinline__ float affine(float x, float scale, float shift, bool act) {
    const float y = x * scale + shift;
    return act ? silu(y) : y;
}

// group_norm_apply is dst = act(x·scale[p, channel] + shift[p, channel]) for x [n, hw, c], act being SiLU or nothing, unless dst is null, and
// rounded the same in a format, unless that is 0. dst may be x. blockIdx is (slab, tile, p).
extern "C" __global__ void __launch_bounds__(256) group_norm_apply(float* dst, const float* x, const float* scale, const float* shift, uint16* rounded, int format,
                                                                   uint32 hw, uint32 c, uint32 columns, uint32 slab_rows, int act) {
    const Tile tile(c, columns);
    if (tile.line >= tile.lanes) return; // a thread too many
    const uint32 first = blockIdx.x * slab_rows, rows = hw - first < slab_rows ? hw - first : slab_rows;
    const uint64 at = (static_cast<uint64>(blockIdx.z) * hw + first) * c;
    x += at;
    const bool reads = tile.wide(x);
    const bool writes = tile.wide(dst);
    const float4 s = tile.quad(scale, blockIdx.z, tile.wide(scale)), t = tile.quad(shift, blockIdx.z, tile.wide(shift));
    for (uint32 r = tile.line; r < rows; r += BATCH * tile.lanes) { // and applies
        float4 v[BATCH];
        UNROLL
        for (int i = 0; i < BATCH; i++)
            if (r + i * tile.lanes < rows) v[i] = tile.quad(x, r + i * tile.lanes, reads);
        UNROLL
        for (int i = 0; i < BATCH; i++)
            if (r + i * tile.lanes < rows) {
                const float4 y = make_float4(affine(v[i].x, s.x, t.x, act), affine(v[i].y, s.y, t.y, act), affine(v[i].z, s.z, t.z, act), affine(v[i].w, s.w, t.w, act));
                if (dst) tile.store(dst + at, r + i * tile.lanes, y, writes);
                if (format) store_rounded(rounded + at + (r + i * tile.lanes) * c + tile.from + tile.column, y, format);
            }
    }
}

const int MOST = 10; // quads of a row that a thread keeps: rows of up to 1280 are read once

// layer_norm is dst = (x - mean)/√(var + eps)·gamma + beta for each row of x [rows, c]; a warp has a row, and keeps it, or else finds it in the
// first-level cache when it comes back for the squares and for the result. dst may be x. If format is not 0, the same goes to rounded in it.
extern "C" __global__ void __launch_bounds__(256) layer_norm(float* dst, const float* x, const float* gamma, const float* beta, uint16* rounded, int format, uint32 rows,
                                                             uint32 c, float eps) {
    const uint32 row = global_thread() / WARP;
    if (row >= rows) return; // the whole warp
    x += static_cast<uint64>(row) * c;
    dst += static_cast<uint64>(row) * c;
    rounded += static_cast<uint64>(row) * c;
    if (c % 4 == 0 && c <= 4 * WARP * MOST && aligned16(x) && aligned16(dst) && aligned16(gamma) && aligned16(beta)) {
        float4 v[MOST];
        float sum = 0;
        UNROLL
        for (int i = 0; i < MOST; i++) {
            const uint32 j = 4 * (lane() + i * WARP);
            if (j < c) v[i] = load4(x + j);
        }
        UNROLL
        for (int i = 0; i < MOST; i++)
            if (4 * (lane() + i * WARP) < c) sum += (v[i].x + v[i].y) + (v[i].z + v[i].w);
        const float mean = warp_sum(sum) / c;
        float squares = 0;
        UNROLL
        for (int i = 0; i < MOST; i++)
            if (4 * (lane() + i * WARP) < c) {
                v[i].x -= mean, v[i].y -= mean, v[i].z -= mean, v[i].w -= mean;
                squares += (v[i].x * v[i].x + v[i].y * v[i].y) + (v[i].z * v[i].z + v[i].w * v[i].w);
            }
        const float rstd = 1.0f / sqrtf(warp_sum(squares) / c + eps);
        UNROLL
        for (int i = 0; i < MOST; i++) {
            const uint32 j = 4 * (lane() + i * WARP);
            if (j < c) {
                const float4 g = gamma ? load4(gamma + j) : make_float4(1, 1, 1, 1), b = beta ? load4(beta + j) : make_float4(0, 0, 0, 0);
                const float4 y = make_float4(v[i].x * rstd * g.x + b.x, v[i].y * rstd * g.y + b.y, v[i].z * rstd * g.z + b.z, v[i].w * rstd * g.w + b.w);
                store4(dst + j, y);
                if (format) store_rounded(rounded + j, y, format);
            }
        }
        return;
    }
    float sum = 0;
    for (uint32 j = lane(); j < c; j += WARP) sum += x[j];
    const float mean = warp_sum(sum) / c;
    float squares = 0;
    for (uint32 j = lane(); j < c; j += WARP) squares += (x[j] - mean) * (x[j] - mean);
    const float rstd = 1.0f / sqrtf(warp_sum(squares) / c + eps);
    for (uint32 j = lane(); j < c; j += WARP) {
        float y = (x[j] - mean) * rstd;
        if (gamma) y *= gamma[j];
        if (beta) y += beta[j];
        dst[j] = y;
        if (format) rounded[j] = format == 1 ? F16::of(y) : BF16::of(y);
    }
}
