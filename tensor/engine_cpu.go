package tensor

import (
	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/kernels"
)

// CPU is the engine of package kernels: ordinary memory, SIMD where the processor has it, all cores.
type CPU struct {
	gt.StdEng
	Precision Precision
}

var cpu Engine = CPU{}

// floats is the memory of a tensor of the CPU, or nil.
func floats(t *Tensor) []float32 {
	if t == nil {
		return nil
	}
	return memory(t)
}

// Band is small enough for a band to stay in the third-level cache from where it is made to where it is read, and has pixels for 128 tiles of
// Winograd's convolution, whose weights are transformed for each band: with some 100 at least, it goes the way of the whole.
func (CPU) Band() (elements, pixels int) { return 1 << 20, 1 << 11 }

// grain is about the number of elements of a task: below it, splitting work over cores costs more than it gains.
const grain = 1 << 15

// split calls f(0) … f(units-1), each of them work on about size elements, on all cores.
func split(units, size int, f func(unit int)) {
	each := max(1, grain/size) // units in a task
	kernels.Parallel((units+each-1)/each, func(i int) {
		for unit := i * each; unit < min((i+1)*each, units); unit++ {
			f(unit)
		}
	})
}

// runs calls f, on all cores, for rows rows of n elements, or for pieces of them: elements from … to-1 of row.
func runs(rows, n int, f func(row, from, to int)) {
	pieces := (n + grain - 1) / grain
	split(rows*pieces, min(n, grain), func(piece int) {
		from := piece % pieces * grain
		f(piece/pieces, from, min(from+grain, n))
	})
}

// MatMul implements [Engine].
func (CPU) MatMul(dst, a, b *Tensor, batch, m, k, n int, transB bool) {
	kernels.MatMul(floats(dst), floats(a), floats(b), batch, m, k, n, transB)
}

// PackLinear implements [Engine].
func (e CPU) PackLinear(w *Tensor) any {
	out, in := w.Shape()[0], w.Shape()[1]
	return e.settle(kernels.PackTransposed(floats(w), in, out, in), 1)
}

// PackGated implements [Engine].
func (e CPU) PackGated(w *Tensor) any {
	out, in, x := w.Shape()[0]/2, w.Shape()[1], floats(w)
	p, _ := kernels.PackGated(kernels.Stored{F32: func(dst []float32, first int) error { copy(dst, x[first:]); return nil }}, out, in) // memory does not fail
	return e.settle(p, 1)
}

// PackConv implements [Engine].
func (e CPU) PackConv(w *Tensor) any {
	s := w.Shape()
	return e.settle(kernels.PackConv(floats(w), s[0], s[1], s[2], s[3]), s[2]*s[3])
}

// PackStored implements [StoredPacker].
func (e CPU) PackStored(w kernels.Stored, to *Weight) (any, error) {
	var p *kernels.Packed
	var err error
	if to.Gated {
		p, err = kernels.PackGated(w, to.Out, to.In)
	} else {
		p, err = kernels.PackStored(w, to.Out, to.In, to.KH, to.KW)
	}
	if err != nil {
		return nil, err
	}
	return e.settle(p, to.KH*to.KW), nil
}

const noF16 = "the processor has no products of precision f16: use f32 or mixed, or a GPU"

const smallWeight = 1 << 17 // elements

// settle returns a weight of so many taps as it stays in memory: in 16 bits if that loses nothing or is asked for. Small ones stay float32:
// there is little to save, and with few rows on the other side widening would be a good part of the work.
func (e CPU) settle(p *kernels.Packed, taps int) *kernels.Packed {
	switch {
	case e.Precision == F16:
		panic(&Error{Op: "pack a weight", Reason: noF16})
	case e.Precision == Mixed && taps == 1:
		return p.Mixed()
	case p.K()*p.N() < smallWeight:
		return p.Widen()
	}
	return p.Narrow()
}

// Linear implements [Engine].
func (CPU) Linear(dst, x *Tensor, w *Weight, ep Epilogue) {
	d, s := floats(dst), floats(x)
	kernels.Gemm(d, w.Out, s, w.In, len(s)/w.In, w.Packed.(*kernels.Packed), ep.kernel())
}

