// picture.cuh reads a picture as a convolution does.
#pragma once
#include "async.cuh"
#include "half.cuh"
#include "rows.cuh"

// Window is the geometry of a convolution of pictures x [n, h, w, c] to [n, oh, ow, ·], kw taps wide.
struct Window {
    uint32 h, w, c, oh, ow, kw, stride, top, left; // top and left: zeros around the picture
};

// PictureRows is the matrix that a convolution multiplies its weight with, which is never made: a row for each pixel of the result, in
// it the channels of the pixels under the filter, tap by tap, k = kh·kw·c. What MatrixRows is for a matrix.
template <int SLOTS>
struct PictureRows {
    Window win;
    uint32 k;
    bool wide; // four neighbours of a row are channels of one pixel
    const float* picture[SLOTS];
    int y[SLOTS], x[SLOTS]; // the pixel under the first tap; for a row that is not there, far outside

    __device__ __forceinline__ PictureRows(const float* pictures, const Window& win, uint32 rows, uint32 k, uint32 first, uint32 step)
        : win(win), k(k), wide(win.c % 4 == 0 && aligned16(pictures)) {
        UNROLL
        for (int i = 0; i < SLOTS; i++) {
            const uint32 r = first + i * step, pixel = r % (win.oh * win.ow);
            const bool there = r < rows;
            picture[i] = pictures + (there ? static_cast<uint64>(r / (win.oh * win.ow)) * win.h * win.w * win.c : 0);
            y[i] = there ? static_cast<int>(pixel / win.ow * win.stride) - static_cast<int>(win.top) : -0x40000000;
            x[i] = static_cast<int>(pixel % win.ow * win.stride) - static_cast<int>(win.left);
        }
    }

    // pixel is where the pixel under a tap begins in the row in slot i, or null outside the picture, where it is zero.
    __device__ __forceinline__ const float* pixel(int i, uint32 tap) const {
        const int row = y[i] + static_cast<int>(tap / win.kw), col = x[i] + static_cast<int>(tap % win.kw);
        if (row < 0 || row >= static_cast<int>(win.h) || col < 0 || col >= static_cast<int>(win.w)) return nullptr;
        return picture[i] + static_cast<uint64>(row * win.w + col) * win.c;
    }

    __device__ __forceinline__ float element(int i, uint32 at) const {
        if (at >= k) return 0;
        const float* const p = pixel(i, at / win.c);
        return p ? p[at % win.c] : 0;
    }

    // quad is elements at … at+3 of the row in slot i; at is a multiple of 4.
    __device__ __forceinline__ float4 quad(int i, uint32 at) const {
        if (!wide) return make_float4(element(i, at), element(i, at + 1), element(i, at + 2), element(i, at + 3));
        const float* const p = at < k ? pixel(i, at / win.c) : nullptr;
        return p ? load4(p + at % win.c) : make_float4(0, 0, 0, 0);
    }
};

// HalfPixels is the same of a picture of 16 bits whose channels are a multiple of 8: what HalfRows is for a matrix. A piece is channels of one pixel. Which
// pixels there are is found out when a tap begins; where they lie is as far from each other as under the tap before.
template <int SLOTS>
struct HalfPixels {
    Window win;
    const uint16* pictures;
    int origin[SLOTS]; // the element at which the pixel under the first tap begins
    int pixel[SLOTS];  // its place, y << 16 | x; for a row that is not there, far outside
    uint32 there;      // a bit for each slot: whether there is a pixel under the tap; else it is zero
    uint32 channel, tap, taps;
    int ky, kx;

    __device__ __forceinline__ HalfPixels(const uint16* pictures, const Window& win, uint32 rows, uint32 pitch, uint32 first, uint32 step, uint32 at)
        : win(win), pictures(pictures) {
        taps = pitch / win.c;
        tap = at / win.c;
        channel = at - tap * win.c;
        ky = tap / win.kw;
        kx = tap % win.kw;
        UNROLL
        for (int i = 0; i < SLOTS; i++) {
            const uint32 r = first + i * step, picture = r / (win.oh * win.ow), p = r - picture * win.oh * win.ow;
            const int y = static_cast<int>(p / win.ow * win.stride) - static_cast<int>(win.top), x = static_cast<int>(p % win.ow * win.stride) - static_cast<int>(win.left);
            origin[i] = ((static_cast<int>(picture * win.h) + y) * static_cast<int>(win.w) + x) * static_cast<int>(win.c);
            pixel[i] = r < rows ? y * 65536 + (x & 0xffff) : -32768 * 65536;
        }
        find();
    }

    __device__ __forceinline__ void find() {
        there = 0;
        UNROLL
        for (int i = 0; i < SLOTS; i++) {
            const int y = (pixel[i] >> 16) + ky, x = (pixel[i] << 16 >> 16) + kx;
            if (tap < taps && y >= 0 && y < static_cast<int>(win.h) && x >= 0 && x < static_cast<int>(win.w)) there |= 1u << i;
        }
    }

    __device__ __forceinline__ void copy(Shared to, int i) const {
        copy16(to, pictures + (origin[i] + (ky * static_cast<int>(win.w) + kx) * static_cast<int>(win.c) + static_cast<int>(channel)), there >> i & 1);
    }

    __device__ __forceinline__ void advance(uint32 by) {
        channel += by;
        if (channel < win.c) return;
        while (channel >= win.c) {
            channel -= win.c;
            tap++;
            if (++kx == static_cast<int>(win.kw)) kx = 0, ky++;
        }
        find();
    }
};
