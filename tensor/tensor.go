package tensor

import (
	"fmt"
	"runtime"

	gt "gorgonia.org/tensor"
)

// Tensor is gorgonia's dense tensor. In this library it is float32, row-major and contiguous.
type Tensor = gt.Dense

// New returns a tensor of zeros of the given shape on the CPU; without a shape, a scalar.
func New(shape ...int) *Tensor { return alloc("New", cpu, shape) }

// FromSlice returns a CPU tensor of the given shape on data itself (no copy). It panics with an [*Error] unless len(data) is the
// number of elements of the shape.
func FromSlice(data []float32, shape ...int) *Tensor {
	if n := checkShape("FromSlice", shape); n != len(data) {
		panic(&Error{Op: "FromSlice", Shapes: []Shape{shape}, Reason: fmt.Sprintf("want %d values, got %d", n, len(data))})
	}
	return onHost(cpu, data, shape)
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

// Floats returns the elements of t in row-major order: the memory of a contiguous tensor of the CPU itself, so that writing to it
// changes t; a copy of a view that is not contiguous and of what lies in a device's own memory.
func Floats(t *Tensor) []float32 {
	e := home("Floats", t)
	t = Contiguous(t)
	if e.AllocAccessible() {
		return memory(t)
	}
	return memory(To(cpu, t))
}

// Clone returns a copy of t, on the same engine, that shares no memory with it.
func Clone(t *Tensor) *Tensor { return unary("Clone", OpCopy, t, 0, 0) }

// memory is the memory of a tensor that the host can read. Unlike gorgonia's Data it gives a scalar's place and not its value, and never
// holds the address in a uintptr, where the garbage collector does not see it.
func memory(t *Tensor) []float32 {
	n := elements(t.Shape())
	return t.Float32s()[:n:n]
}

// onHost returns a tensor on data itself.
func onHost(e Engine, data []float32, shape []int) *Tensor {
	t := gt.New(gt.WithShape(shape...), gt.WithBacking(data), gt.WithEngine(e))
	runtime.KeepAlive(data) // gorgonia takes the address through a uintptr
	return t
}

// onDevice returns a tensor on memory of engine e, which the host cannot read.
func onDevice(e Engine, address uintptr, shape []int) *Tensor {
	return gt.New(gt.Of(gt.Float32), gt.WithShape(shape...), gt.FromMemory(address, uintptr(elements(shape))*4), gt.WithEngine(e))
}
