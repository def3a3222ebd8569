package tensortest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// RunEngine runs the suite that every engine must pass: each method against the plain float64 loop of its definition, at odd sizes, into
// memory full of NaN, with NaN and Inf among the inputs, with inputs that must be untouched afterwards. The bounds are those of float32
// arithmetic in any order: the number of roundings times half an ulp of what is rounded.
func RunEngine(t *testing.T, e tensor.Engine) {
	s := suite{e}
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"Memory", s.memory}, {"Arena", s.arena}, {"Unary", s.unary}, {"Binary", s.binary}, {"Reduce", s.reduce}, {"Strided", s.strided}, {"Place", s.place},
		{"Gather", s.gather}, {"MatMul", s.matMul}, {"Linear", s.linear}, {"Gated", s.gated}, {"Conv2D", s.conv2D}, {"GroupNorm", s.groupNorm},
		{"LayerNorm", s.layerNorm}, {"Softmax", s.softmax}, {"Attention", s.attention}, {"Regions", s.regions}, {"RegionsPerHead", s.regionsPerHead},
		{"UpsampleNearest", s.upsample},
	} {
		t.Run(test.name, test.run)
	}
}

type suite struct{ e tensor.Engine }

// on puts a copy of data on the engine.
func (s suite) on(data []float32, shape ...int) *tensor.Tensor {
	return tensor.To(s.e, tensor.FromSlice(slices.Clone(data), shape...))
}

// check runs f with a dst of the given shape, full of NaN, and compares what it wrote with r. The inputs must come out as they went in.
func (s suite) check(t *testing.T, r result, shape []int, inputs []*tensor.Tensor, f func(dst *tensor.Tensor)) {
	t.Helper()
	var before [][]float32
	for _, x := range inputs {
		before = append(before, copyOf(x))
	}
	dst := s.on(slices.Repeat([]float32{nan}, len(r.want)), shape...)
	f(dst)
	r.check(t, tensor.Floats(dst))
	for i, x := range inputs {
		if !same(copyOf(x), before[i]) {
			t.Errorf("input %d was changed", i)
		}
	}
}

// check compares got with the result. A want of NaN wants NaN, one of ±Inf that very one.
func (r result) check(t *testing.T, got []float32) {
	t.Helper()
	if len(got) != len(r.want) {
		t.Fatalf("got %d values, want %d", len(got), len(r.want))
	}
	for i, want := range r.want {
		g, bound := float64(got[i]), r.bound[i]+0x1p-126 // below the smallest normal number an engine may flush to zero
		if math.IsNaN(want) && math.IsNaN(g) || math.IsInf(want, 0) && g == want || math.Abs(g-want) <= bound {
			continue
		}
		if math.Abs(want) > math.MaxFloat32 && math.IsInf(g, int(math.Copysign(1, want))) {
			continue // overflow
		}
		t.Fatalf("element %d of %d: got %v, want %v: off by %.3g, want ≤ %.3g", i, len(got), g, want, math.Abs(g-want), bound)
	}
}

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

// special is numbers on which shortcuts are found out.
var special = []float32{nan, inf, -inf, 0, float32(math.Copysign(0, -1)), 1, -1, 100, -100, 1e-30, -1e-30, 3e38, 0.5}

