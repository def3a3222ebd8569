package tensortest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// Values is what can be compared: plain numbers, or a tensor.
type Values interface{ []float32 | *tensor.Tensor }

// Close fails the test unless every element of got lies within tol times the largest magnitude in want (within tol itself if
// want is all zero) of that of want. If both are tensors, their shapes must be the same. NaN and Inf, on either side, fail.
func Close[G, W Values](t testing.TB, got G, want W, tol float64) {
	t.Helper()
	scale := 0.0
	for _, v := range floats(want) {
		scale = max(scale, math.Abs(float64(v)))
	}
	compare(t, got, want, tol, scale, "the largest magnitude")
}

// CloseToStd is [Close] with the standard deviation of want for a scale.
func CloseToStd[G, W Values](t testing.TB, got G, want W, tol float64) {
	t.Helper()
	x := floats(want)
	mean, squares := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	compare(t, got, want, tol, math.Sqrt(squares), "the standard deviation")
}

func compare[G, W Values](t testing.TB, got G, want W, tol, scale float64, measure string) {
	t.Helper()
	g, w := floats(got), floats(want)
	gs, ws := shape(got), shape(want)
	if gs != nil && ws != nil && !slices.Equal(gs, ws) {
		t.Fatalf("got shape %v, want %v", gs, ws)
		return
	}
	if len(g) != len(w) {
		t.Fatalf("got %d values, want %d", len(g), len(w))
		return
	}
	bound := tol
	if scale != 0 {
		bound *= scale
	}
	worst, off, bad := 0, -1.0, 0
	for i := range w {
		diff := math.Abs(float64(g[i]) - float64(w[i]))
		if !(diff <= bound && diff < math.Inf(1)) { // so that NaN fails, and Inf against a scale of Inf
			bad++
		}
		if !(diff <= off) && off == off { // the first NaN stays
			worst, off = i, diff
		}
	}
	if ws == nil {
		ws = gs
	}
	say := t.Logf
	if bad > 0 {
		say = t.Fatalf
	}
	say("element %s: got %v, want %v: off by %.3g, want ≤ %.3g = %g × %s, %.3g; the worst of %d elements, of which %d are off",
		place(worst, ws), g[worst], w[worst], off, bound, tol, measure, scale, len(w), bad)
}

// place names element i of a tensor by its index on each axis.
func place(i int, shape tensor.Shape) string {
	if len(shape) < 2 {
		return fmt.Sprint(i)
	}
	at := make([]int, len(shape))
	for axis, rest := len(shape)-1, i; axis >= 0; axis-- {
		at[axis] = rest % shape[axis]
		rest /= shape[axis]
	}
	return fmt.Sprintf("%d %v", i, at)
}

func floats[V Values](v V) []float32 {
	if t, ok := any(v).(*tensor.Tensor); ok {
		return tensor.Floats(t)
	}
	return any(v).([]float32)
}

// shape is nil for plain numbers.
func shape[V Values](v V) tensor.Shape {
	if t, ok := any(v).(*tensor.Tensor); ok {
		return t.Shape()
	}
	return nil
}
