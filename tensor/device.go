package tensor

import (
	"fmt"

	gt "gorgonia.org/tensor"
)

// NewOn returns a tensor of zeros of the given shape on engine e; without a shape, a scalar.
func NewOn(e Engine, shape ...int) *Tensor {
	t := alloc("NewOn", e, shape)
	if !e.AllocAccessible() {
		e.Memclr(t)
	}
	return t
}

// To returns t on engine e: t itself if it lives there, else a copy.
func To(e Engine, t *Tensor) *Tensor {
	from := home("To", t)
	if from == e {
		return t
	}
	host, target := from.AllocAccessible(), e.AllocAccessible()
	if !host && !target {
		return To(e, To(cpu, t))
	}
	t = Contiguous(t)
	y := alloc("To", e, t.Shape())
	var err error
	switch {
	case !target:
		err = e.Memcpy(y, t)
	case !host:
		err = from.Memcpy(y, t)
	default:
		copy(memory(y), memory(t))
	}
	if err != nil {
		fail("To", fmt.Sprintf("from %T to %T: %v", from, e, err), t)
	}
	return y
}

// home returns the engine on which all of ts live (nil ones are skipped), and fails if there is no such engine or if one of ts is not a
// tensor as this package knows them. What gorgonia's own engines made is ordinary memory: the CPU takes it.
func home(op string, ts ...*Tensor) Engine {
	var e Engine
	for _, t := range ts {
		if t == nil {
			continue
		}
		if t.Dtype() != gt.Float32 {
			fail(op, fmt.Sprintf("want float32, got %v", t.Dtype()), ts...)
		}
		for _, d := range t.Shape() {
			if d < 1 {
				fail(op, "every axis must be ≥ 1", ts...)
			}
		}
		on, ok := t.Engine().(Engine)
		if !ok {
			if t.Engine() == nil || !t.Engine().AllocAccessible() {
				fail(op, fmt.Sprintf("%T is not an engine of this package, and its memory cannot be read", t.Engine()), ts...)
			}
			on = cpu
		}
		if e == nil {
			e = on
		} else if e != on {
			fail(op, fmt.Sprintf("tensors live on different engines, %T and %T", e, on), ts...)
		}
	}
	return e
}

// alloc returns a tensor whose elements are zero in ordinary memory and anything in a device's.
func alloc(op string, e Engine, shape []int) *Tensor {
	n := checkShape(op, shape)
	if e.AllocAccessible() {
		return onHost(e, make([]float32, n), shape)
	}
	mem, err := e.Alloc(int64(n) * 4)
	if err != nil {
		panic(&Error{Op: op, Shapes: []Shape{shape}, Reason: fmt.Sprintf("%d bytes on %T: %v", n*4, e, err)})
	}
	return onDevice(e, mem.Uintptr(), shape)
}
