package tensor

import gt "gorgonia.org/tensor"

// Engine is a device: gorgonia's memory management plus the operators of this package. Operators check shapes and engines and allocate
// the result; an engine only computes. [CPU] is one; package tensortest is the suite every engine must pass.
//
// All tensors an engine is given are contiguous float32 of its own, except src of Strided; no two of them overlap, except where it says
// so. Engines are compared with ==: two values that are equal are one device; [Device] gives a tensor's. What a dst holds before is
// anything.
//
// An engine whose memory the host cannot read says so by AllocAccessible. Alloc then gives an address of the device (or an error), Free
// takes it back, Memclr clears, and Memcpy copies between host and device, telling them apart by the addresses. Tensors of an [Arena] lie
// in large stretches that were got from Alloc once, and another operator's result may take the place of one that has been read: the
// engine must do its work in the order in which it was asked.
type Engine interface {
	gt.Engine

	// Band is how many elements an operator makes at a time of a picture that only it reads ([NormConv2D], [UpsampleConv2D]), more if they do not
	// make so many pixels of the result.
	Band() (elements, pixels int)

	// Unary computes dst = op(x; a, b) elementwise. dst may be x.
	Unary(op UnaryOp, dst, x *Tensor, a, b float32)
	// Binary computes dst = op(x, y) elementwise after broadcasting.
	Binary(op BinaryOp, dst, x, y *Tensor, bc Broadcast)
	// Reduce folds the middle axis of x seen as [outer, n, inner]; dst is [outer, inner].
	Reduce(op ReduceOp, dst, x *Tensor, outer, n, inner int)
	// Strided copies element by element: dst walks its shape in order, src starts at offset and walks strides (0 repeats). src may be a
	// view: its memory counts, not its shape.
	Strided(dst, src *Tensor, shape, strides []int, offset int)
	// Place copies src, seen as [outer, inner], into dst, seen as [outer, pitch], at column offset.
	Place(dst, src *Tensor, outer, inner, pitch, offset int)
	// Gather copies rows of table [rows, c] picked by ids, which are all rows of it, into dst [len(ids), c].
	Gather(dst, table *Tensor, ids []int32)

	// MatMul computes dst [batch, m, n] = a [batch, m, k] · b [batch, k, n], or b [batch, n, k] transposed.
	MatMul(dst, a, b *Tensor, batch, m, k, n int, transB bool)
	// PackLinear lays out a parameter [out, in] as the engine wants it; the result comes back in Weight.Packed.
	PackLinear(w *Tensor) any
	// PackGated lays out a parameter [2·out, in] whose first half of rows makes values and whose other half their gates.
	PackGated(w *Tensor) any
	// PackConv lays out a parameter [out, in, kh, kw].
	PackConv(w *Tensor) any
	// Linear computes dst [..., out] from x [..., in]. The epilogue's residual may be dst. A gated w gives value·GELU(gate); the epilogue is
	// then at most a bias [2·out].
	Linear(dst, x *Tensor, w *Weight, ep Epilogue)
	// Conv2D computes dst [n, h', w', out] from x [n, h, w, in]. The epilogue's residual may be dst.
	Conv2D(dst, x *Tensor, w *Weight, ep Epilogue, g ConvGeometry)

	// GroupScales computes the two numbers of each picture and channel of x [n, ..., c] to which its group norm comes, as [GroupNorm] says:
	// scale [n, c] = gamma/√(var + eps) and shift [n, c] = beta - mean·scale; gamma and beta, [c], may be nil.
	GroupScales(scale, shift, x, gamma, beta *Tensor, groups int, eps float32)
	// ScaleChannels computes dst = x·scale + shift for x [n, ..., c] and scale and shift [n, c], followed by SiLU if that is set.
	ScaleChannels(dst, x, scale, shift *Tensor, silu bool)
	// LayerNorm works on x [..., c]; gamma and beta, [c], may be nil.
	LayerNorm(dst, x, gamma, beta *Tensor, eps float32)
	// Softmax works on the last axis.
	Softmax(dst, x *Tensor)
	// Attention computes dst [n, queries, c] from q of that shape and k, v [n, keys, c]. p is checked, p.Scale is set and p.Mass, which
	// lies in ordinary memory, is zeroed.
	Attention(dst, q, k, v *Tensor, p AttnParams)
	// UpsampleNearest resizes x [n, h, w, c] to dst [n, h', w', c].
	UpsampleNearest(dst, x *Tensor)
}
