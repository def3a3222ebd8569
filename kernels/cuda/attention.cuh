// attention.cuh is what the attention kernels have in common: how regions read each other, and the running softmax of a row.
//
// Rules (kernels.Rule) are affine in the logit for each pair of query label and key label, so there is never a mask: tokens are sorted by
// label, a block takes queries of one label, and goes through a list of segments, stretches of keys under one rule:
//
//	L' = keep·L + high·mx + low·mn + beta,    keep = 1 - |alpha|, high = max(alpha, 0), low = max(-alpha, 0)
//
// with mx and mn the row's largest and smallest logit. Only rules with alpha need these: then a first pass finds them. A blocked stretch is in
// no segment. Segments with a target come first: each has a softmax of its own, of which its share of the row's result is known beforehand.
// All others are one softmax, of which the rest is. (On the CPU every class of keys has its own accumulator and they are merged at the end;
// a GPU has registers for one. Both are the dense formula.)
#pragma once
#include "rows.cuh"
#include "warp.cuh"

// Segment is a stretch of sorted keys as one query label reads it.
struct Segment {
    int from, to; // keys
    int label;
    float share; // the target; 0: none
    float keep, high, low, beta;
};

// Program is how the queries of one label read the keys.
struct Program {
    int segments;
    int extremes; // whether a segment needs mx or mn
    float rest;   // share of the segments without a target
};

// Task is the queries of a block, of one label, first … first+count-1 of the sorted ones.
struct Task {
    int first, count, label;
};

// Plan is the words that regions.go makes of the regions: this header, the sorted tokens, the tasks, a table for each head that has its own
// rules, in it where each label's program begins, and the programs, each a Program and its Segments. All places are in words.
struct Plan {
    int queries, keys; // the tokens
    int tasks, count;
    int heads, tables; // where each head's table begins, for so many heads; those after them take turns from the first
};

// Reading is the task of a block. Without a plan it is plain attention: the tokens as they come, every key in one segment.
struct Reading {
    const int* plan; // or null
    Task task;
    const int* at; // the program
    Program program;
    uint32 keys;

    // Reading of a plan is its order alone.
    explicit __device__ __forceinline__ Reading(const int* plan) : plan(plan) {}

    // most is how many queries a block takes, at most.
    __device__ __forceinline__ Reading(const int* plan, uint32 queries, uint32 keys, int most) : plan(plan), keys(keys) {
        const int first = blockIdx.x * most;
        if (!plan) {
            const int left = queries - first;
            task = Task{first, left < most ? left : most, 0};
            program = Program{1, 0, 1};
            return;
        }
        const int* const t = plan + header().tasks + 3 * blockIdx.x;
        task = Task{t[0], t[1], t[2]};
        const int table = plan[header().tables + blockIdx.z % header().heads];
        at = plan + plan[table + task.label];
        program = Program{at[0], at[1], __uint_as_float(at[2])};
    }

    __device__ __forceinline__ const Plan& header() const { return *reinterpret_cast<const Plan*>(plan); }

    __device__ __forceinline__ Segment segment(int i) const {
        if (!plan) return Segment{0, static_cast<int>(keys), 0, 0, 1, 0, 0, 0};
        const int* const s = at + 3 + 8 * i;
        return Segment{s[0], s[1], s[2], __uint_as_float(s[3]), __uint_as_float(s[4]), __uint_as_float(s[5]), __uint_as_float(s[6]), __uint_as_float(s[7])};
    }

    // query and key are the tokens at places of the sorted order.
    __device__ __forceinline__ uint32 query(int place) const { return plan ? plan[header().queries + place] : place; }
    __device__ __forceinline__ uint32 key(int place) const { return plan ? plan[header().keys + place] : place; }
};

const float LOWEST = -3.402823466e38f; // finite: e^(-∞ - LOWEST) is 0, e^(-∞ + ∞) would be NaN

// RowState is the running softmax of a row of logits (Milakov & Gimelshein 2018).
struct RowState {
    float top;       // largest logit so far
    float sum;       // Σ e^(L' - top)
    float part;      // what the present segment has of it
    float high, low; // the row's largest and smallest logit, if they are asked for
    float shift;     // what the present segment's rule adds

