// attention_16.cuh is the entry points of attention in a format of 16 bits. Each format has a file of its own: the driver compiles no more than a run needs.
#pragma once
#include "attention_half.cuh"
#include "attention_wide.cuh"

// HALF is those of a format: what makes rows, attention on them, with and without rules, on a few keys as they are, and of wide heads. The number is the columns
// that a head has, at most.
#define HALF(name, Format)                                                                                                                           \
    extern "C" __global__ void __launch_bounds__(256)                                                                                                \
        attention_##name##_rows(uint4* rows, const float* k, const float* v, const float* q, const int* plan, uint32 n, uint32 keys, uint32 queries, \
                                uint32 heads, uint32 d, uint32 columns) {                                                                            \
        attention_rows<Format>(rows, k, v, q, plan, n, keys, queries, heads, d, columns);                                                            \
    }                                                                                                                                                \
    ATTENTION(attention_##name##_48, 128, 2, void, (attention_half<Format, 48, 64, 4, 2, false, RowsOfHead>))                                        \
    ATTENTION(attention_##name##_64, 128, 2, void, (attention_half<Format, 64, 64, 4, 2, false, RowsOfHead>))                                        \
    ATTENTION(attention_##name##_64_rules, 128, 2, void, (attention_half<Format, 64, 48, 4, 2, true, RowsOfHead>))                                   \
    ATTENTION(attention_##name##_64_small, 128, 3, void, (attention_half<Format, 64, 64, 4, 1, false, RowsOfHead>))                                  \
    ATTENTION(attention_##name##_64_small_rules, 128, 3, void, (attention_half<Format, 64, 64, 4, 1, true, RowsOfHead>))                             \
    ATTENTION(attention_##name##_80, 256, 1, void, (attention_half<Format, 80, 64, 8, 1, true, RowsOfHead>))                                         \
    ATTENTION(attention_##name##_160, 256, 1, void, (attention_half<Format, 160, 32, 8, 1, true, RowsOfHead>))                                       \
    ATTENTION(attention_##name##_few, 128, 3, void, (attention_half<Format, 64, 64, 4, 1, false, FloatsOfHead>))                                     \
    ATTENTION(attention_##name##_wide, 256, 1, void, attention_wide<Format>)
