// gemm_3_registers.cu: dst [m, n] = a [m, k] · bᵀ for b [n, k], 8 × 8 results in a thread's registers.
//
// What changed: a number that comes from shared memory serves 8 multiply-adds, and a tile is 128 × 128. On paper: 1/64 of a number from memory for
// a multiply-add, 32 FLOP a byte, 0.21 GB for 4096 × 320 by 2560; of shared memory 6 cycles for 32 of multiply-adds. The f32 units are the
// bound, as far as they do not wait: here for memory in every step, and at two barriers. Version 4 has the next step's numbers on their way while
// this one's are summed, and one barrier: product_f32.cuh, the kernels gemm_*_f32_128.
#include "../rows.cuh"

const uint32 EDGE = 128; // rows and columns of a tile
const uint32 K = 8;      // inner index in a step

extern "C" __global__ void __launch_bounds__(256) gemm_3_registers(float* dst, const float* a, const float* b, uint32 m, uint32 n, uint32 k) {
    alignas(16) __shared__ float as[K][EDGE + 4]; // [K][rows]: the inner index is outside, so that a thread's rows are neighbours;
    alignas(16) __shared__ float bs[K][EDGE + 4]; // the pitch: gemm.md, Conflicts
    // The thread's rows are ty … ty+3 and 64 further on, its columns tx … likewise: neighbouring threads read neighbouring float4.
    const uint32 ty = threadIdx.x / 16 * 4, tx = threadIdx.x % 16 * 4;
    const uint32 row = blockIdx.y * EDGE, column = blockIdx.x * EDGE;
    // Of each side a thread brings four numbers of a row.
    const uint32 r = threadIdx.x / 2, p4 = threadIdx.x % 2 * 4;
    const MatrixRows<1> a_row(a, m, k, k, row + r, 0), b_row(b, n, k, k, column + r, 0);
    float sum[8][8];
    UNROLL
    for (int i = 0; i < 8; i++)
        UNROLL
        for (int j = 0; j < 8; j++) sum[i][j] = 0;

    for (uint32 k0 = 0; k0 < k; k0 += K) {
        const float4 x = a_row.quad(0, k0 + p4), y = b_row.quad(0, k0 + p4);
        as[p4][r] = x.x, as[p4 + 1][r] = x.y, as[p4 + 2][r] = x.z, as[p4 + 3][r] = x.w;
        bs[p4][r] = y.x, bs[p4 + 1][r] = y.y, bs[p4 + 2][r] = y.z, bs[p4 + 3][r] = y.w;
        __syncthreads();
        UNROLL
        for (int p = 0; p < K; p++) {
            alignas(16) float u[8], v[8];
            *reinterpret_cast<float4*>(u) = load4(&as[p][ty]), *reinterpret_cast<float4*>(u + 4) = load4(&as[p][EDGE / 2 + ty]);
            *reinterpret_cast<float4*>(v) = load4(&bs[p][tx]), *reinterpret_cast<float4*>(v + 4) = load4(&bs[p][EDGE / 2 + tx]);
            UNROLL
            for (int i = 0; i < 8; i++)
                UNROLL
                for (int j = 0; j < 8; j++) sum[i][j] = fmaf(u[i], v[j], sum[i][j]);
        }
        __syncthreads();
    }
    UNROLL
    for (int i = 0; i < 8; i++)
        UNROLL
        for (int j = 0; j < 8; j++) {
            const uint32 to = row + i / 4 * (EDGE / 2) + ty + i % 4, at = column + j / 4 * (EDGE / 2) + tx + j % 4;
            if (to < m && at < n) dst[static_cast<uint64>(to) * n + at] = sum[i][j];
        }
}
