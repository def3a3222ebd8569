package tensor

import (
	"fmt"
	"slices"

	"github.com/sowgen/sowgen/kernels"
)

// Weight is a parameter of a linear layer or a convolution as its engine wants it: packed once, when the model is loaded.
type Weight struct {
	In, Out int // channels
	KH, KW  int // kernel extent; 1×1 for a linear layer
	Gated   bool
	Packed  any // what the engine's PackLinear, PackGated, PackConv or PackStored made of it
	engine  Engine
	conv    bool
}

// PackLinear prepares the weight [out, in] of a linear layer.
func PackLinear(w *Tensor) *Weight {
	e := home("PackLinear", w)
	wantDims("PackLinear", w, 2, "[out, in]")
	return &Weight{Out: w.Shape()[0], In: w.Shape()[1], KH: 1, KW: 1, Packed: e.PackLinear(Contiguous(w)), engine: device(e)}
}

// PackGated prepares the weight [2·out, in] of a linear layer with a gate (Shazeer 2020): its first half of rows makes values, the other
// their gates, and [Linear] returns value·GELU(gate).
func PackGated(w *Tensor) *Weight {
	e := home("PackGated", w)
	wantDims("PackGated", w, 2, "[2·out, in]")
	if w.Shape()[0]%2 != 0 {
		fail("PackGated", "want [2·out, in]", w)
	}
	return &Weight{Out: w.Shape()[0] / 2, In: w.Shape()[1], KH: 1, KW: 1, Gated: true, Packed: e.PackGated(Contiguous(w)), engine: device(e)}
}

// rows is how many rows the parameter has.
func (w *Weight) rows() int {
	if w.Gated {
		return 2 * w.Out
	}
	return w.Out
}

// PackConv prepares the weight [out, in, kh, kw] of a convolution, the layout of PyTorch and of every checkpoint.
func PackConv(w *Tensor) *Weight {
	e := home("PackConv", w)
	wantDims("PackConv", w, 4, "[out, in, kh, kw]")
	s := w.Shape()
	return &Weight{Out: s[0], In: s[1], KH: s[2], KW: s[3], Packed: e.PackConv(Contiguous(w)), engine: device(e), conv: true}
}

// StoredPacker is an engine that packs a weight from where it is stored: there is never a float32 copy of the whole.
type StoredPacker interface {
	Engine
	// PackStored lays out the parameter of a layer, all of which is set but Packed. The error is that of reading it.
	PackStored(w kernels.Stored, to *Weight) (any, error)
}

// StoredReader is an engine that brings numbers to its memory as they are stored, where [To] would have them as float32 on the host first.
type StoredReader interface {
	Engine
	// ReadStored fills dst. The error is that of reading.
	ReadStored(w kernels.Stored, dst *Tensor) error
}

// Read returns a tensor of stored numbers on e, of a parameter that a layer keeps. The error is that of reading it.
func Read(e StoredReader, w kernels.Stored, shape ...int) (*Tensor, error) {
	t := alloc("Read", e, shape)
	return t, e.ReadStored(w, t)
}

// ReadWeight is [PackLinear] of a weight of the shape [out, in], or [PackConv] of one of [out, in, kh, kw], that is read as it is packed.
// The error is that of reading it.
func ReadWeight(e StoredPacker, w kernels.Stored, shape ...int) (*Weight, error) {
	checkShape("ReadWeight", shape)
	if len(shape) != 2 && len(shape) != 4 {
		panic(&Error{Op: "ReadWeight", Shapes: []Shape{shape}, Reason: "want [out, in] or [out, in, kh, kw]"})
	}
	to := &Weight{Out: shape[0], In: shape[1], KH: 1, KW: 1}
	if len(shape) == 4 {
		to.KH, to.KW, to.conv = shape[2], shape[3], true
	}
	return to.read(e, w)
}

// ReadGated is [PackGated] of a weight [2·out, in] that is read as it is packed. The error is that of reading it.
func ReadGated(e StoredPacker, w kernels.Stored, out, in int) (*Weight, error) {
	checkShape("ReadGated", []int{out, in})
	return (&Weight{Out: out, In: in, KH: 1, KW: 1, Gated: true}).read(e, w)
}

