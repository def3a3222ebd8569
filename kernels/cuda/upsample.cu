// upsample.cu: a picture of another size.
#include "device.cuh"

// nearest is the source of place i; step is size / new size, rounded to float32 as torch does.
__device__ __forceinline__ uint32 nearest(uint32 i, float step, uint32 size) {
    const uint32 at = static_cast<uint32>(static_cast<float>(i) * step);
    return at < size ? at : size - 1; // rounding may end up behind the last
}

// upsample_nearest is dst[p, y, x] = src[p, ⌊y·step_y⌋, ⌊x·step_x⌋] for src [n, h, w, c] and dst [n, oh, ow, c].
extern "C" __global__ void __launch_bounds__(256) upsample_nearest(float* dst, const float* src, uint32 n, uint32 h, uint32 w, uint32 c, uint32 oh,
                                                                   uint32 ow, float step_y, float step_x) {
    const bool wide = c % 4 == 0 && aligned16(dst) && aligned16(src);
    const uint32 unit = wide ? 4 : 1, units = c / unit; // channels at a time
    for (uint32 i = global_thread(); i < n * oh * ow * units; i += global_threads()) {
        const uint32 channel = i % units * unit, pixel = i / units;
        const uint32 x = nearest(pixel % ow, step_x, w), y = nearest(pixel / ow % oh, step_y, h), picture = pixel / ow / oh;
        const float* const from = src + (static_cast<uint64>(picture * h + y) * w + x) * c + channel;
        if (wide)
            store4(dst + static_cast<uint64>(i) * 4, load4(from));
        else
            dst[i] = *from;
    }
}
