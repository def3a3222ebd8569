package tensor

import (
	"math"

	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/kernels"
)

// CPU is the engine of package kernels: ordinary memory, SIMD where the processor has it, all cores.
type CPU struct{ gt.StdEng }

var cpu Engine = CPU{}

// floats is the memory of a contiguous tensor of the CPU.
func floats(t *Tensor) []float32 {
	if t == nil {
		return nil
	}
	return Floats(t)
}

// grain is the number of elements below which splitting elementwise work over cores costs more than it gains.
const grain = 1 << 15

// spread runs f over [0, n) in runs of grain elements, on all cores.
func spread(n int, f func(from, to int)) {
	if n <= grain {
		f(0, n)
		return
	}
	kernels.Parallel((n+grain-1)/grain, func(i int) { f(i*grain, min((i+1)*grain, n)) })
}

// Unary implements [Engine].
func (CPU) Unary(op UnaryOp, dst, x *Tensor, a, b float32) {
	d, s := floats(dst), floats(x)
	f := unaryLoops[op]
	spread(len(d), func(from, to int) { f(d[from:to], s[from:to], a, b) })
}

var unaryLoops = [...]func(dst, x []float32, a, b float32){
	opCopy: func(dst, x []float32, _, _ float32) { copy(dst, x) },
	OpAffine: func(dst, x []float32, a, b float32) {
		for i, v := range x {
			dst[i] = a*v + b
		}
	},
	OpSiLU:      func(dst, x []float32, _, _ float32) { kernels.SiLU(dst, x) },
	OpGELU:      func(dst, x []float32, _, _ float32) { kernels.GELU(dst, x) },
	OpQuickGELU: func(dst, x []float32, _, _ float32) { kernels.QuickGELU(dst, x) },
	OpExp:       func(dst, x []float32, _, _ float32) { pointwise(dst, x, math.Exp) },
	OpLog:       func(dst, x []float32, _, _ float32) { pointwise(dst, x, math.Log) },
	OpSqrt:      func(dst, x []float32, _, _ float32) { pointwise(dst, x, math.Sqrt) },
	OpAbs:       func(dst, x []float32, _, _ float32) { pointwise(dst, x, math.Abs) },
	OpClamp: func(dst, x []float32, lo, hi float32) {
		for i, v := range x {
			dst[i] = min(max(v, lo), hi)
		}
	},
}

func pointwise(dst, x []float32, f func(float64) float64) {
	for i, v := range x {
		dst[i] = float32(f(float64(v)))
	}
}

// Binary implements [Engine].
func (CPU) Binary(op BinaryOp, dst, x, y *Tensor, bc Broadcast) {
	bc = bc.collapse()
	d, xs, ys, last := floats(dst), floats(x), floats(y), len(bc.Shape)-1
	run, xStep, yStep := bc.Shape[last], bc.XStrides[last], bc.YStrides[last]
	if last == 0 && xStep == 1 && yStep == 1 {
		spread(run, func(from, to int) { binaryLoop(op, d[from:to], xs[from:], ys[from:], 1, 1) })
		return
	}
	// One task is a block of rows; a row is a run of the innermost axis.
	rows := len(d) / run
	block := max(1, grain/run)
	kernels.Parallel((rows+block-1)/block, func(i int) {
		for row := i * block; row < min((i+1)*block, rows); row++ {
			xAt, yAt, rest := 0, 0, row
			for axis := last - 1; axis >= 0; axis-- {
				at := rest % bc.Shape[axis]
				rest /= bc.Shape[axis]
				xAt += at * bc.XStrides[axis]
				yAt += at * bc.YStrides[axis]
			}
			binaryLoop(op, d[row*run:(row+1)*run], xs[xAt:], ys[yAt:], xStep, yStep)
		}
	})
}

// binaryLoop computes dst[i] = op(x[i·xStep], y[i·yStep]).
func binaryLoop(op BinaryOp, dst, x, y []float32, xStep, yStep int) {
	if xStep == 1 && yStep == 1 {
		x, y = x[:len(dst)], y[:len(dst)]
		switch op {
		case OpAdd:
			kernels.Add(dst, x, y)
			return
		case OpSub:
			kernels.Sub(dst, x, y)
			return
		case OpMul:
			kernels.Mul(dst, x, y)
			return
		case OpDiv:
			kernels.Div(dst, x, y)
			return
		}
	}
	for i := range dst {
		a, b := x[i*xStep], y[i*yStep]
		switch op {
		case OpAdd:
			dst[i] = a + b
		case OpSub:
			dst[i] = a - b
		case OpMul:
			dst[i] = a * b
		case OpDiv:
			dst[i] = a / b
		case OpMax:
			dst[i] = max(a, b)
		case OpMin:
			dst[i] = min(a, b)
		}
	}
}

// collapse merges neighbouring axes that both sides walk in one stride, so that the innermost run is as long as it can be.
func (bc Broadcast) collapse() Broadcast {
	if len(bc.Shape) == 0 {
		return Broadcast{[]int{1}, []int{0}, []int{0}}
	}
	var out Broadcast
	for i, d := range bc.Shape {
		last := len(out.Shape) - 1
		if last >= 0 && (out.Shape[last] == 1 || (out.XStrides[last] == d*bc.XStrides[i] && out.YStrides[last] == d*bc.YStrides[i])) {
			out.Shape[last] *= d
			out.XStrides[last], out.YStrides[last] = bc.XStrides[i], bc.YStrides[i]
			continue
		}
		if last >= 0 && d == 1 {
			continue
		}
		out.Shape = append(out.Shape, d)
		out.XStrides = append(out.XStrides, bc.XStrides[i])
		out.YStrides = append(out.YStrides, bc.YStrides[i])
	}
	return out
}

