package tensor

import "fmt"

// Weight is a parameter of a linear layer or a convolution as its engine wants it: packed once, when the model is loaded.
type Weight struct {
	In, Out int // channels
	KH, KW  int // kernel extent; 1×1 for a linear layer
	Packed  any // what the engine's PackLinear or PackConv made of it
	engine  Engine
}

// PackLinear prepares the weight [out, in] of a linear layer. nil, a weight that could not be read, stays nil.
func PackLinear(w *Tensor) *Weight {
	if w == nil {
		return nil
	}
	wantDims("PackLinear", w, 2, "[out, in]")
	e := engineOf(w)
	return &Weight{Out: w.Shape()[0], In: w.Shape()[1], KH: 1, KW: 1, Packed: e.PackLinear(Contiguous(w)), engine: e}
}

// PackConv prepares the weight [out, in, kh, kw] of a convolution, the layout of PyTorch and of every checkpoint.
// nil, a weight that could not be read, stays nil.
func PackConv(w *Tensor) *Weight {
	if w == nil {
		return nil
	}
	wantDims("PackConv", w, 4, "[out, in, kh, kw]")
	e, s := engineOf(w), w.Shape()
	return &Weight{Out: s[0], In: s[1], KH: s[2], KW: s[3], Packed: e.PackConv(Contiguous(w)), engine: e}
}

// Linear returns x·wᵀ + bias: [..., out] for x [..., in], w packed from [out, in], bias [out] or nil.
func Linear(x *Tensor, w *Weight, bias *Tensor) *Tensor {
	last := x.Dims() - 1
	if last < 0 || x.Shape()[last] != w.In || w.KH != 1 || w.KW != 1 {
		fail("Linear", fmt.Sprintf("want [..., %d]", w.In), x)
	}
	wantShape("Linear", "bias", bias, w.Out)
	shape := x.Shape().Clone()
	shape[last] = w.Out
	y := like(x, shape...)
	w.engine.Linear(y, Contiguous(x), w, bias)
	return y
}

// MatMul returns the product of the last two axes, batched over the ones before, which must agree (or be absent in b, which is
// then the same for every batch): [..., m, n] for a [..., m, k] and b [..., k, n].
func MatMul(a, b *Tensor) *Tensor { return matMul("MatMul", a, b, false) }

// MatMulT returns a·bᵀ, batched as [MatMul]: [..., m, n] for a [..., m, k] and b [..., n, k].
func MatMulT(a, b *Tensor) *Tensor { return matMul("MatMulT", a, b, true) }

func matMul(op string, a, b *Tensor, transB bool) *Tensor {
	da, db := a.Dims(), b.Dims()
	if da < 2 || db < 2 || (db != da && db != 2) {
		fail(op, "want two matrices, or two equal stacks of matrices", a, b)
	}
	k, n := b.Shape()[db-2], b.Shape()[db-1]
	if transB {
		k, n = n, k
	}
	m := a.Shape()[da-2]
	if a.Shape()[da-1] != k {
		fail(op, "the inner axes differ", a, b)
	}
	batch := 1
	if db == 2 { // the same b for all rows of all batches
		m *= elements(a.Shape()[:da-2])
	} else {
		if !Shape(a.Shape()[:da-2]).Eq(Shape(b.Shape()[:db-2])) {
			fail(op, "the batch axes differ", a, b)
		}
		batch = elements(a.Shape()[:da-2])
	}
	shape := a.Shape().Clone()
	shape[da-1] = n
	y := like(a, shape...)
	engineOf(a).MatMul(y, Contiguous(a), Contiguous(b), batch, m, k, n, transB)
	return y
}
