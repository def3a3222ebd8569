package tensor

import "fmt"

// GroupNorm normalises x [n, ..., c] over each picture's positions and each of groups equal runs of channels, then scales by gamma [c]
// and shifts by beta [c] (Wu & He 2018).
func GroupNorm(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	return groupNorm("GroupNorm", x, gamma, beta, groups, eps, false)
}

// GroupNormSiLU returns SiLU(GroupNorm(x)) in one pass over memory.
func GroupNormSiLU(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	return groupNorm("GroupNormSiLU", x, gamma, beta, groups, eps, true)
}

func groupNorm(op string, x, gamma, beta *Tensor, groups int, eps float32, silu bool) *Tensor {
	if x.Dims() < 2 {
		fail(op, "want [n, ..., c]", x)
	}
	c := x.Shape()[x.Dims()-1]
	if groups < 1 || c%groups != 0 {
		fail(op, fmt.Sprintf("%d channels do not fall into %d groups", c, groups), x)
	}
	wantShape(op, "gamma", gamma, c)
	wantShape(op, "beta", beta, c)
	y := like(x, x.Shape()...)
	engineOf(x).GroupNorm(y, Contiguous(x), gamma, beta, groups, eps, silu)
	return y
}

// LayerNorm normalises the last axis of x [..., c], then scales by gamma [c] and shifts by beta [c].
func LayerNorm(x, gamma, beta *Tensor, eps float32) *Tensor {
	if x.Dims() < 1 {
		fail("LayerNorm", "want [..., c]", x)
	}
	c := x.Shape()[x.Dims()-1]
	wantShape("LayerNorm", "gamma", gamma, c)
	wantShape("LayerNorm", "beta", beta, c)
	y := like(x, x.Shape()...)
	engineOf(x).LayerNorm(y, Contiguous(x), gamma, beta, eps)
	return y
}

// Softmax returns eˣ/Σeˣ over the last axis; the row's maximum is subtracted first, so that nothing overflows.
func Softmax(x *Tensor) *Tensor {
	y := like(x, x.Shape()...)
	engineOf(x).Softmax(y, Contiguous(x))
	return y
}

// GEGLU splits the last axis of x [..., 2c] into a and b and returns a·GELU(b) [..., c] (Shazeer 2020).
func GEGLU(x *Tensor) *Tensor {
	last := x.Dims() - 1
	if last < 0 || x.Shape()[last]%2 != 0 {
		fail("GEGLU", "want [..., 2c]", x)
	}
	shape := x.Shape().Clone()
	shape[last] /= 2
	y := like(x, shape...)
	engineOf(x).GEGLU(y, Contiguous(x))
	return y
}
