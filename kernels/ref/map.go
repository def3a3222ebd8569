package ref

import "math"

// The maps below write dst[i] = f(x[i]) for len(dst) values. dst may be x.

// Exp is e^x.
func Exp(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

// SiLU is x·σ(x) = x / (1 + e^-x).
func SiLU(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(float64(v) / (1 + math.Exp(-float64(v))))
	}
}

// QuickGELU is x·σ(1.702x), OpenAI CLIP's stand-in for GELU.
func QuickGELU(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(float64(v) / (1 + math.Exp(-1.702*float64(v))))
	}
}

// GELU is x·Φ(x) = x/2·(1 + erf(x/√2)), the exact form.
func GELU(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(gelu(float64(v)))
	}
}

// erfc rather than 1+erf: for x < -4 the sum would lose every digit.
func gelu(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }

// GEGLU is dst = value·GELU(gate) for a row of values and gates as PackGated lays them out: 16 values and then their gates, and so on; in the end
// the values that are left, and their gates.
func GEGLU(dst, x []float32) {
	for len(dst) > 0 {
		n := min(Panel/2, len(dst))
		for i, gate := range x[n:][:n] {
			dst[i] = float32(float64(x[i]) * gelu(float64(gate)))
		}
		dst, x = dst[n:], x[2*n:]
	}
}

// Sqrt is √x.
func Sqrt(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(math.Sqrt(float64(v)))
	}
}

// Neg is -x.
func Neg(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = -v
	}
}

// Add is a + b.
func Add(dst, a, b []float32) {
	for i, v := range a[:len(dst)] {
		dst[i] = v + b[i]
	}
}

// Sub is a - b.
func Sub(dst, a, b []float32) {
	for i, v := range a[:len(dst)] {
		dst[i] = v - b[i]
	}
}

// Mul is a·b.
func Mul(dst, a, b []float32) {
	for i, v := range a[:len(dst)] {
		dst[i] = v * b[i]
	}
}

// Div is a/b.
func Div(dst, a, b []float32) {
	for i, v := range a[:len(dst)] {
		dst[i] = v / b[i]
	}
}

// Axpby is a·x + b·y.
func Axpby(dst []float32, a float32, x []float32, b float32, y []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = a*v + b*y[i]
	}
}

// Affine is x·scale + shift, one scale and shift for each value.
func Affine(dst, x, scale, shift []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = v*scale[i] + shift[i]
	}
}

// AffineSiLU is SiLU(x·scale + shift).
func AffineSiLU(dst, x, scale, shift []float32) {
	Affine(dst, x, scale, shift)
	SiLU(dst, dst)
}

// Normalize is (x - mean)·rstd·gamma + beta.
func Normalize(dst, x, gamma, beta []float32, mean, rstd float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = (v-mean)*rstd*gamma[i] + beta[i]
	}
}
