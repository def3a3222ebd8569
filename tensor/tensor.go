package tensor

import (
	"fmt"

	gt "gorgonia.org/tensor"
)

// Tensor is gorgonia's dense tensor. In this library it is float32, row-major and contiguous.
type Tensor = gt.Dense

// New returns a tensor of zeros of the given shape on the CPU.
func New(shape ...int) *Tensor { return newOn(cpu, shape...) }

// FromSlice returns a CPU tensor of the given shape on data itself (no copy). It panics with an [*Error] unless len(data) is the
// number of elements of the shape.
func FromSlice(data []float32, shape ...int) *Tensor {
	if n := checkShape("FromSlice", shape); n != len(data) {
		panic(&Error{Op: "FromSlice", Shapes: []Shape{shape}, Reason: fmt.Sprintf("want %d values, got %d", n, len(data))})
	}
	return gt.New(gt.WithShape(shape...), gt.WithBacking(data), gt.WithEngine(cpu))
}

// Full returns a CPU tensor of the given shape with every element v.
func Full(v float32, shape ...int) *Tensor {
	t := New(shape...)
	x := Floats(t)
	for i := range x {
		x[i] = v
	}
	return t
}

// Floats returns the elements of t in row-major order: the memory of a contiguous CPU tensor itself, a copy of anything else.
func Floats(t *Tensor) []float32 {
	t = Contiguous(t)
	switch x := t.Data().(type) {
	case []float32:
		return x
	case float32: // gorgonia returns scalars by value
		return []float32{x}
	default:
		fail("Floats", fmt.Sprintf("want float32, got %v", t.Dtype()), t)
		return nil
	}
}

// Clone returns a copy of t that shares no memory with it.
func Clone(t *Tensor) *Tensor {
	y := like(t, t.Shape()...)
	engineOf(t).Unary(opCopy, y, Contiguous(t), 0, 0)
	return y
}

// newOn returns an uninitialised-or-zero tensor on engine e.
func newOn(e Engine, shape ...int) *Tensor {
	n := checkShape("New", shape)
	if e.AllocAccessible() {
		return gt.New(gt.WithShape(shape...), gt.WithBacking(make([]float32, n)), gt.WithEngine(e))
	}
	return gt.New(gt.Of(gt.Float32), gt.WithShape(shape...), gt.WithEngine(e))
}

// like returns a new tensor of the given shape on t's engine.
func like(t *Tensor, shape ...int) *Tensor { return newOn(engineOf(t), shape...) }

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
