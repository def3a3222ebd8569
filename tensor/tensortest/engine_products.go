package tensortest

import (
	"fmt"
	"math"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

func (s suite) matMul(t *testing.T) {
	for _, shape := range [][4]int{
		{1, 1, 1, 1}, {1, 3, 7, 13}, {1, 13, 1, 33}, {1, 1, 77, 31}, {1, 77, 31, 1}, {3, 33, 77, 31}, {9, 7, 13, 3}, {1, 129, 401, 65},
		{2, 15, 770, 100},
	} {
		batch, m, k, n := shape[0], shape[1], shape[2], shape[3]
		for _, transB := range []bool{false, true} {
			t.Run(fmt.Sprint(shape, transB), func(t *testing.T) {
				a, b, bs := random(10, batch*m*k), random(11, batch*k*n), []int{batch, k, n}
				if transB {
					bs = []int{batch, n, k}
				}
				for _, bad := range []float32{0, nan, inf} {
					a[len(a)/2] = bad
					x, y := s.on(a, batch, m, k), s.on(b, bs...)
					s.check(t, matMul(a, b, nil, batch, m, k, n, transB), []int{batch, m, n}, []*tensor.Tensor{x, y}, func(dst *tensor.Tensor) {
						s.e.MatMul(dst, x, y, batch, m, k, n, transB)
					})
				}
			})
		}
	}
}

func (s suite) linear(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {3, 7, 13}, {77, 33, 31}, {1, 320, 1280}, {13, 770, 3}, {130, 64, 129}} {
		rows, in, out := shape[0], shape[1], shape[2]
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			x, w := random(12, rows*in), random(13, out*in)
			x[len(x)/2] = nan
			xt, wt := s.on(x, rows, in), s.on(w, out, in)
			packed := tensor.PackLinear(wt)
			s.epilogues(t, []int{rows, out}, []*tensor.Tensor{xt, wt}, func(bias []float32) result {
				return matMul(x, w, bias, 1, rows, in, out, true)
			}, func(dst *tensor.Tensor, ep tensor.Epilogue) { s.e.Linear(dst, xt, packed, ep) })
		})
	}
}

func (s suite) gated(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {3, 7, 13}, {77, 33, 31}, {1, 320, 640}, {13, 770, 16}, {130, 64, 65}} {
		rows, in, out := shape[0], shape[1], shape[2]
		for _, withBias := range []bool{false, true} {
			t.Run(fmt.Sprint(shape, withBias), func(t *testing.T) {
				x, w := random(12, rows*in), random(13, 2*out*in)
				x[len(x)/2] = nan
				xt, wt := s.on(x, rows, in), s.on(w, 2*out, in)
				var bias []float32
				var ep tensor.Epilogue
				if withBias {
					bias = random(14, 2*out)
					ep.Bias = s.on(bias, 2*out)
				}
				packed := tensor.PackGated(wt)
				r := matMul(x, w, bias, 1, rows, in, 2*out, true).gate(out)
				s.check(t, r, []int{rows, out}, []*tensor.Tensor{xt, wt, ep.Bias}, func(dst *tensor.Tensor) { s.e.Linear(dst, xt, packed, ep) })
			})
		}
	}
}

