package tensor

import "fmt"

// ReduceOp folds an axis.
type ReduceOp uint8

// The reductions.
const (
	OpSum ReduceOp = iota
	OpMean
	OpReduceMax
	OpReduceMin
)

// Sum returns the sum over axis, which is gone from the result; over everything, shape [1], if axis is -1. Sums are kept in float64.
func Sum(t *Tensor, axis int) *Tensor { return reduce("Sum", OpSum, t, axis) }

// Mean returns the mean over axis, or over everything if axis is -1, as [Sum].
func Mean(t *Tensor, axis int) *Tensor { return reduce("Mean", OpMean, t, axis) }

// ReduceMax returns the largest element along axis, or of all if axis is -1. NaN wins.
func ReduceMax(t *Tensor, axis int) *Tensor { return reduce("ReduceMax", OpReduceMax, t, axis) }

// ReduceMin returns the smallest element along axis, or of all if axis is -1. NaN wins.
func ReduceMin(t *Tensor, axis int) *Tensor { return reduce("ReduceMin", OpReduceMin, t, axis) }

func reduce(name string, op ReduceOp, t *Tensor, axis int) *Tensor {
	e := home(name, t)
	shape := t.Shape()
	outer, n, inner := 1, elements(shape), 1
	var rest []int
	if axis != -1 {
		if axis < 0 || axis >= t.Dims() {
			fail(name, fmt.Sprintf("no axis %d", axis), t)
		}
		outer, n, inner = elements(shape[:axis]), shape[axis], elements(shape[axis+1:])
		rest = append(append(rest, shape[:axis]...), shape[axis+1:]...)
	}
	if len(rest) == 0 {
		rest = []int{1}
	}
	y := alloc(name, e, rest)
	e.Reduce(op, y, Contiguous(t), outer, n, inner)
	return y
}