func (w *Weight) read(e StoredPacker, stored kernels.Stored) (_ *Weight, err error) {
	w.engine = device(e)
	if w.Packed, err = e.PackStored(stored, w); err != nil {
		return nil, err
	}
	return w, nil
}

// Linear returns x·wᵀ with its epilogue: [..., out] for x [..., in], w from [PackLinear] of [out, in]. With a w from [PackGated] the epilogue
// is at most a bias [2·out].
func Linear(x *Tensor, w *Weight, ep Epilogue) *Tensor {
	e := w.check("Linear", false, x, ep)
	last := x.Dims() - 1
	if last < 0 || x.Shape()[last] != w.In {
		fail("Linear", fmt.Sprintf("want [..., %d]", w.In), x)
	}
	shape := x.Shape().Clone()
	shape[last] = w.Out
	y, ep := ep.result("Linear", e, shape, nil)
	e.Linear(y, Contiguous(x), w, ep)
	return y
}

// FeedForward is Linear of w, with its epilogue, of what Linear makes of x with the gated weight and its bias, which nobody else reads.
func FeedForward(x *Tensor, gated *Weight, bias *Tensor, w *Weight, ep Epilogue) *Tensor {
	const op = "FeedForward"
	e := gated.check(op, false, x, Epilogue{Bias: bias})
	r, ok := device(e).(roundingEngine)
	if !ok || !r.feedsForward(x, gated, w) {
		return Linear(Linear(x, gated, Epilogue{Bias: bias}), w, ep)
	}
	w.check(op, false, x, ep)
	last := x.Dims() - 1
	if last < 0 || x.Shape()[last] != gated.In || gated.Out != w.In {
		fail(op, fmt.Sprintf("want [..., %d], and a second layer of %d columns", gated.In, gated.Out), x)
	}
	shape := x.Shape().Clone()
	shape[last] = w.Out
	y, ep := ep.result(op, e, shape, nil)
	r.feedForward(y, Contiguous(x), gated, orNil(bias), w, ep)
	return y
}

// check returns the engine of x, w and ep, and fails unless w was packed there, for this kind of layer, and ep fits.
func (w *Weight) check(op string, conv bool, x *Tensor, ep Epilogue) Engine {
	e, packer := home(op, x, ep.Bias, ep.Residual), "PackLinear"
	if conv {
		packer = "PackConv"
	}
	switch {
	case w == nil || w.engine == nil || w.conv != conv:
		fail(op, "want a weight from "+packer, x)
	case w.engine != device(e):
		fail(op, fmt.Sprintf("the weight is packed for another engine, %s, than %s", nameOf(w.engine), nameOf(e)), x)
	}
	if w.Gated && (ep.Act != NoAct || ep.Residual != nil) {
		fail(op, "a gated layer has no other activation and no residual", x)
	}
	ep.check(op, x, w.rows())
	return e
}

// orNil is Contiguous for a parameter that may be absent.
func orNil(t *Tensor) *Tensor {
	if t == nil {
		return nil
	}
	return Contiguous(t)
}

// MatMul returns the product of the last two axes, batched over the ones before, which must agree (or be absent in b, which is
// then the same for every batch): [..., m, n] for a [..., m, k] and b [..., k, n].
func MatMul(a, b *Tensor) *Tensor { return matMul("MatMul", a, b, false) }

// MatMulT returns a·bᵀ, batched as [MatMul]: [..., m, n] for a [..., m, k] and b [..., n, k].
func MatMulT(a, b *Tensor) *Tensor { return matMul("MatMulT", a, b, true) }

func matMul(op string, a, b *Tensor, transB bool) *Tensor {
	e := home(op, a, b)
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
		if !slices.Equal(a.Shape()[:da-2], b.Shape()[:db-2]) {
			fail(op, "the batch axes differ", a, b)
		}
		batch = elements(a.Shape()[:da-2])
	}
	shape := a.Shape().Clone()
	shape[da-1] = n
	y := alloc(op, e, shape)
	e.MatMul(y, Contiguous(a), Contiguous(b), batch, m, k, n, transB)
	return y
}
