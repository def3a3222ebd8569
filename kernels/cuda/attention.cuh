// attention.cuh is what the attention kernels have in common: how regions read each other, and the running softmax of a row.
//
// Rules (kernels.Rule) are affine in the logit for each pair of query label and key label, so there is never a mask: tokens are sorted by
// label, a block takes up to 64 queries of one label, and goes through a list of segments, stretches of keys under one rule:
//
//	L' = keep·L + high·mx + low·mn + beta,    keep = 1 - |alpha|, high = max(alpha, 0), low = max(-alpha, 0)
//
// with mx and mn the row's largest and smallest logit. Only rules with alpha need these: then a first pass finds them. A blocked stretch is in
// no segment. Segments with a target come first: each has a softmax of its own, of which its share of the row's result is known beforehand.
// All others are one softmax, of which the rest is. (On the CPU every class of keys has its own accumulator and they are merged at the end;
// a GPU has registers for one. Both are the dense formula.)
#pragma once
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

// Task is up to 64 queries of one label, first … first+count-1 of the sorted ones.
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

    __device__ __forceinline__ Reading(const int* plan, uint32 tile, uint32 queries, uint32 keys) : plan(plan), keys(keys) {
        const int first = blockIdx.x * tile;
        if (!plan) {
            const int left = queries - first;
            task = Task{first, left < static_cast<int>(tile) ? left : static_cast<int>(tile), 0};
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

    __device__ __forceinline__ void reset() { top = LOWEST, sum = 0, part = 0; }
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
