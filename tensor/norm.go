package tensor

import "fmt"

// Norm is a group norm: it normalises over each picture's positions and each of Groups equal runs of channels, then scales by Gamma [c]
// and shifts by Beta [c], either of which may be nil (Wu & He 2018). The variance is divided by the count; Eps is added to it.
type Norm struct {
	Gamma, Beta *Tensor
	Groups      int
	Eps         float32
}

// GroupNorm returns x [n, ..., c] normalised as [Norm] says.
func GroupNorm(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	return Norm{gamma, beta, groups, eps}.apply("GroupNorm", x, false)
}

// GroupNormSiLU returns SiLU(GroupNorm(x)) in one pass over memory.
func GroupNormSiLU(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	return Norm{gamma, beta, groups, eps}.apply("GroupNormSiLU", x, true)
}

func (n Norm) apply(op string, x *Tensor, silu bool) *Tensor {
	e := home(op, x, n.Gamma, n.Beta)
	n.check(op, x)
	y := alloc(op, e, x.Shape())
	defer Tidy(y).Keep()
	x = Contiguous(x)
	scale, shift := n.scales(op, e, x)
	e.ScaleChannels(y, x, scale, shift, silu)
	return y
}

// check fails unless the norm fits x.
func (n Norm) check(op string, x *Tensor) {
	wantAxes(op, x, 2, "[n, ..., c]")
	c := x.Shape()[x.Dims()-1]
	if n.Groups < 1 || c%n.Groups != 0 {
		fail(op, fmt.Sprintf("%d channels do not fall into %d groups", c, n.Groups), x)
	}
	wantShape(op, "gamma", n.Gamma, c)
	wantShape(op, "beta", n.Beta, c)
}

// scales returns what the norm of x comes to: a scale and a shift [n, c].
func (n Norm) scales(op string, e Engine, x *Tensor) (scale, shift *Tensor) {
	s := []int{x.Shape()[0], x.Shape()[x.Dims()-1]}
	scale, shift = alloc(op, e, s), alloc(op, e, s)
	e.GroupScales(scale, shift, x, orNil(n.Gamma), orNil(n.Beta), n.Groups, n.Eps)
	return scale, shift
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