// epilogues runs a product of the given shape with its epilogues: want is what it gives with a bias, or without one.
func (s suite) epilogues(t *testing.T, shape []int, inputs []*tensor.Tensor, want func(bias []float32) result, run func(dst *tensor.Tensor, ep tensor.Epilogue)) {
	out := shape[len(shape)-1]
	bias, residual := random(14, out), random(17, product(shape))
	residual[len(residual)/3] = nan
	plain, biased := want(nil), want(bias)
	for _, test := range []struct {
		bias     bool
		act      tensor.Activation
		residual bool
	}{
		{false, tensor.NoAct, false}, {true, tensor.NoAct, false}, {false, tensor.NoAct, true}, {true, tensor.NoAct, true},
		{true, tensor.ActSiLU, false}, {false, tensor.ActSiLU, true}, {true, tensor.ActGELU, true}, {true, tensor.ActQuickGELU, false},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			ep, r := tensor.Epilogue{Act: test.act}, plain
			if test.bias {
				ep.Bias, r = s.on(bias, out), biased
			}
			if test.residual {
				ep.Residual, r = s.on(residual, shape...), r.epilogue(test.act, residual)
			} else {
				r = r.epilogue(test.act, nil)
			}
			s.check(t, r, shape, append(inputs, ep.Bias, ep.Residual), func(dst *tensor.Tensor) { run(dst, ep) })
			if test.residual { // in place
				run(ep.Residual, ep)
				r.check(t, tensor.Floats(ep.Residual))
			}
		})
	}
}

func (s suite) conv2D(t *testing.T) {
	for _, test := range []struct {
		shape, kernel []int
		g             tensor.ConvGeometry
	}{
		{[]int{1, 1, 1, 1}, []int{1, 1, 1, 1}, tensor.ConvGeometry{Stride: 1}},
		{[]int{2, 7, 13, 3}, []int{5, 3, 1, 1}, tensor.ConvGeometry{Stride: 1}},
		{[]int{2, 7, 13, 3}, []int{33, 3, 3, 3}, tensor.ConvGeometry{Stride: 1, Padding: tensor.Pad(1)}},
		{[]int{1, 33, 31, 7}, []int{4, 7, 3, 3}, tensor.ConvGeometry{Stride: 2, Padding: tensor.Pad(1)}},
		{[]int{1, 8, 9, 13}, []int{13, 13, 3, 3}, tensor.ConvGeometry{Stride: 2, Padding: tensor.Padding{Bottom: 1, Right: 1}}},
		{[]int{1, 13, 7, 5}, []int{3, 5, 3, 5}, tensor.ConvGeometry{Stride: 3, Padding: tensor.Padding{Top: 2, Left: 1, Right: 3}}},
		{[]int{1, 3, 3, 77}, []int{31, 77, 3, 3}, tensor.ConvGeometry{Stride: 1}},
		{[]int{1, 2, 2, 3}, []int{2, 3, 3, 3}, tensor.ConvGeometry{Stride: 1, Padding: tensor.Pad(2)}},
		{[]int{1, 20, 17, 32}, []int{64, 32, 3, 3}, tensor.ConvGeometry{Stride: 1, Padding: tensor.Pad(1)}},
		{[]int{1, 6, 5, 3}, []int{4, 3, 4, 2}, tensor.ConvGeometry{Stride: 1, Padding: tensor.Padding{Top: 5, Bottom: 5}}},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			x, w := random(15, product(test.shape)), random(16, product(test.kernel))
			xt, wt := s.on(x, test.shape...), s.on(w, test.kernel...)
			packed := tensor.PackConv(wt)
			want := func(bias []float32) result {
				r, _ := conv2D(x, test.shape, w, test.kernel, bias, test.g)
				return r
			}
			_, shape := conv2D(x, test.shape, w, test.kernel, nil, test.g)
			s.epilogues(t, shape, []*tensor.Tensor{xt, wt}, want, func(dst *tensor.Tensor, ep tensor.Epilogue) { s.e.Conv2D(dst, xt, packed, ep, test.g) })

			// Every output that reads a NaN is one. Algorithms that work in tiles may spread it to their neighbours.
			x[len(x)/2] = nan
			dst := tensor.NewOn(s.e, shape...)
			s.e.Conv2D(dst, s.on(x, test.shape...), packed, tensor.Epilogue{}, test.g)
			got := tensor.Floats(dst)
			for i, v := range want(nil).want {
				if math.IsNaN(v) && got[i] == got[i] {
					t.Fatalf("element %d reads a NaN and is %v", i, got[i])
				}
			}
		})
	}
}