// random is normal numbers that follow from seed alone.
func random(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func copyOf(t *tensor.Tensor) []float32 {
	if t == nil {
		return nil
	}
	return slices.Clone(tensor.Floats(t))
}

// same compares bits, so that NaN is itself.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// exact is a result that has to come out to the bit.
func exact(want []float32) result {
	r := newResult(len(want))
	for i, v := range want {
		r.want[i] = float64(v)
	}
	return r
}

// sizes go over the borders of whatever an engine works in: lanes, tiles, tasks.
var sizes = []int{1, 2, 3, 7, 13, 31, 33, 77, 1000, 70001}

func (s suite) memory(t *testing.T) {
	for _, n := range sizes {
		for i, v := range tensor.Floats(tensor.NewOn(s.e, n)) {
			if v != 0 {
				t.Fatalf("element %d of %d of a new tensor is %v", i, n, v)
			}
		}
		data := random(1, n)
		x := s.on(data, n)
		if x.Engine() != s.e {
			t.Fatalf("To gives a tensor on %T", x.Engine())
		}
		y := tensor.Clone(x)
		s.e.Unary(tensor.OpAffine, x, x, 0, 5)
		if got := tensor.Floats(y); !same(got, data) {
			t.Fatalf("%d numbers do not come back from a clone", n)
		}
		if got := tensor.Floats(tensor.To(tensor.CPU{}, tensor.Reshape(y, 1, n, 1))); !same(got, data) {
			t.Fatalf("%d numbers do not come back to the CPU", n)
		}
	}
	if got := tensor.Floats(tensor.Reshape(s.on([]float32{3}, 1))); !same(got, []float32{3}) {
		t.Fatalf("a scalar came back as %v", got)
	}
}

func (s suite) unary(t *testing.T) {
	for _, test := range []struct {
		name string
		op   tensor.UnaryOp
		a, b float32
		open bool // at -∞, where the limit is 0 and -∞·0 is NaN
	}{
		{"copy", tensor.OpCopy, 0, 0, false}, {"affine", tensor.OpAffine, -1.7, 0.3, false}, {"silu", tensor.OpSiLU, 0, 0, true},
		{"gelu", tensor.OpGELU, 0, 0, true}, {"quickgelu", tensor.OpQuickGELU, 0, 0, true}, {"exp", tensor.OpExp, 0, 0, false},
		{"log", tensor.OpLog, 0, 0, false}, {"sqrt", tensor.OpSqrt, 0, 0, false}, {"abs", tensor.OpAbs, 0, 0, false},
		{"clamp", tensor.OpClamp, -0.5, 0.75, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, n := range sizes {
				x := random(2, n)
				for i := range x {
					x[i] *= 8
				}
				if n > len(special) {
					copy(x[n-len(special):], special)
				}
				r := newResult(n)
				for i, v := range x {
					if test.open && v == -inf {
						x[i] = 0
					}
					want, roundings, size := unary(test.op, float64(x[i]), float64(test.a), float64(test.b))
					r.set(i, want, roundings, size)
				}
				in := s.on(x, n)
				s.check(t, r, []int{n}, []*tensor.Tensor{in}, func(dst *tensor.Tensor) { s.e.Unary(test.op, dst, in, test.a, test.b) })
				s.e.Unary(test.op, in, in, test.a, test.b)
				r.check(t, tensor.Floats(in))
			}
		})
	}
}

func (s suite) binary(t *testing.T) {
	ops := []tensor.BinaryOp{tensor.OpAdd, tensor.OpSub, tensor.OpMul, tensor.OpDiv, tensor.OpMax, tensor.OpMin}
	for _, shapes := range [][2][]int{
		{{}, {}}, {{}, {7}}, {{1}, {1}}, {{77}, {77}}, {{70001}, {70001}}, {{70001}, {1}}, {{1}, {70001}},
		{{3, 1}, {1, 7}}, {{1, 7}, {3, 1}}, {{2, 3, 5, 7}, {7}}, {{2, 3, 5, 7}, {2, 1, 1, 7}}, {{2, 3, 5, 7}, {3, 1, 7}},
		{{2, 3, 5, 7}, {1, 3, 5, 1}}, {{2, 1, 5, 1}, {1, 3, 1, 7}}, {{5, 1}, {2, 3, 5, 7}}, {{31, 33, 1}, {33, 77}}, {{4, 1}, {4, 1}},
		{{13, 3}, {3}}, {{2, 40000}, {2, 1}},
	} {
		bc := meet(shapes[0], shapes[1])
		x, y := random(3, product(shapes[0])), random(4, product(shapes[1]))
		if len(x) > len(special) && len(x) >= len(y) {
			copy(x[3:], special)
		}
		if len(y) > 5 {
			y[5] = nan
		}
		for _, op := range ops {
			r := newResult(product(bc.Shape))
			for i := range r.want {
				xAt, yAt, rest := 0, 0, i
				for axis := len(bc.Shape) - 1; axis >= 0; axis-- {
					xAt += rest % bc.Shape[axis] * bc.XStrides[axis]
					yAt += rest % bc.Shape[axis] * bc.YStrides[axis]
					rest /= bc.Shape[axis]
				}
				want, roundings := binary(op, float64(x[xAt]), float64(y[yAt]))
				r.set(i, want, roundings, want)
			}
			t.Run(fmt.Sprint(op, shapes), func(t *testing.T) {
				a, b := s.on(x, shapes[0]...), s.on(y, shapes[1]...)
				s.check(t, r, bc.Shape, []*tensor.Tensor{a, b}, func(dst *tensor.Tensor) { s.e.Binary(op, dst, a, b, bc) })
			})
		}
	}
}

