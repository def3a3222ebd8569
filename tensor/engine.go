package tensor

import gt "gorgonia.org/tensor"

// Engine is a device: gorgonia's memory management plus the operators of this package. Operators check shapes and allocate the result
// on the engine of their first argument; an engine only computes. All tensors it is given are contiguous float32 on that engine.
// [CPU] is one; package tensortest is the suite every engine must pass.
type Engine interface {
	gt.Engine

	// Unary computes dst = op(x; a, b) elementwise. dst may be x.
	Unary(op UnaryOp, dst, x *Tensor, a, b float32)
	// Binary computes dst = op(x, y) elementwise after broadcasting.
	Binary(op BinaryOp, dst, x, y *Tensor, bc Broadcast)
	// Reduce folds the middle axis of x seen as [outer, n, inner]; dst is [outer, inner].
	Reduce(op ReduceOp, dst, x *Tensor, outer, n, inner int)
	// Strided copies element by element: dst walks its shape in order, src starts at offset and walks strides (0 repeats).
	Strided(dst, src *Tensor, shape, strides []int, offset int)
	// Place copies src, seen as [outer, inner], into dst, seen as [outer, pitch], at column offset.
	Place(dst, src *Tensor, outer, inner, pitch, offset int)
	// Gather copies rows of table [rows, c] picked by ids.
	Gather(dst, table *Tensor, ids []int32)

	MatMul(dst, a, b *Tensor, batch, m, k, n int, transB bool)
	// PackLinear and PackConv lay out a parameter as the engine wants it; what they return comes back in Weight.Packed.
	PackLinear(w *Tensor) any
	PackConv(w *Tensor) any
	Linear(dst, x *Tensor, w *Weight, bias *Tensor)
	Conv2D(dst, x *Tensor, w *Weight, bias *Tensor, g ConvGeometry)

	GroupNorm(dst, x, gamma, beta *Tensor, groups int, eps float32, silu bool)
	LayerNorm(dst, x, gamma, beta *Tensor, eps float32)
	Softmax(dst, x *Tensor)
	GEGLU(dst, x *Tensor)
	Attention(dst, q, k, v *Tensor, p AttnParams)
	UpsampleNearest(dst, x *Tensor)
}

// engineOf returns the engine t lives on. A tensor made with gorgonia's own engine is ordinary memory: the CPU takes it.
func engineOf(t *Tensor) Engine {
	if e, ok := t.Engine().(Engine); ok {
		return e
	}
	return cpu
}