// Conv2D implements [Engine].
func (CPU) Conv2D(dst, x *Tensor, w *Weight, ep Epilogue, g ConvGeometry) {
	kernels.Conv2D(floats(dst), floats(x), w.shape(x, g), w.Packed.(*kernels.Packed), ep.kernel())
}

// shape is the convolution of x in the words of package kernels.
func (w *Weight) shape(x *Tensor, g ConvGeometry) kernels.ConvShape {
	s := x.Shape()
	return kernels.ConvShape{
		N: s[0], H: s[1], W: s[2], C: s[3], Out: w.Out, KH: w.KH, KW: w.KW, Stride: g.Stride,
		PadTop: g.Top, PadLeft: g.Left, PadBottom: g.Bottom, PadRight: g.Right,
	}
}

// kernel is the epilogue in the words of package kernels.
func (ep Epilogue) kernel() kernels.Epilogue {
	return kernels.Epilogue{Bias: floats(ep.Bias), Act: kernels.Activation(ep.Act), Residual: floats(ep.Residual)}
}

// GroupScales implements [Engine].
func (CPU) GroupScales(scale, shift, x, gamma, beta *Tensor, groups int, eps float32) {
	s := x.Shape()
	n, c := s[0], s[len(s)-1]
	kernels.GroupScales(floats(scale), floats(shift), floats(x), floats(gamma), floats(beta), n, elements(s)/(n*c), c, groups, eps)
}

// ScaleChannels implements [Engine].
func (CPU) ScaleChannels(dst, x, scale, shift *Tensor, silu bool) {
	s := x.Shape()
	n, c := s[0], s[len(s)-1]
	kernels.ScaleChannels(floats(dst), floats(x), floats(scale), floats(shift), n, elements(s)/(n*c), c, silu)
}

// LayerNorm implements [Engine].
func (CPU) LayerNorm(dst, x, gamma, beta *Tensor, eps float32) {
	s := x.Shape()
	c := s[len(s)-1]
	kernels.LayerNorm(floats(dst), floats(x), floats(gamma), floats(beta), elements(s)/c, c, eps)
}

// Softmax implements [Engine].
func (CPU) Softmax(dst, x *Tensor) {
	s := x.Shape()
	c := s[len(s)-1]
	kernels.Softmax(floats(dst), floats(x), elements(s)/c, c)
}

// Attention implements [Engine].
func (e CPU) Attention(dst, q, k, v *Tensor, p AttnParams) {
	s := q.Shape()
	kernels.Attention(floats(dst), floats(q), floats(k), floats(v), kernels.AttnShape{
		N: s[0], Heads: p.Heads, HeadDim: s[2] / p.Heads, Queries: s[1], Keys: k.Shape()[1], Scale: p.Scale, Causal: p.Causal,
		BF16: e.Precision == Mixed,
	}, p.Regions.kernel(), p.Mass)
}

// kernel is the regions in the words of package kernels; nil stays nil.
func (r *Regions) kernel() *kernels.Regions {
	if r == nil {
		return nil
	}
	regions := &kernels.Regions{Query: r.Labels, Key: r.Labels, Rules: kernelRules(r.Rules)}
	for _, table := range r.PerHead {
		regions.PerHead = append(regions.PerHead, kernelRules(table))
	}
	return regions
}

// kernelRules is a table of rules in the words of package kernels; nil stays nil.
func kernelRules(table [][]Rule) (rules [][]kernels.Rule) {
	for _, row := range table {
		to := make([]kernels.Rule, len(row))
		for c, r := range row {
			to[c] = kernels.Rule{Alpha: r.Alpha, Beta: r.Beta, Target: r.Target, Block: r.Block}
		}
		rules = append(rules, to)
	}
	return rules
}

// UpsampleNearest implements [Engine].
func (CPU) UpsampleNearest(dst, x *Tensor) {
	s, o := x.Shape(), dst.Shape()
	kernels.UpsampleNearest(floats(dst), floats(x), s[0], s[1], s[2], s[3], o[1], o[2])
}
