// gemm_5_mma.cu: dst [m, n] = a [m, k] · bᵀ for b [n, k] on the tensor cores: both sides rounded to f16, sums in float32.
//
// What changed since version 3: a warp multiplies 16 × 16 by 16 × 8 numbers with one instruction, on an A100 2048 FLOP a cycle and multiprocessor
// instead of 128, and shared memory holds half the bytes. On paper, for tiles of 128 × 128: still 32 FLOP a byte; 128 cycles of the tensor cores beside 96 of
// shared memory. The tile here is 64 × 64, four warps of 32 × 32: 16 FLOP a byte. Versions 6 and 7 are product_half.cuh: two
// buffers, the weight packed in 16 bits and copied by cp.async, tiles of both sizes.
#include "../mma.cuh"
#include "../rows.cuh"

const uint32 EDGE = 64;      // rows and columns of a tile
const uint32 K = 32;         // inner index in a step
const uint32 PITCH = K + 8;  // 8 rows of 16 bytes lie in 32 banks
const int SLOTS = EDGE * K / 4 / 128; // quads of each side that a thread brings

extern "C" __global__ void __launch_bounds__(128) gemm_5_mma(float* dst, const float* a, const float* b, uint32 m, uint32 n, uint32 k) {
    alignas(16) __shared__ uint16 as[EDGE][PITCH]; // [rows][K]
    alignas(16) __shared__ uint16 bs[EDGE][PITCH]; // [columns][K]
    const uint32 row = blockIdx.y * EDGE, column = blockIdx.x * EDGE;
    const uint32 r = threadIdx.x / (K / 4), p4 = threadIdx.x % (K / 4) * 4, step = 128 / (K / 4); // the rows and numbers that the thread brings
    const MatrixRows<SLOTS> a_rows(a, m, k, k, row + r, step), b_rows(b, n, k, k, column + r, step);
    const uint32 warp = threadIdx.x / WARP, down = warp / 2 * 32, across = warp % 2 * 32; // the warp's part of the tile
    float sum[2][4][4]; // [rows / 16][columns / 8][fragment]
    UNROLL
    for (int i = 0; i < 2; i++)
        UNROLL
        for (int j = 0; j < 4; j++)
            UNROLL
            for (int e = 0; e < 4; e++) sum[i][j][e] = 0;

    for (uint32 k0 = 0; k0 < k; k0 += K) {
        UNROLL
        for (int i = 0; i < SLOTS; i++) {
            const float4 x = a_rows.quad(i, k0 + p4), y = b_rows.quad(i, k0 + p4);
            *reinterpret_cast<uint2*>(&as[r + i * step][p4]) = make_uint2(F16::pair(x.x, x.y), F16::pair(x.z, x.w));
            *reinterpret_cast<uint2*>(&bs[r + i * step][p4]) = make_uint2(F16::pair(y.x, y.y), F16::pair(y.z, y.w));
        }
        __syncthreads();
        UNROLL
        for (int p = 0; p < K; p += 16) {
            uint32 x[2][4], y[2][4];
            UNROLL
            for (int i = 0; i < 2; i++) load_a(x[i], &as[down + 16 * i][p], PITCH), load_b2(y[i], &bs[across + 16 * i][p], PITCH);
            UNROLL
            for (int i = 0; i < 2; i++)
                UNROLL
                for (int j = 0; j < 4; j++) mma<F16>(sum[i][j], x[i], &y[j / 2][j % 2 * 2]);
        }
        __syncthreads();
    }
    UNROLL
    for (int i = 0; i < 2; i++)
        UNROLL
        for (int j = 0; j < 4; j++)
            UNROLL
            for (int e = 0; e < 4; e++) {
                const uint32 to = row + down + 16 * i + lane() / 4 + e / 2 * 8, at = column + across + 8 * j + lane() % 4 * 2 + e % 2;
                if (to < m && at < n) dst[static_cast<uint64>(to) * n + at] = sum[i][j][e];
            }
}
