// elementwise.cu: functions of one tensor, and of two that broadcast.
#include "math.cuh"
#include "walk.cuh"

// The numbers are those of UnaryOp in elementwise.go.
enum UnaryOp { COPY, AFFINE, SILU, GELU, QUICK_GELU, EXP, LOG, SQRT, ABS, CLAMP };

__device__ __forceinline__ float unary_op(int op, float x, float a, float b) {
    switch (op) {
    case AFFINE: return a * x + b;
    case SILU: return silu(x);
    case GELU: return gelu(x);
    case QUICK_GELU: return quick_gelu(x);
    case EXP: return expf(x);
    case LOG: return logf(x);
    case SQRT: return sqrtf(x);
    case ABS: return fabsf(x);
    case CLAMP: return smaller(larger(x, a), b);
    }
    return x;
}

// unary is dst[i] = op(x[i]; a, b) for i < n. dst may be x.
extern "C" __global__ void __launch_bounds__(256) unary(float* dst, const float* x, uint32 n, int op, float a, float b) {
    uint32 done = 0;
    if (aligned16(dst) && aligned16(x)) { // four at a time, as far as there are four
        done = n / 4 * 4;
        for (uint32 i = global_thread(); i < n / 4; i += global_threads()) {
            float4 v = load4(x + 4 * i);
            v.x = unary_op(op, v.x, a, b);
            v.y = unary_op(op, v.y, a, b);
            v.z = unary_op(op, v.z, a, b);
            v.w = unary_op(op, v.w, a, b);
            store4(dst + 4 * i, v);
        }
    }
    for (uint32 i = done + global_thread(); i < n; i += global_threads()) dst[i] = unary_op(op, x[i], a, b);
}

// The numbers are those of BinaryOp in elementwise.go.
enum BinaryOp { ADD, SUB, MUL, DIV, MAX, MIN };

__device__ __forceinline__ float binary_op(int op, float x, float y) {
    switch (op) {
    case ADD: return x + y;
    case SUB: return x - y;
    case MUL: return x * y;
    case DIV: return x / y;
    case MAX: return larger(x, y);
    }
    return smaller(x, y);
}

// binary is dst[i] = op(x[i], y[i]) for i < n, where nothing repeats. dst may be x or y.
extern "C" __global__ void __launch_bounds__(256) binary(float* dst, const float* x, const float* y, uint32 n, int op) {
    uint32 done = 0;
    if (aligned16(dst) && aligned16(x) && aligned16(y)) {
        done = n / 4 * 4;
        for (uint32 i = global_thread(); i < n / 4; i += global_threads()) {
            float4 v = load4(x + 4 * i), w = load4(y + 4 * i);
            v.x = binary_op(op, v.x, w.x);
            v.y = binary_op(op, v.y, w.y);
            v.z = binary_op(op, v.z, w.z);
            v.w = binary_op(op, v.w, w.w);
            store4(dst + 4 * i, v);
        }
    }
    for (uint32 i = done + global_thread(); i < n; i += global_threads()) dst[i] = binary_op(op, x[i], y[i]);
}

// binary_broadcast is dst[i] = op(x[at_x(i)], y[at_y(i)]) for the n elements of a walk over d0 × d1 × … × d5, in order. x advances by
// x0 … x5 elements along the axes, y by y0 … y5; 0 repeats.
extern "C" __global__ void __launch_bounds__(256) binary_broadcast(
    float* dst, const float* x, const float* y, uint32 n, int op,
    uint32 d1, uint32 d2, uint32 d3, uint32 d4, uint32 d5,
    uint32 x0, uint32 x1, uint32 x2, uint32 x3, uint32 x4, uint32 x5,
    uint32 y0, uint32 y1, uint32 y2, uint32 y3, uint32 y4, uint32 y5) {
    for (uint32 i = global_thread(); i < n; i += global_threads()) {
        uint32 rest = i, at_x = 0, at_y = 0;
        const uint32 c5 = coordinate(rest, d5);
        at_x += c5 * x5, at_y += c5 * y5;
        const uint32 c4 = coordinate(rest, d4);
        at_x += c4 * x4, at_y += c4 * y4;
        const uint32 c3 = coordinate(rest, d3);
        at_x += c3 * x3, at_y += c3 * y3;
        const uint32 c2 = coordinate(rest, d2);
        at_x += c2 * x2, at_y += c2 * y2;
        const uint32 c1 = coordinate(rest, d1);
        at_x += c1 * x1 + rest * x0, at_y += c1 * y1 + rest * y0;
        dst[i] = binary_op(op, x[at_x], y[at_y]);
    }
}