    __device__ __forceinline__ void reset() { top = LOWEST, sum = 0; }
    __device__ __forceinline__ void begin(const Segment& s) {
        part = 0;
        shift = s.beta;
        if (s.high > 0) shift += s.high * high;
        if (s.low > 0) shift += s.low * low;
    }

    // raise takes note of a block of logits of which the largest is given, and returns what all before is to be scaled with.
    __device__ __forceinline__ float raise(float largest) {
        const float before = top;
        top = fmaxf(top, largest);
        const float factor = expf(before - top);
        sum *= factor;
        part *= factor;
        return factor;
    }

    // add takes in Σ e^(L' - top) of the block.
    __device__ __forceinline__ void add(float block) { sum += block, part += block; }
};

// Masses is what the queries of a block give the keys of each label. Each segment leaves behind the top and the part of each row as they were
// when it ended, in the block's own piece of memory; what became of them is known at the end.
template <int QUERIES>
struct Masses {
    float* result;       // [n·heads, tasks, labels], and behind it all blocks' tops and parts
    float *tops, *parts; // [segments][queries]
    uint32 labels;

    __device__ __forceinline__ Masses(float* masses, uint32 labels) : labels(labels) {
        const uint64 block = static_cast<uint64>(blockIdx.z) * gridDim.x + blockIdx.x, blocks = static_cast<uint64>(gridDim.z) * gridDim.x;
        result = masses + block * labels;
        tops = masses + blocks * labels + block * labels * 2 * QUERIES;
        parts = tops + labels * QUERIES;
    }

    // note is called for each row when a segment ends, by one thread of the row.
    __device__ __forceinline__ void note(int segment, uint32 query, float top, float part) const {
        tops[segment * QUERIES + query] = top;
        parts[segment * QUERIES + query] = part;
    }

    // store is called by all threads, after a barrier, with the rows' last top and sum: the share of a segment in its row is its part of the last
    // softmax, of which the rest is, or its target.
    __device__ __forceinline__ void store(const Reading& r, const float* last_top, const float* last_sum) const {
        for (uint32 label = threadIdx.x; label < labels; label += blockDim.x) {
            float mass = 0;
            for (int n = 0; n < r.program.segments; n++) {
                const Segment segment = r.segment(n);
                if (segment.label != static_cast<int>(label)) continue;
                for (int i = 0; i < r.task.count; i++)
                    mass += segment.share > 0 ? segment.share
                                              : r.program.rest * parts[n * QUERIES + i] * expf(tops[n * QUERIES + i] - last_top[i]) / last_sum[i];
            }
            result[label] = mass;
        }
    }
};

// deliver writes COUNT neighbours of a row of the result from column on, or adds to what the thread wrote there before. It is a call for the
// reason that Epilogue::store is one.
template <int COUNT>
__device__ __noinline__ void deliver(float* row, uint32 column, uint32 d, float4 v, bool add) {
    const float values[4] = {v.x, v.y, v.z, v.w};
    UNROLL
    for (int j = 0; j < COUNT; j++)
        if (column + j < d) row[column + j] = values[j] + (add ? row[column + j] : 0);
}

// Heads is where a block's head begins in q and dst [n, queries, heads, d] and in k and v [n, keys, heads, d].
struct Heads {
    uint64 query, key;

    __device__ __forceinline__ Heads(uint32 queries, uint32 keys, uint32 heads, uint32 d) {
        const uint64 picture = blockIdx.z / heads, head = blockIdx.z % heads;
        query = (picture * queries * heads + head) * d;
        key = (picture * keys * heads + head) * d;
    }
};

// ATTENTION is an entry point of so many threads, of which a multiprocessor is to have room for so many blocks.
#define ATTENTION(name, threads, blocks, type, function)                                                                                             \
    extern "C" __global__ void __launch_bounds__(threads, blocks)                                                                                    \
        name(float* dst, const float* q, const type* k, const type* v, const int* plan, float* masses, uint32 queries, uint32 keys, uint32 heads,    \
             uint32 d, uint32 labels, float scale, int causal) {                                                                                     \
        function(dst, q, k, v, plan, masses, queries, keys, heads, d, labels, scale, causal != 0);                                                   \
    }
