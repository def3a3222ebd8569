// norm.cu: group norm, with SiLU if wanted, and layer norm. gamma and beta [c] may be null, for 1 and 0.
#include "warp.cuh"

// Moments is the mean of a set of numbers and the sum of their squared distances from it.
struct Moments {
    float mean, squares;
};

// Group norm of x [n, hw, c] takes three kernels. The first goes over each picture in slabs of rows and finds every group's moments there,
// around the slab's own mean, so that a large mean costs no digits; the second joins the slabs into a scale and a shift for each channel;
// the third applies them.

// group_norm_moments is moments[p, slab, group] of the slab's rows: blockIdx is (slab, p), a warp takes a group, then the eighth after it.
extern "C" __global__ void __launch_bounds__(256) group_norm_moments(Moments* moments, const float* x, uint32 hw, uint32 c, uint32 groups, uint32 slab_rows) {
    const uint32 per = c / groups, first = blockIdx.x * slab_rows, rows = hw - first < slab_rows ? hw - first : slab_rows;
    x += (static_cast<uint64>(blockIdx.y) * hw + first) * c;
    for (uint32 g = threadIdx.x / WARP; g < groups; g += blockDim.x / WARP) {
        // The lanes go over the group's rows × per numbers, 32 at a time.
        const uint32 down = WARP / per, across = WARP % per;
        float sum = 0;
        for (uint32 r = lane() / per, j = lane() % per; r < rows;) {
            sum += x[r * c + g * per + j];
            r += down, j += across;
            if (j >= per) j -= per, r++;
        }
        const float mean = warp_sum(sum) / (rows * per);
        float squares = 0;
        for (uint32 r = lane() / per, j = lane() % per; r < rows;) {
            const float d = x[r * c + g * per + j] - mean;
            squares += d * d;
            r += down, j += across;
            if (j >= per) j -= per, r++;
        }
        squares = warp_sum(squares);
        if (lane() == 0) moments[(blockIdx.y * gridDim.x + blockIdx.x) * groups + g] = Moments{mean, squares};
    }
}

// group_norm_scales is scale[p, c] = gamma/√(var + eps) and shift[p, c] = beta - mean·scale; a warp joins the slabs of one group of one
// picture: the squares around the common mean are those around each slab's own, plus its rows times the square of its distance.
extern "C" __global__ void __launch_bounds__(256) group_norm_scales(float* scale, float* shift, const Moments* moments, const float* gamma, const float* beta,
                                                                    uint32 n, uint32 hw, uint32 c, uint32 groups, uint32 slab_rows, uint32 slabs, float eps) {
    const uint32 per = c / groups, picture = global_thread() / WARP / groups, g = global_thread() / WARP % groups;
    if (picture >= n) return; // the whole warp
    moments += picture * slabs * groups + g;
    float sum = 0;
    for (uint32 s = lane(); s < slabs; s += WARP) {
        const uint32 rows = hw - s * slab_rows < slab_rows ? hw - s * slab_rows : slab_rows;
        sum += moments[s * groups].mean * rows;
    }
    const float mean = warp_sum(sum) / hw;
    float squares = 0;
    for (uint32 s = lane(); s < slabs; s += WARP) {
        const uint32 rows = hw - s * slab_rows < slab_rows ? hw - s * slab_rows : slab_rows;
        const float d = moments[s * groups].mean - mean;
        squares += moments[s * groups].squares + d * d * (rows * per);
    }
    const float rstd = 1.0f / sqrtf(warp_sum(squares) / (static_cast<float>(hw) * per) + eps);
    for (uint32 j = g * per + lane(); j < (g + 1) * per; j += WARP) {
        const float s = gamma ? rstd * gamma[j] : rstd;
        scale[picture * c + j] = s;
        shift[picture * c + j] = (beta ? beta[j] : 0) - mean * s;
    }
}

__device__ __forceinline__ float affine(float x, float scale, float shift, bool act) {
    const float y = x * scale + shift;
    return act ? silu(y) : y;
}

// group_norm_apply is dst = act(x·scale[p, channel] + shift[p, channel]) for x [n, hw, c]; act is SiLU, or nothing. dst may be x.
extern "C" __global__ void __launch_bounds__(256) group_norm_apply(float* dst, const float* x, const float* scale, const float* shift, uint32 n, uint32 hw,
                                                                   uint32 c, int act) {
    if (c % 4 == 0 && aligned16(dst) && aligned16(x) && aligned16(scale) && aligned16(shift)) {
        for (uint32 i = global_thread(); i < n * hw * c / 4; i += global_threads()) {
            const uint32 at = 4 * i / c / hw * c + 4 * i % c;
            const float4 v = load4(x + 4 * i), s = load4(scale + at), t = load4(shift + at);
            store4(dst + 4 * i, make_float4(affine(v.x, s.x, t.x, act), affine(v.y, s.y, t.y, act), affine(v.z, s.z, t.z, act), affine(v.w, s.w, t.w, act)));
        }
        return;
    }
    for (uint32 i = global_thread(); i < n * hw * c; i += global_threads()) {
        const uint32 at = i / c / hw * c + i % c;
        dst[i] = affine(x[i], scale[at], shift[at], act);
    }
}

// layer_norm is dst = (x - mean)/√(var + eps)·gamma + beta for each row of x [rows, c]; a warp has a row, and finds it in the first-level
// cache when it comes back for the squares and for the result. dst may be x.
extern "C" __global__ void __launch_bounds__(256) layer_norm(float* dst, const float* x, const float* gamma, const float* beta, uint32 rows, uint32 c, float eps) {
    const uint32 row = global_thread() / WARP;
    if (row >= rows) return; // the whole warp
    x += static_cast<uint64>(row) * c;
    dst += static_cast<uint64>(row) * c;
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
    }
}
