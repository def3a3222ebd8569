package tensor

import (
	"fmt"
	"slices"
	"strings"
)

// Error is what an operator panics with when its arguments do not fit together or its device fails: the operator, every shape it was given
// and what is wrong. [Catch] turns it into an ordinary error.
type Error struct {
	Op     string
	Shapes []Shape
	Reason string
	Err    error // what a device said, if it is its failure
}

// Unwrap returns the device's error.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tensor: %s", e.Op)
	for i, s := range e.Shapes {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %v", []int(s))
	}
	fmt.Fprintf(&b, ": %s", e.Reason)
	return b.String()
}

// Catch, deferred at an exported door, turns an operator's [*Error] panic into *err. Any other panic goes on: it is a bug.
//
//	func (m *Model) Forward(x *tensor.Tensor) (y *tensor.Tensor, err error) {
//		defer tensor.Catch(&err)
func Catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}

// fail panics with the [*Error] of operator op on the tensors ts.
func fail(op, reason string, ts ...*Tensor) {
	shapes := make([]Shape, 0, len(ts))
	for _, t := range ts {
		if t != nil {
			shapes = append(shapes, t.Shape().Clone())
		}
	}
	panic(&Error{Op: op, Shapes: shapes, Reason: reason})
}

// wantDims fails unless t has the given number of axes; layout names them, as in "[n, h, w, c]".
func wantDims(op string, t *Tensor, dims int, layout string) {
	if t.Dims() != dims {
		fail(op, fmt.Sprintf("want %s, got %d axes", layout, t.Dims()), t)
	}
}

// wantAxes fails unless t has at least the given number of axes.
func wantAxes(op string, t *Tensor, least int, layout string) {
	if t.Dims() < least {
		fail(op, "want "+layout, t)
	}
}

// wantShape fails unless t is nil or has exactly the given shape.
func wantShape(op, what string, t *Tensor, shape ...int) {
	if t != nil && !slices.Equal(t.Shape(), Shape(shape)) {
		fail(op, fmt.Sprintf("%s must be %v", what, shape), t)
	}
}
