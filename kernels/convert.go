package kernels

// F16ToF32 widens len(dst) IEEE 754 half precision numbers, exactly. A NaN becomes a quiet one.
func F16ToF32(dst []float32, src []uint16) {
	need("F16ToF32", "src", len(src), len(dst))
	f := active.Load().F16ToF32
	chunks(len(dst), func(i, j int) { f(dst[i:j], src[i:j]) })
}

// F32ToF16 rounds len(dst) numbers to IEEE 754 half precision, to nearest even. Magnitudes of 65520 and more become Inf, below
// the smallest normal number (2^-14) results are subnormal.
func F32ToF16(dst []uint16, src []float32) {
	need("F32ToF16", "src", len(src), len(dst))
	f := active.Load().F32ToF16
	chunks(len(dst), func(i, j int) { f(dst[i:j], src[i:j]) })
}

// BF16ToF32 widens len(dst) bfloat16 numbers, exactly.
func BF16ToF32(dst []float32, src []uint16) {
	need("BF16ToF32", "src", len(src), len(dst))
	f := active.Load().BF16ToF32
	chunks(len(dst), func(i, j int) { f(dst[i:j], src[i:j]) })
}

// F32ToBF16 rounds len(dst) numbers to bfloat16, to nearest even. NaN stays NaN.
func F32ToBF16(dst []uint16, src []float32) {
	need("F32ToBF16", "src", len(src), len(dst))
	f := active.Load().F32ToBF16
	chunks(len(dst), func(i, j int) { f(dst[i:j], src[i:j]) })
}

// RoundBF16 rounds len(dst) numbers to what bfloat16 can hold, to nearest even. NaN stays NaN. dst may be x.
func RoundBF16(dst, x []float32) {
	need("RoundBF16", "x", len(x), len(dst))
	f := active.Load().RoundBF16
	chunks(len(dst), func(i, j int) { f(dst[i:j], x[i:j]) })
}