// meet is the broadcast of two shapes, worked out on its own.
func meet(x, y []int) tensor.Broadcast {
	dims := max(len(x), len(y))
	x = slices.Concat(slices.Repeat([]int{1}, dims-len(x)), x)
	y = slices.Concat(slices.Repeat([]int{1}, dims-len(y)), y)
	bc := tensor.Broadcast{Shape: make([]int, dims), XStrides: make([]int, dims), YStrides: make([]int, dims)}
	for i := range dims {
		bc.Shape[i] = max(x[i], y[i])
		if x[i] > 1 {
			bc.XStrides[i] = product(x[i+1:])
		}
		if y[i] > 1 {
			bc.YStrides[i] = product(y[i+1:])
		}
	}
	return bc
}

func (s suite) reduce(t *testing.T) {
	for _, shape := range [][3]int{
		{1, 1, 1}, {1, 77, 1}, {1, 100003, 1}, {3, 7, 1}, {3, 1, 7}, {1, 7, 13}, {2, 77, 33}, {1, 3, 5000}, {1, 40003, 3}, {2, 77, 1300},
		{77, 1000, 1}, {100, 17, 31},
	} {
		outer, n, inner := shape[0], shape[1], shape[2]
		x := random(5, outer*n*inner)
		for i := range x {
			x[i] += 0.5
		}
		for _, op := range []tensor.ReduceOp{tensor.OpSum, tensor.OpMean, tensor.OpReduceMax, tensor.OpReduceMin} {
			for _, bad := range []float32{0, nan, inf, -inf} {
				x := slices.Clone(x)
				x[len(x)/2] = bad
				if bad != bad && len(x) > 2 {
					x[len(x)/2-1], x[0] = inf, -inf // NaN wins over them
				}
				t.Run(fmt.Sprint(op, shape, bad), func(t *testing.T) {
					in := s.on(x, shape[:]...)
					s.check(t, reduce(op, x, outer, n, inner), []int{outer * inner}, []*tensor.Tensor{in}, func(dst *tensor.Tensor) {
						s.e.Reduce(op, dst, in, outer, n, inner)
					})
				})
			}
		}
	}
}

