// Package kernels holds the numeric inner loops of Stable Diffusion on plain float32 slices: matrix products, convolutions,
// attention, norms, activations, conversions. It knows no tensors: shapes are arguments, layouts are row-major, pictures are
// channels-last [n, h, w, c].
//
// Each operation is spread over one pool of threads (SetThreads) and gives the same bytes for any number of them. NaN and Inf
// go through as IEEE 754 says; no guard hides them. Slices that are too short for the shape panic with an *Error before
// anything is computed: the loops behind do not check.
//
// The loops exist in plain Go (kernels/ref) and in AVX2 and AVX-512 assembly; Implementation tells which one runs.
package kernels

import "fmt"

// Error is what an operation panics with when its arguments do not fit together.
type Error struct {
	Op     string // the function
	Reason string
}

func (e *Error) Error() string { return "kernels: " + e.Op + ": " + e.Reason }

func fail(op, format string, args ...any) {
	panic(&Error{op, fmt.Sprintf(format, args...)})
}

// need panics unless the slice called name has the values that its shape asks for.
func need(op, name string, got, want int) {
	if got < want {
		fail(op, "%s holds %d values, want %d", name, got, want)
	}
}

// span is how many values rows rows of c values lie over when each starts ld after the one before.
func span(rows, c, ld int) int {
	if rows == 0 {
		return 0
	}
	return (rows-1)*ld + c
}

// sizes panics if a size is negative.
func sizes(op string, sizes ...int) {
	for _, s := range sizes {
		if s < 0 {
			fail(op, "size %d is negative", s)
		}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
