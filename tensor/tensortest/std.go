package tensortest

import (
	"math"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// CloseToStd fails t unless got has want's shape and no element differs by more than tol standard deviations of want. NaN fails.
func CloseToStd(t testing.TB, got, want *tensor.Tensor, tol float64) {
	t.Helper()
	if !got.Shape().Eq(want.Shape()) {
		t.Fatalf("shape %v, want %v", got.Shape(), want.Shape())
	}
	g, w := tensor.Floats(got), tensor.Floats(want)
	mean, square := 0.0, 0.0
	for _, v := range w {
		mean += float64(v) / float64(len(w))
	}
	for _, v := range w {
		square += (float64(v) - mean) * (float64(v) - mean) / float64(len(w))
	}
	std, worst, at := math.Sqrt(square), 0.0, 0
	for i := range w {
		diff := math.Abs(float64(g[i])-float64(w[i])) / std
		if !(diff <= tol) {
			t.Fatalf("element %d: got %v, want %v: %.3g standard deviations off, want ≤ %g", i, g[i], w[i], diff, tol)
		}
		if diff > worst {
			worst, at = diff, i
		}
	}
	t.Logf("largest difference %.2g standard deviations, at element %d (≤ %g)", worst, at, tol)
}
