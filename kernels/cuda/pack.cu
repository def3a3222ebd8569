// pack.cu lays out a weight as the products read it, once when a model is loaded.
//
// A weight w [out, in, taps], PyTorch's layout of a convolution's (taps = kh·kw) or a linear layer's (one tap), becomes rows of
// taps × wide numbers, the inner index (ky·kw + kx)·wide + c, so that a row's neighbours are a pixel's channels; wide is in, or in 16 bits the next
// multiple of 8. Rows begin pitch elements apart, a multiple of 16 bytes. What is no number of w is zero: a product reads them four or eight at a time.
//
// A gated weight, whose first half of rows makes values and whose second half their gates, is laid out in pairs, a value's row and its gate's:
// so the thread that has summed up the one has the other, too (GEGLU in epilogue.cuh).
#include "half.cuh"

// stored_number is number i of those that a file keeps as stored says: kernels.Format, as F32, F16 and BF16.
__device__ __forceinline__ float stored_number(const void* w, uint32 i, int stored) {
    if (stored == 0) return static_cast<const float*>(w)[i];
    const uint16 bits = static_cast<const uint16*>(w)[i];
    return stored == 1 ? F16::value(bits) : BF16::value(bits);
}

template <class Format, class T>
__device__ __forceinline__ void pack(T* dst, const void* w, int stored, uint32 out, uint32 in, uint32 wide, uint32 taps, uint32 pitch, int gated) {
    const uint32 n = out * pitch;
    for (uint32 i = global_thread(); i < n; i += global_threads()) {
        const uint32 row = i / pitch, k = i % pitch, tap = k / wide, c = k % wide;
        const uint32 o = !gated ? row : row % 2 == 0 ? row / 2 : out / 2 + row / 2;
        dst[i] = Format::of(tap < taps && c < in ? stored_number(w, (o * in + c) * taps + tap, stored) : 0);
    }
}

// pack_f32 and the others are dst[row·pitch + t·wide + c] = w[o, c, t], where row is o unless the weight is gated.
extern "C" __global__ void __launch_bounds__(256) pack_f32(float* dst, const void* w, int stored, uint32 out, uint32 in, uint32 wide, uint32 taps, uint32 pitch, int gated) {
    pack<F32>(dst, w, stored, out, in, wide, taps, pitch, gated);
}
extern "C" __global__ void __launch_bounds__(256) pack_f16(uint16* dst, const void* w, int stored, uint32 out, uint32 in, uint32 wide, uint32 taps, uint32 pitch, int gated) {
    pack<F16>(dst, w, stored, out, in, wide, taps, pitch, gated);
}
extern "C" __global__ void __launch_bounds__(256) pack_bf16(uint16* dst, const void* w, int stored, uint32 out, uint32 in, uint32 wide, uint32 taps, uint32 pitch, int gated) {
    pack<BF16>(dst, w, stored, out, in, wide, taps, pitch, gated);
}