// Reduce implements [Engine].
func (CPU) Reduce(op ReduceOp, dst, x *Tensor, outer, n, inner int) {
	d, s := floats(dst), floats(x)
	for o := range outer {
		for i := range inner {
			at := o*n*inner + i
			best, sum := s[at], 0.0
			for range n {
				v := s[at]
				switch op {
				case OpReduceMax:
					best = max(best, v)
				case OpReduceMin:
					best = min(best, v)
				default:
					sum += float64(v)
				}
				at += inner
			}
			switch op {
			case OpSum:
				best = float32(sum)
			case OpMean:
				best = float32(sum / float64(n))
			}
			d[o*inner+i] = best
		}
	}
}

// Strided implements [Engine].
func (CPU) Strided(dst, src *Tensor, shape, strides []int, offset int) {
	d, s, last := floats(dst), floats(src), len(shape)-1
	run, step := shape[last], strides[last]
	rows := len(d) / run
	block := max(1, grain/run)
	kernels.Parallel((rows+block-1)/block, func(i int) {
		for row := i * block; row < min((i+1)*block, rows); row++ {
			at, rest := offset, row
			for axis := last - 1; axis >= 0; axis-- {
				at += rest % shape[axis] * strides[axis]
				rest /= shape[axis]
			}
			to := d[row*run : (row+1)*run]
			if step == 1 {
				copy(to, s[at:])
				continue
			}
			for j := range to {
				to[j] = s[at+j*step]
			}
		}
	})
}

// Place implements [Engine].
func (CPU) Place(dst, src *Tensor, outer, inner, pitch, offset int) {
	d, s := floats(dst), floats(src)
	for o := range outer {
		copy(d[o*pitch+offset:][:inner], s[o*inner:])
	}
}

// Gather implements [Engine].
func (CPU) Gather(dst, table *Tensor, ids []int32) {
	d, s, c := floats(dst), floats(table), table.Shape()[1]
	for i, id := range ids {
		copy(d[i*c:(i+1)*c], s[int(id)*c:])
	}
}

// MatMul implements [Engine].
func (CPU) MatMul(dst, a, b *Tensor, batch, m, k, n int, transB bool) {
	kernels.MatMul(floats(dst), floats(a), floats(b), batch, m, k, n, transB)
}

// PackLinear implements [Engine].
func (CPU) PackLinear(w *Tensor) any {
	out, in := w.Shape()[0], w.Shape()[1]
	return kernels.PackTransposed(floats(w), in, out, in)
}

// PackConv implements [Engine].
func (CPU) PackConv(w *Tensor) any {
	s := w.Shape()
	return kernels.PackConv(floats(w), s[0], s[1], s[2], s[3])
}

// Linear implements [Engine].
func (CPU) Linear(dst, x *Tensor, w *Weight, bias *Tensor) {
	d, s := floats(dst), floats(x)
	kernels.Gemm(d, w.Out, s, w.In, len(s)/w.In, w.Packed.(*kernels.Packed), kernels.Epilogue{Bias: floats(bias)})
}

// Conv2D implements [Engine].
func (CPU) Conv2D(dst, x *Tensor, w *Weight, bias *Tensor, g ConvGeometry) {
	s := x.Shape()
	kernels.Conv2D(floats(dst), floats(x), kernels.ConvShape{
		N: s[0], H: s[1], W: s[2], C: s[3], Out: w.Out, KH: w.KH, KW: w.KW, Stride: g.Stride,
		PadTop: g.Top, PadLeft: g.Left, PadBottom: g.Bottom, PadRight: g.Right,
	}, w.Packed.(*kernels.Packed), kernels.Epilogue{Bias: floats(bias)})
}

// GroupNorm implements [Engine].
func (CPU) GroupNorm(dst, x, gamma, beta *Tensor, groups int, eps float32, silu bool) {
	s := x.Shape()
	n, c := s[0], s[len(s)-1]
	kernels.GroupNorm(floats(dst), floats(x), floats(gamma), floats(beta), n, elements(s)/(n*c), c, groups, eps, silu)
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

// GEGLU implements [Engine].
func (CPU) GEGLU(dst, x *Tensor) {
	s := dst.Shape()
	c := s[len(s)-1]
	kernels.GEGLU(floats(dst), floats(x), elements(s)/c, c)
}

// Attention implements [Engine].
func (CPU) Attention(dst, q, k, v *Tensor, p AttnParams) {
	s := q.Shape()
	var regions *kernels.Regions
	if p.Regions != nil {
		regions = &kernels.Regions{Query: p.Regions.Labels, Key: p.Regions.Labels, Rules: make([][]kernels.Rule, len(p.Regions.Rules))}
		for a, row := range p.Regions.Rules {
			for _, r := range row {
				regions.Rules[a] = append(regions.Rules[a], kernels.Rule{Alpha: r.Alpha, Beta: r.Beta, Target: r.Target, Block: r.Block})
			}
		}
	}
	kernels.Attention(floats(dst), floats(q), floats(k), floats(v), kernels.AttnShape{
		N: s[0], Heads: p.Heads, HeadDim: s[2] / p.Heads, Queries: s[1], Keys: k.Shape()[1], Scale: p.Scale, Causal: p.Causal,
	}, regions, p.Mass)
}

// UpsampleNearest implements [Engine].
func (CPU) UpsampleNearest(dst, x *Tensor) {
	s, o := x.Shape(), dst.Shape()
	kernels.UpsampleNearest(floats(dst), floats(x), s[0], s[1], s[2], s[3], o[1], o[2])
}
