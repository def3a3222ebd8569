// picture.cuh reads a picture as a convolution does.
#pragma once
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
