package tensor

import (
	"fmt"

	gt "gorgonia.org/tensor"
)

// NewOn returns a tensor of zeros of the given shape on engine e; without a shape, a scalar.
func NewOn(e Engine, shape ...int) *Tensor {
	t := alloc("NewOn", e, shape)
	switch {
	case !e.AllocAccessible():
		e.Memclr(t)
	case arenaOf(e) != nil:
		clear(memory(t))
	}
	return t
}

// To returns t on engine e: t itself if it lives there, t's memory itself if it is ordinary memory and e the CPU in another precision, else
// a copy.
func To(e Engine, t *Tensor) *Tensor {
	from := home("To", t)
	if device(from) == device(e) {
		return t
	}
	if _, ok := from.(CPU); ok {
		if _, ok := e.(CPU); ok {
			t = Contiguous(t)
			return header(e, t, t.Shape())
		}
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
		panic(&Error{Op: "To", Shapes: []Shape{t.Shape().Clone()}, Reason: fmt.Sprintf("from %s to %s: %v", nameOf(from), nameOf(e), err), Err: err})
	}
	return y
}

// home returns the engine on which all of ts live (nil ones are skipped), with the arena of those that are in one, and fails if there is
// no such engine, if they are in different arenas, if one's memory was given back, or if one is not a tensor as this package knows them.
// What gorgonia's own engines made is ordinary memory: the CPU takes it.
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
		if block, ok := on.(*temporary); ok && block.gone {
			fail(op, "memory that was given back: the tensor is used after its Tidy or its Borrow has ended", ts...)
		}
		switch {
		case e == nil:
			e = on
		case device(e) != device(on):
			fail(op, fmt.Sprintf("tensors live on different engines, %s and %s", nameOf(e), nameOf(on)), ts...)
		case arenaOf(e) == nil:
			e = on
		case arenaOf(on) != nil && arenaOf(on) != arenaOf(e):
			fail(op, "tensors of two evaluations that have not ended", ts...)
		}
	}
	return e
}

// alloc returns a tensor in the arena of e, if it has one. Its elements are zero in ordinary memory that is no arena's, and anything
// elsewhere.
func alloc(op string, e Engine, shape []int) *Tensor {
	n := checkShape(op, shape)
	if a := arenaOf(e); a != nil {
		return a.alloc(op, shape, n)
	}
	if e.AllocAccessible() {
		return onHost(e, make([]float32, n), shape)
	}
	mem, err := e.Alloc(int64(n) * 4)
	if err != nil {
		panic(&Error{Op: op, Shapes: []Shape{shape}, Reason: fmt.Sprintf("%d bytes on %s: %v", n*4, nameOf(e), err), Err: err})
	}
	return onDevice(e, mem.Uintptr(), shape)
}
