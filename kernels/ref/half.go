package ref

import "math"

// F16ToF32 widens IEEE 754 half precision; every value is exact.
func F16ToF32(dst []float32, src []uint16) {
	for i, h := range src[:len(dst)] {
		sign := uint32(h&0x8000) << 16
		exp, frac := uint32(h>>10&0x1f), uint32(h&0x3ff)
		switch exp {
		case 0: // zero or subnormal: frac·2^-24
			f := math.Float32bits(float32(frac) * 0x1p-24)
			dst[i] = math.Float32frombits(sign | f)
		case 0x1f: // Inf, or NaN made quiet
			if frac != 0 {
				frac |= 0x200
			}
			dst[i] = math.Float32frombits(sign | 0x7f800000 | frac<<13)
		default:
			dst[i] = math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
		}
	}
}

// F32ToF16 rounds to IEEE 754 half precision, to nearest even: beyond 65519 to Inf, below 2^-25 to zero.
func F32ToF16(dst []uint16, src []float32) {
	for i, v := range src[:len(dst)] {
		bits := math.Float32bits(v)
		sign := uint16(bits >> 16 & 0x8000)
		abs := bits & 0x7fffffff
		switch {
		case abs > 0x7f800000: // NaN: keep the top of the payload, quiet
			dst[i] = sign | 0x7e00 | uint16(abs>>13&0x3ff)
		case abs >= 0x477ff000: // 65520 and up, Inf
			dst[i] = sign | 0x7c00
		case abs < 0x38800000: // below 2^-14: adding 0.5 leaves frac·2^-24, rounded, in the low bits
			f := math.Float32frombits(abs) + 0.5
			dst[i] = sign | uint16(math.Float32bits(f)-0x3f000000)
		default:
			abs += 0xfff + abs>>13&1 // to nearest even at bit 13
			dst[i] = sign | uint16(abs>>13-(127-15)<<10)
		}
	}
}

// BF16ToF32 widens bfloat16; every value is exact.
func BF16ToF32(dst []float32, src []uint16) {
	for i, h := range src[:len(dst)] {
		dst[i] = math.Float32frombits(uint32(h) << 16)
	}
}

// RoundBF16 rounds to what bfloat16 can hold, to nearest even; NaN stays NaN. dst may be x.
func RoundBF16(dst, x []float32) {
	var h [1]uint16
	for i := range dst {
		F32ToBF16(h[:], x[i:])
		BF16ToF32(dst[i:i+1], h[:])
	}
}

// F32ToBF16 rounds to bfloat16, to nearest even; NaN stays NaN.
func F32ToBF16(dst []uint16, src []float32) {
	for i, v := range src[:len(dst)] {
		bits := math.Float32bits(v)
		if v != v {
			dst[i] = uint16(bits>>16) | 0x40
			continue
		}
		dst[i] = uint16((bits + 0x7fff + bits>>16&1) >> 16)
	}
}
