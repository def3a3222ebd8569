package tensor

import (
	"math"

	"github.com/sowgen/sowgen/kernels"
)

// Unary implements [Engine].
func (CPU) Unary(op UnaryOp, dst, x *Tensor, a, b float32) {
	d, s, f := floats(dst), floats(x), unaryLoops[op]
	runs(1, len(d), func(_, from, to int) { f(d[from:to], s[from:to], a, b) })
}

var unaryLoops = [...]func(dst, x []float32, a, b float32){
	OpCopy: func(dst, x []float32, _, _ float32) { copy(dst, x) },
	OpAffine: func(dst, x []float32, a, b float32) {
		for i, v := range x {
			dst[i] = a*v + b
		}
	},
	OpSiLU:      func(dst, x []float32, _, _ float32) { kernels.SiLU(dst, x) },
	OpGELU:      func(dst, x []float32, _, _ float32) { kernels.GELU(dst, x) },
	OpQuickGELU: func(dst, x []float32, _, _ float32) { kernels.QuickGELU(dst, x) },
	OpExp:       func(dst, x []float32, _, _ float32) { kernels.Exp(dst, x) },
	OpLog: func(dst, x []float32, _, _ float32) {
		for i, v := range x {
			dst[i] = float32(math.Log(float64(v)))
		}
	},
	OpSqrt: func(dst, x []float32, _, _ float32) { kernels.Sqrt(dst, x) },
	OpAbs: func(dst, x []float32, _, _ float32) {
		for i, v := range x {
			dst[i] = float32(math.Abs(float64(v)))
		}
	},
	OpClamp: func(dst, x []float32, lo, hi float32) {
		for i, v := range x {
			dst[i] = min(max(v, lo), hi)
		}
	},
}

// Binary implements [Engine]. A row is a run of the innermost axis, along which each side either steps or repeats.
func (CPU) Binary(op BinaryOp, dst, x, y *Tensor, bc Broadcast) {
	bc = bc.collapse()
	d, xs, ys, f := floats(dst), floats(x), floats(y), binaryLoops[op]
	last := len(bc.Shape) - 1
	n, xStep, yStep := bc.Shape[last], bc.XStrides[last], bc.YStrides[last]
	if int(op) < len(vectorLoops) && xStep == 1 && yStep == 1 && n >= 1024 { // below, a call costs more than it saves
		f = func(dst, x, y []float32, _, _ int) { vectorLoops[op](dst, x, y) }
	}
	runs(len(d)/n, n, func(row, from, to int) {
		x := xs[place(row, bc.Shape[:last], bc.XStrides)+from*xStep:]
		y := ys[place(row, bc.Shape[:last], bc.YStrides)+from*yStep:]
		f(d[row*n+from:row*n+to], x, y, xStep, yStep)
	})
}

// place is where row row of a walk over shape begins.
func place(row int, shape, strides []int) int {
	at := 0
	for axis := len(shape) - 1; axis > 0; axis-- {
		at += row % shape[axis] * strides[axis]
		row /= shape[axis]
	}
	if len(shape) > 0 {
		at += row * strides[0]
	}
	return at
}

// binaryLoops compute dst[i] = op(x[i·xStep], y[i·yStep]).
var binaryLoops = [...]func(dst, x, y []float32, xStep, yStep int){
	OpAdd: func(dst, x, y []float32, xStep, yStep int) {
		for i := range dst {
			dst[i] = x[i*xStep] + y[i*yStep]
		}
	},
	OpSub: func(dst, x, y []float32, xStep, yStep int) {
		for i := range dst {
			dst[i] = x[i*xStep] - y[i*yStep]
		}
	},
	OpMul: func(dst, x, y []float32, xStep, yStep int) {
		for i := range dst {
			dst[i] = x[i*xStep] * y[i*yStep]
		}
	},
	OpDiv: func(dst, x, y []float32, xStep, yStep int) {
		for i := range dst {
			dst[i] = x[i*xStep] / y[i*yStep]
		}
	},
	OpMax: func(dst, x, y []float32, xStep, yStep int) {
		for i := range dst {
			dst[i] = max(x[i*xStep], y[i*yStep])
		}
	},
	OpMin: func(dst, x, y []float32, xStep, yStep int) {
		for i := range dst {
			dst[i] = min(x[i*xStep], y[i*yStep])
		}
	},
}

// vectorLoops compute dst = op(x, y) where neither side repeats.
var vectorLoops = [...]func(dst, x, y []float32){OpAdd: kernels.Add, OpSub: kernels.Sub, OpMul: kernels.Mul, OpDiv: kernels.Div}

// collapse drops axes of one element and merges neighbours that both sides walk in one stride, so that the innermost run is as long as
// it can be. There is at least one axis.
func (bc Broadcast) collapse() Broadcast {
	var out Broadcast
	for i, d := range bc.Shape {
		xs, ys, last := bc.XStrides[i], bc.YStrides[i], len(out.Shape)-1
		switch {
		case d == 1:
		case last >= 0 && out.XStrides[last] == d*xs && out.YStrides[last] == d*ys:
			out.Shape[last] *= d
			out.XStrides[last], out.YStrides[last] = xs, ys
		default:
			out.Shape, out.XStrides, out.YStrides = append(out.Shape, d), append(out.XStrides, xs), append(out.YStrides, ys)
		}
	}
	if len(out.Shape) == 0 {
		return Broadcast{[]int{1}, []int{0}, []int{0}}
	}
	return out
}
