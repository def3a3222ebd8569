// mma.cuh is the tensor cores: a warp multiplies 16 × 16 by 16 × 8 numbers of 16 bits and adds the products up in float32.
//
// A warp's 32 threads hold a matrix in parts, fragments. Thread 4·g + t, g < 8, t < 4, has
//
//	of a [16, 16]:  rows g and g+8, columns 2t, 2t+1, 2t+8, 2t+9      4 registers: (g, 2t) (g+8, 2t) (g, 2t+8) (g+8, 2t+8)
//	of b [16, 8]:   rows 2t, 2t+1, 2t+8, 2t+9, column g               2 registers: 2t, 2t+8
//	of c [16, 8]:   rows g and g+8, columns 2t, 2t+1                  4 floats: (g, 2t) (g, 2t+1) (g+8, 2t) (g+8, 2t+1)
//
// where a register holds two neighbours, the first in the lower half.
#pragma once
#include "async.cuh"
#include "half.cuh"
#include "warp.cuh"

// ldmatrix reads four matrices of 8 rows of 8 numbers from shared memory: thread 8·i + r says where row r of matrix i lies, aligned to 16
// bytes, and thread 4·r + t gets numbers 2t, 2t+1 of row r of each; or, turned, numbers r of rows 2t, 2t+1. The 8 rows of a matrix are
// read at a time.
template <bool TURNED>
__device__ __forceinline__ void ldmatrix(uint32 m[4], Shared at) {
#ifdef SOWGEN_EMULATED
    const uint16* const row = reinterpret_cast<const uint16*>(at);
    __shared__ const uint16* rows[32][WARP]; // [warp][thread]
    const uint16** const warp = rows[threadIdx.x / WARP];
    warp[lane()] = row;
    __syncwarp();
    const uint32 r = lane() / 4, t = lane() % 4;
    for (uint32 i = 0; i < 4; i++)
        m[i] = TURNED ? warp[8 * i + 2 * t][r] | warp[8 * i + 2 * t + 1][r] << 16 : *reinterpret_cast<const uint32*>(warp[8 * i + r] + 2 * t);
    __syncwarp();
#else
    if (TURNED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(at) : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3]) : "r"(at) : "memory");
#endif
}

template <bool TURNED>
__device__ __forceinline__ void ldmatrix(uint32 m[4], const uint16* row) {
    ldmatrix<TURNED>(m, shared_address(const_cast<uint16*>(row)));
}

// load_a fills a's fragment from a tile in shared memory, tile[row][k], whose rows begin pitch numbers apart; tile points at its corner. With
// a pitch of 8 times an odd number the rows of a matrix lie in 32 banks.
__device__ __forceinline__ void load_a(uint32 a[4], const uint16* tile, uint32 pitch) { ldmatrix<false>(a, tile + lane() % 16 * pitch + lane() / 16 * 8); }

// load_b2 fills two neighbouring fragments of b, of columns 0 … 7 (b[0], b[1]) and 8 … 15 (b[2], b[3]), from a tile that has the columns outside, tile[column][k].
__device__ __forceinline__ void load_b2(uint32 b[4], const uint16* tile, uint32 pitch) {
    ldmatrix<false>(b, tile + (lane() % 8 + lane() / 16 * 8) * pitch + lane() / 8 % 2 * 8);
}

// load_b2_rows does the same from a tile that has the columns inside, tile[k][column].
__device__ __forceinline__ void load_b2_rows(uint32 b[4], const uint16* tile, uint32 pitch) { ldmatrix<true>(b, tile + lane() % 16 * pitch + lane() / 16 * 8); }

#ifdef SOWGEN_EMULATED
// mma is c += a·b by its definition, with the fragments of the other threads.
template <class Format>
__device__ void mma(float c[4], const uint32 a[4], const uint32 b[2]) {
    __shared__ uint32 fragments[32][WARP][6]; // [warp][thread][a and b]
    uint32 (*const of)[6] = fragments[threadIdx.x / WARP];
    for (uint32 i = 0; i < 6; i++) of[lane()][i] = i < 4 ? a[i] : b[i - 4];
    __syncwarp();
    const uint32 g = lane() / 4, t = lane() % 4;
    for (uint32 k = 0; k < 16; k++) {
        const uint32 from = k % 8 / 2, half = k / 8, bits = k % 2 * 16; // which thread of four, register and half of it has column k of a
        for (uint32 i = 0; i < 4; i++) {
            const uint16 x = of[4 * g + from][2 * half + i / 2] >> bits, y = of[4 * (2 * t + i % 2) + from][4 + half] >> bits;
            c[i] += Format::value(x) * Format::value(y);
        }
    }
    __syncwarp();
}
#else
// mma is c += a·b.
template <class Format>
__device__ __forceinline__ void mma(float c[4], const uint32 a[4], const uint32 b[2]);

template <>
__device__ __forceinline__ void mma<F16>(float c[4], const uint32 a[4], const uint32 b[2]) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else // Turing multiplies by 8 rows of b at a time
    for (int i = 0; i < 2; i++)
        asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[2 * i]), "r"(a[2 * i + 1]), "r"(b[i]));
#endif
}

#if __CUDA_ARCH__ >= 800
template <>
__device__ __forceinline__ void mma<BF16>(float c[4], const uint32 a[4], const uint32 b[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif
#endif

// HAS_BF16 is whether the target's tensor cores know bfloat16: Ampere's and later.
#if defined(SOWGEN_EMULATED) || __CUDA_ARCH__ >= 800
#define HAS_BF16 1
#else
#define HAS_BF16 0
#endif
