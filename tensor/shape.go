package tensor

import (
	"fmt"

	gt "gorgonia.org/tensor"
)

// Shape is the extent of each axis, outermost first. Compare two with slices.Equal: to gorgonia's Eq, [3] and [3, 1] are equal.
type Shape = gt.Shape

// maxElements bounds a tensor at 2^40 elements: far above any memory, far below an overflow of int.
const maxElements = 1 << 40

// checkShape returns the number of elements of shape, or panics if an axis is below 1 or the product is absurd.
func checkShape(op string, shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 1 || n > maxElements/d {
			panic(&Error{Op: op, Shapes: []Shape{shape}, Reason: fmt.Sprintf("every axis must be ≥ 1 and the whole ≤ %d elements", maxElements)})
		}
		n *= d
	}
	return n
}

// elements is the number of elements of a shape that is known to be good.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// strides of a contiguous row-major tensor.
func strides(shape []int) []int {
	s := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = step
		step *= shape[i]
	}
	return s
}

// contiguous reports whether the elements of t lie in row-major order without gaps. It goes by the strides, which are right for all that
// gorgonia makes (slices, pending transposes, column-major tensors); its own flags call contiguous slices gappy.
func contiguous(t *Tensor) bool {
	if len(t.Strides()) != t.Dims() { // a column-major vector has one stride, a column-major [1, 1] none
		return true
	}
	step := 1
	for i := t.Dims() - 1; i >= 0; i-- {
		d := t.Shape()[i]
		if d != 1 && t.Strides()[i] != step {
			return false
		}
		step *= d
	}
	return true
}