func (s suite) strided(t *testing.T) {
	for _, test := range []struct {
		name           string
		source         int
		shape, strides []int
		offset         int
	}{
		{"scalar", 3, nil, nil, 2},
		{"row", 77, []int{33}, []int{1}, 7},
		{"every other", 77, []int{31}, []int{2}, 3},
		{"repeat", 3, []int{70001}, []int{0}, 1},
		{"block", 13 * 31, []int{7, 13}, []int{31, 1}, 33},
		{"transpose", 7 * 33, []int{33, 7}, []int{1, 33}, 0},
		{"large transpose", 129 * 513, []int{513, 129}, []int{1, 513}, 0},
		{"large transpose back", 129 * 513, []int{129, 513}, []int{1, 129}, 0},
		{"power of two", 128 * 4096, []int{4096, 128}, []int{1, 4096}, 0},
		{"channels last", 2 * 5 * 33 * 31, []int{2, 33, 31, 5}, []int{5 * 33 * 31, 31, 1, 33 * 31}, 0},
		{"channels first", 2 * 33 * 31 * 77, []int{2, 77, 33, 31}, []int{33 * 31 * 77, 1, 31 * 77, 77}, 0},
		{"turn", 3 * 7 * 13, []int{13, 7, 3}, []int{1, 13, 91}, 0},
		{"turn inside", 3 * 9 * 10 * 11, []int{3, 10, 11, 9}, []int{990, 11, 1, 110}, 0},
		{"part of a transpose", 40 * 50, []int{20, 30}, []int{1, 50}, 103},
		{"repeated transpose", 9 * 11, []int{11, 4, 9}, []int{1, 0, 11}, 0},
		{"spread", 1000, []int{3, 5, 7}, []int{300, 30, 3}, 11},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := random(6, test.source)
			x[0] = nan
			want := make([]float32, product(test.shape))
			for i := range want {
				at, rest := test.offset, i
				for axis := len(test.shape) - 1; axis >= 0; axis-- {
					at += rest % test.shape[axis] * test.strides[axis]
					rest /= test.shape[axis]
				}
				want[i] = x[at]
			}
			in := s.on(x, test.source)
			s.check(t, exact(want), test.shape, []*tensor.Tensor{in}, func(dst *tensor.Tensor) {
				s.e.Strided(dst, in, test.shape, test.strides, test.offset)
			})
		})
	}
}

func (s suite) place(t *testing.T) {
	for _, test := range [][4]int{{1, 1, 1, 0}, {1, 70001, 70007, 3}, {7, 3, 13, 5}, {33, 77, 77, 0}, {1000, 31, 100, 69}, {5, 8, 16, 4}, {5, 6, 16, 4}, {5, 8, 18, 4}, {5, 8, 16, 2}} {
		outer, inner, pitch, offset := test[0], test[1], test[2], test[3]
		x, was := random(7, outer*inner), random(8, outer*pitch)
		want := slices.Clone(was)
		for o := range outer {
			copy(want[o*pitch+offset:][:inner], x[o*inner:])
		}
		dst := s.on(was, outer, pitch)
		s.e.Place(dst, s.on(x, outer, inner), outer, inner, pitch, offset)
		exact(want).check(t, tensor.Floats(dst))
	}
}

func (s suite) gather(t *testing.T) {
	for _, c := range []int{1, 3, 77, 70001} {
		const rows = 13
		table, ids := random(9, rows*c), make([]int32, 17)
		table[0] = nan
		var want []float32
		for i := range ids {
			ids[i] = int32(i * i % rows)
			want = append(want, table[int(ids[i])*c:][:c]...)
		}
		in := s.on(table, rows, c)
		s.check(t, exact(want), []int{len(ids), c}, []*tensor.Tensor{in}, func(dst *tensor.Tensor) { s.e.Gather(dst, in, ids) })
	}
}

func (s suite) groupNorm(t *testing.T) {
	for _, test := range []struct {
		shape  []int
		groups int
	}{
		{[]int{1, 4}, 4}, {[]int{2, 3, 8}, 2}, {[]int{2, 7, 13, 6}, 3}, {[]int{1, 13, 7, 77}, 7}, {[]int{3, 5, 5, 33}, 1},
		{[]int{1, 25, 41, 32}, 32},                           // one place more than a multiple of what an engine may take at a time
		{[]int{2, 37, 57, 40}, 4}, {[]int{1, 3, 2, 2100}, 2}, // groups of ten, which fours do not fill, and very wide ones
	} {
		n, c := test.shape[0], test.shape[len(test.shape)-1]
		area := product(test.shape) / n
		group := func(i int) int { return i/area*test.groups + i%c/(c/test.groups) }
		s.norm(t, test.shape, fmt.Sprint(test), func(x, gamma, beta []float32, silu bool) result {
			return normalise(x, gamma, beta, c, n*test.groups, group, 1e-5, silu)
		}, func(dst, x, gamma, beta *tensor.Tensor, silu bool) {
			scale, shift := s.on(slices.Repeat([]float32{nan}, n*c), n, c), s.on(slices.Repeat([]float32{nan}, n*c), n, c)
			s.e.GroupScales(scale, shift, x, gamma, beta, test.groups, 1e-5)
			s.e.ScaleChannels(dst, x, scale, shift, silu)
		})
	}
}

