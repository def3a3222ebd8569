// convert.cu: from and to the formats of 16 bits. Widening is exact; narrowing rounds to nearest even.
#include "half.cuh"

// narrow is dst[r, j] = x[r, j] for x [rows, columns] and dst [rows, pitch], which has zeros behind the columns: rows begin at multiples of 16 bytes, as the
// products want them.
template <class Format>
__device__ __forceinline__ void narrow(uint16* dst, const float* x, uint32 rows, uint32 columns, uint32 pitch) {
    const uint32 n = rows * pitch;
    if (columns == pitch && aligned16(x)) { // eight at a time
        for (uint32 i = global_thread(); i < n / 8; i += global_threads()) {
            const float4 v = load4(x + 8 * i), w = load4(x + 8 * i + 4);
            *reinterpret_cast<uint4*>(dst + 8 * i) = make_uint4(Format::pair(v.x, v.y), Format::pair(v.z, v.w), Format::pair(w.x, w.y), Format::pair(w.z, w.w));
        }
        return;
    }
    for (uint32 i = global_thread(); i < n; i += global_threads()) {
        const uint32 r = i / pitch, j = i % pitch;
        dst[i] = j < columns ? Format::of(x[r * columns + j]) : 0;
    }
}

template <class Format>
__device__ __forceinline__ void widen(float* dst, const uint16* x, uint32 n) {
    uint32 done = 0;
    if (aligned16(dst) && (reinterpret_cast<uint64>(x) & 7) == 0) {
        done = n / 4 * 4;
        for (uint32 i = global_thread(); i < n / 4; i += global_threads()) {
            const uint2 v = *reinterpret_cast<const uint2*>(x + 4 * i);
            store4(dst + 4 * i, make_float4(Format::value(v.x & 0xffff), Format::value(v.x >> 16), Format::value(v.y & 0xffff), Format::value(v.y >> 16)));
        }
    }
    for (uint32 i = done + global_thread(); i < n; i += global_threads()) dst[i] = Format::value(x[i]);
}

extern "C" __global__ void __launch_bounds__(256) f32_to_f16(uint16* dst, const float* x, uint32 rows, uint32 columns, uint32 pitch) {
    narrow<F16>(dst, x, rows, columns, pitch);
}
extern "C" __global__ void __launch_bounds__(256) f32_to_bf16(uint16* dst, const float* x, uint32 rows, uint32 columns, uint32 pitch) {
    narrow<BF16>(dst, x, rows, columns, pitch);
}
// f16_to_f32 and the other are dst[i] = x[i] for i < n.
extern "C" __global__ void __launch_bounds__(256) f16_to_f32(float* dst, const uint16* x, uint32 n) { widen<F16>(dst, x, n); }
extern "C" __global__ void __launch_bounds__(256) bf16_to_f32(float* dst, const uint16* x, uint32 n) { widen<BF16>(dst, x, n); }
