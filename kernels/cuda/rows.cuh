// rows.cuh reads the two sides of a product: matrices in rows, with zeros where the matrix ends.
#pragma once
#include "device.cuh"

// quad is elements at … at+3 of row, with zeros from end on: the terms that are not there add nothing to an inner product. wide says
// that row + at is aligned for four at once.
__device__ __forceinline__ float4 quad(const float* row, uint32 at, uint32 end, bool wide) {
    if (wide && at + 4 <= end) return load4(row + at);
    float4 v = make_float4(0, 0, 0, 0);
    if (at < end) v.x = row[at];
    if (at + 1 < end) v.y = row[at + 1];
    if (at + 2 < end) v.z = row[at + 2];
    if (at + 3 < end) v.w = row[at + 3];
    return v;
}

// MatrixRows is the rows first, first + step, … of a matrix [rows, k] whose rows begin ld elements apart: SLOTS of them, those that a
// thread brings in. Rows that the matrix does not have are zero.
template <int SLOTS>
struct MatrixRows {
    const float* row[SLOTS];
    uint32 end[SLOTS]; // k, or 0 for a row that is not there
    bool wide;

    __device__ __forceinline__ MatrixRows(const float* a, uint32 rows, uint32 k, uint32 ld, uint32 first, uint32 step) {
        wide = aligned16(a) && ld % 4 == 0;
        UNROLL
        for (int i = 0; i < SLOTS; i++) {
            const uint32 r = first + i * step;
            end[i] = r < rows ? k : 0;
            row[i] = a + static_cast<uint64>(r) * ld;
        }
    }

    // quad is elements at … at+3 of the row in slot i.
    __device__ __forceinline__ float4 quad(int i, uint32 at) const { return ::quad(row[i], at, end[i], wide); }
};