func (s suite) layerNorm(t *testing.T) {
	for _, shape := range [][]int{{1}, {7}, {3, 13}, {2, 31, 77}, {33, 320}, {2, 1284}, {3, 1}} {
		c := shape[len(shape)-1]
		s.norm(t, shape, fmt.Sprint(shape), func(x, gamma, beta []float32, silu bool) result {
			return normalise(x, gamma, beta, c, len(x)/c, func(i int) int { return i / c }, 1e-5, false)
		}, func(dst, x, gamma, beta *tensor.Tensor, silu bool) {
			s.e.LayerNorm(dst, x, gamma, beta, 1e-5)
		})
	}
}

// norm runs a norm with and without its parameters, far from zero, and with NaN in one group.
func (s suite) norm(t *testing.T, shape []int, name string, want func(x, gamma, beta []float32, silu bool) result,
	run func(dst, x, gamma, beta *tensor.Tensor, silu bool)) {
	t.Run(name, func(t *testing.T) {
		c := shape[len(shape)-1]
		for i := range 8 {
			x, gamma, beta := random(18, product(shape)), random(19, c), random(20, c)
			for j := range x {
				x[j] = 3*x[j] + 10
			}
			if i >= 4 {
				x[len(x)/2] = nan
			}
			xt, gt, bt := s.on(x, shape...), s.on(gamma, c), s.on(beta, c)
			if i&1 != 0 {
				gamma, gt = nil, nil
			}
			if i&2 != 0 {
				beta, bt = nil, nil
			}
			for _, silu := range []bool{false, true} {
				s.check(t, want(x, gamma, beta, silu), shape, []*tensor.Tensor{xt, gt, bt}, func(dst *tensor.Tensor) { run(dst, xt, gt, bt, silu) })
			}
		}
	})
}

func (s suite) softmax(t *testing.T) {
	for _, shape := range [][]int{{1}, {7}, {3, 1}, {13, 77}, {2, 31, 33}, {3, 1000}} {
		x := random(21, product(shape))
		for i := range x {
			x[i] = 20*x[i] + 1000
		}
		rows := [][]float32{nil, {nan}, {inf}, {-inf}}
		for _, bad := range rows {
			copy(x[len(x)/2:], bad)
			in := s.on(x, shape...)
			s.check(t, softmax(x, shape[len(shape)-1]), shape, []*tensor.Tensor{in}, func(dst *tensor.Tensor) { s.e.Softmax(dst, in) })
		}
	}
}

func (s suite) upsample(t *testing.T) {
	for _, test := range [][6]int{{1, 1, 1, 1, 3, 7}, {2, 7, 13, 3, 14, 26}, {1, 7, 13, 5, 13, 25}, {1, 33, 31, 2, 7, 77}, {1, 3, 3, 77, 31, 33}} {
		n, h, w, c, oh, ow := test[0], test[1], test[2], test[3], test[4], test[5]
		x := random(26, n*h*w*c)
		x[len(x)/2] = nan
		var want []float32
		for _, at := range upsample(n, h, w, c, oh, ow) {
			want = append(want, x[at])
		}
		in := s.on(x, n, h, w, c)
		s.check(t, exact(want), []int{n, oh, ow, c}, []*tensor.Tensor{in}, func(dst *tensor.Tensor) { s.e.UpsampleNearest(dst, in) })
	}
}
