package tensortest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// listener is a test that keeps what it is failed with.
type listener struct {
	testing.TB
	failure string
}

func (l *listener) Helper()                        {}
func (l *listener) Logf(string, ...any)            {}
func (l *listener) Fatalf(format string, a ...any) { l.failure = fmt.Sprintf(format, a...) }

func failure(f func(t testing.TB)) string {
	l := new(listener)
	f(l)
	return l.failure
}

func TestClose(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, test := range []struct {
		name      string
		got, want []float32
		tol       float64
		failure   string // what it must say
	}{
		{"equal", []float32{1, 2}, []float32{1, 2}, 0, ""},
		{"relative to the largest", []float32{0.5, -100}, []float32{0, -100}, 0.005, ""},
		{"just off", []float32{0.51, -100}, []float32{0, -100}, 0.005,
			"element 0: got 0.51, want 0: off by 0.51, want ≤ 0.5 = 0.005 × the largest magnitude, 100; the worst of 2 elements, of which 1 are off"},
		{"the worst one", []float32{1, 3, 2}, []float32{0, 0, 0}, 0.5, "element 1: got 3, want 0"},
		{"zeros", []float32{0.1}, []float32{0}, 0.1001, ""},
		{"NaN got", []float32{nan, 9}, []float32{1, 1}, 1, "element 0: got NaN, want 1"},
		{"NaN is worse than anything", []float32{9, nan, 99}, []float32{1, 1, 1}, 1, "element 1: got NaN, want 1"},
		{"NaN wanted", []float32{nan}, []float32{nan}, 1, "got NaN, want NaN"},
		{"Inf wanted", []float32{inf}, []float32{inf}, 1, "got +Inf, want +Inf"},
		{"Inf wanted elsewhere", []float32{1, 1}, []float32{1, inf}, 1, "got 1, want +Inf"},
		{"lengths", []float32{1}, []float32{1, 2}, 1, "got 1 values, want 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			said := failure(func(t testing.TB) { tensortest.Close(t, test.got, test.want, test.tol) })
			if test.failure == "" {
				assert.Empty(t, said)
			} else {
				assert.Contains(t, said, test.failure)
			}
		})
	}
}

func TestCloseLooksAtShapes(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	assert.Empty(t, failure(func(t testing.TB) { tensortest.Close(t, x, []float32{1, 2, 3, 4}, 0) }))
	assert.Contains(t, failure(func(t testing.TB) { tensortest.Close(t, x, tensor.Reshape(x, 4), 0) }), "got shape (2, 2), want (4)")
	assert.Contains(t, failure(func(t testing.TB) { tensortest.Close(t, tensor.Reshape(x, 4, 1), tensor.Reshape(x, 4), 0) }), "got shape")
	assert.Contains(t, failure(func(t testing.TB) { tensortest.Close(t, tensor.Scale(x, 2), x, 0.1) }), "element 3 [1 1]: got 8, want 4")
}

func TestCloseToStd(t *testing.T) {
	want := []float32{100, 102, 100, 102} // standard deviation 1
	assert.Empty(t, failure(func(t testing.TB) { tensortest.CloseToStd(t, []float32{100.5, 102, 100, 102}, want, 0.5) }))
	assert.Contains(t, failure(func(t testing.TB) { tensortest.CloseToStd(t, []float32{100.5, 102, 100, 102}, want, 0.4) }),
		"off by 0.5, want ≤ 0.4 = 0.4 × the standard deviation, 1")
}
