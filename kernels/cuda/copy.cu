// copy.cu: numbers that move and do not change.
#include "walk.cuh"

// strided is dst[i] = src[at(i)] for the n elements of a walk over d0 × d1 × … × d5, in order; src advances by s0 … s5 elements along the
// axes, 0 repeats.
extern "C" __global__ void __launch_bounds__(256) strided(float* dst, const float* src, uint32 n, uint32 d1, uint32 d2, uint32 d3, uint32 d4, uint32 d5,
                                                          uint32 s0, uint32 s1, uint32 s2, uint32 s3, uint32 s4, uint32 s5) {
    for (uint32 i = global_thread(); i < n; i += global_threads()) {
        uint32 rest = i;
        uint32 at = coordinate(rest, d5) * s5;
        at += coordinate(rest, d4) * s4;
        at += coordinate(rest, d3) * s3;
        at += coordinate(rest, d2) * s2;
        at += coordinate(rest, d1) * s1;
        dst[i] = src[at + rest * s0];
    }
}

const uint32 EDGE = 32; // of a tile
const uint32 LINES = 8; // of it that the block's 256 threads move at a time

// transpose is dst[p, i·pitch + j] = src[p, i + j·step] for i < rows, j < cols: what lies side by side in src lies pitch apart in dst. Tiles
// go through shared memory, so that both sides are read and written 32 neighbours at a time; its rows are one longer than a tile, so that
// the 32 numbers of a column lie in 32 banks. Plane p = p0·planes1 + p1 begins p0·d0 + p1·d1 elements on in dst, p0·s0 + p1·s1 in src.
extern "C" __global__ void __launch_bounds__(EDGE* LINES) transpose(float* dst, const float* src, uint32 rows, uint32 cols, uint32 pitch, uint32 step,
                                                                    uint32 planes1, uint32 d0, uint32 d1, uint32 s0, uint32 s1) {
    __shared__ float tile[EDGE][EDGE + 1]; // [cols][rows]
    const uint32 x = threadIdx.x % EDGE, y = threadIdx.x / EDGE, bands = (rows + EDGE - 1) / EDGE;
    const uint32 row = blockIdx.x % bands * EDGE, col = blockIdx.x / bands * EDGE, p0 = blockIdx.z / planes1, p1 = blockIdx.z % planes1;
    dst += p0 * d0 + p1 * d1;
    src += p0 * s0 + p1 * s1;
    for (uint32 j = y; j < EDGE; j += LINES)
        if (row + x < rows && col + j < cols) tile[j][x] = src[row + x + (col + j) * step];
    __syncthreads();
    for (uint32 i = y; i < EDGE; i += LINES)
        if (row + i < rows && col + x < cols) dst[(row + i) * pitch + col + x] = tile[x][i];
}

// place is dst[o·pitch + offset + i] = src[o·inner + i] for o < outer, i < inner.
extern "C" __global__ void __launch_bounds__(256) place(float* dst, const float* src, uint32 outer, uint32 inner, uint32 pitch, uint32 offset) {
    const bool wide = inner % 4 == 0 && pitch % 4 == 0 && aligned16(dst + offset) && aligned16(src);
    const uint32 unit = wide ? 4 : 1, units = inner / unit;
    for (uint32 i = global_thread(); i < outer * units; i += global_threads()) {
        float* const to = dst + i / units * pitch + offset + i % units * unit;
        if (wide)
            store4(to, load4(src + 4 * i));
        else
            *to = src[i];
    }
}

// gather is dst[i, j] = table[ids[i], j] for i < rows, j < c. Every id is a row of the table.
extern "C" __global__ void __launch_bounds__(256) gather(float* dst, const float* table, const int* ids, uint32 rows, uint32 c) {
    for (uint32 i = global_thread(); i < rows * c; i += global_threads())
        dst[i] = table[static_cast<uint64>(ids[i / c]) * c + i % c];
}
