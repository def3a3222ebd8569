package tensor

import "fmt"

// GroupNorm normalises x [n, ..., c] over each picture's positions and each of groups equal runs of channels, then scales by gamma [c]
// and shifts by beta [c], either of which may be nil (Wu & He 2018). The variance is divided by the count; eps is added to it.
func GroupNorm(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	return groupNorm("GroupNorm", x, gamma, beta, groups, eps, false)
}

// GroupNormSiLU returns SiLU(GroupNorm(x)) in one pass over memory.
func GroupNormSiLU(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	return groupNorm("GroupNormSiLU", x, gamma, beta, groups, eps, true)
}

func groupNorm(op string, x, gamma, beta *Tensor, groups int, eps float32, silu bool) *Tensor {
	e := home(op, x, gamma, beta)
	wantAxes(op, x, 2, "[n, ..., c]")
	c := x.Shape()[x.Dims()-1]
	if groups < 1 || c%groups != 0 {
		fail(op, fmt.Sprintf("%d channels do not fall into %d groups", c, groups), x)
	}
	wantShape(op, "gamma", gamma, c)
	wantShape(op, "beta", beta, c)
	y := alloc(op, e, x.Shape())
	e.GroupNorm(y, Contiguous(x), orNil(gamma), orNil(beta), groups, eps, silu)
	return y
}

// LayerNorm normalises the last axis of x [..., c], then scales by gamma [c] and shifts by beta [c], either of which may be nil
// (Ba, Kiros & Hinton 2016).
func LayerNorm(x, gamma, beta *Tensor, eps float32) *Tensor {
	e := home("LayerNorm", x, gamma, beta)
	wantAxes("LayerNorm", x, 1, "[..., c]")
	c := x.Shape()[x.Dims()-1]
	wantShape("LayerNorm", "gamma", gamma, c)
	wantShape("LayerNorm", "beta", beta, c)
	y := alloc("LayerNorm", e, x.Shape())
	e.LayerNorm(y, Contiguous(x), orNil(gamma), orNil(beta), eps)
	return y
}

// Softmax returns eˣ/Σeˣ over the last axis of x [..., c]; the row's maximum is subtracted first, so that nothing overflows. A row that
// is all -Inf, or has a NaN or +Inf, becomes NaN.
func Softmax(x *Tensor) *Tensor {
	e := home("Softmax", x)
	wantAxes("Softmax", x, 1, "[..., c]")
	y := alloc("Softmax", e, x.Shape())
	e.Softmax(y, Contiguous(x))
	return y
}
