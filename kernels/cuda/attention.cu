// attention.cu: multi-head attention without the matrix of logits, under the rules of regions.
//
//	dst[p, i, h, :] = Σ_j softmax_j(rules(scale·Σ_c q[p, i, h, c]·k[p, j, h, c]))·v[p, j, h, :]
//
// for q, dst [n, queries, heads, d] and k, v [n, keys, heads, d]. plan (see attention.cuh) may be null. A row that reads nothing is 0. causal:
// query i reads the keys 0 … i; not with a plan. dst must not overlap the others.
//
// masses, if not null, is [n·heads, tasks, labels]: what the task's queries give the keys of each label, added up.
//
// blockIdx is (task, part of the columns, p·heads + h). A block has up to 64 or 128 queries. Heads wider than a block's columns of v go to several blocks,
// which find the same logits.
#include "attention_f32.cuh"

// The number is the columns of v that a block has.
ATTENTION(attention_f32_64, THREADS, 1, float, attention_f32<2>)
ATTENTION(attention_f32_96, THREADS, 1, float, attention_f32<3>)
ATTENTION(attention_f32_160, THREADS, 1, float, attention_f32<5>)

// attention_mass is mass[z, a, c], z < n·heads: the mean over the queries of label a of what they give the keys of label c, from the sums
// over tasks that attention left; 0 for a label without queries.
extern "C" __global__ void __launch_bounds__(256) attention_mass(float* mass, const float* masses, const int* plan, uint32 n, uint32 labels) {
    const uint32 i = global_thread(), z = i / labels / labels, a = i / labels % labels, c = i % labels;
    if (z >= n) return;
    const Plan* const header = reinterpret_cast<const Plan*>(plan);
    float sum = 0;
    int queries = 0;
    for (int t = 0; t < header->count; t++) {
        const int* const task = plan + header->tasks + 3 * t;
        if (task[2] != static_cast<int>(a)) continue;
        sum += masses[(z * header->count + t) * labels + c];
        queries += task[1];
    }
    mass[i] = queries > 0 ? sum / queries : 0;
}
