package kerneltest_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// lengths are around the vector widths, and long enough for several tasks.
var lengths = []int{0, 1, 2, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65, 77, 100, 127, 129, 40000}

// spreadOver gives n numbers from the whole range where a function does something, ±0 and the largest and smallest among them.
func spreadOver(n int, limit float64) []float32 {
	x := random(n)
	for i := range x {
		x[i] *= float32(limit / 3)
	}
	for i, v := range []float64{0, math.Copysign(0, -1), limit, -limit, 1e-30, -1e-30, 1e-40, .5, -.5, 3e38, -3e38} {
		if 3*i < n {
			x[3*i] = float32(v)
		}
	}
	return x
}

func TestUnary(t *testing.T) {
	inf := math.Inf(1)
	for _, op := range []struct {
		name  string
		f     func(dst, x []float32)
		want  func(float64) float64
		limit float64 // of the arguments
		rel   float64 // error by the size of the result
		arg   float64 // and by the size of the argument, both in roundings
		odd   map[float64]float64
	}{
		{"Exp", kernels.Exp, math.Exp, 100, 3, 0, map[float64]float64{inf: inf, -inf: 0, 0: 1, 88: math.Exp(88), 89: inf, -104: 0}},
		{"SiLU", kernels.SiLU, kerneltest.Activation(kernels.SiLUAct), 30, 6, 0, map[float64]float64{inf: inf, 0: 0}},
		{"QuickGELU", kernels.QuickGELU, kerneltest.Activation(kernels.QuickGELUAct), 20, 90, 0, // 1.702x, up to 40, is rounded twice
			map[float64]float64{inf: inf, 0: 0}},
		{"GELU", kernels.GELU, kerneltest.Activation(kernels.GELUAct), 8, 3, 3, map[float64]float64{inf: inf, 0: 0}},
		{"Sqrt", kernels.Sqrt, math.Sqrt, 100, 1, 0, map[float64]float64{inf: inf, 0: 0, -1: math.NaN()}},
		{"Neg", kernels.Neg, func(x float64) float64 { return -x }, 100, 0, 0, map[float64]float64{inf: -inf}},
	} {
		t.Run(op.name, func(t *testing.T) {
			each(t, func(t *testing.T) {
				for _, n := range lengths {
					x := spreadOver(n, op.limit)
					dst, check := guarded(n)
					got := threads(t, func() []float32 { op.f(dst, x); return dst })
					check(t)
					for i, g := range got {
						want := op.want(float64(x[i]))
						if math.IsNaN(want) {
							require.True(t, g != g, "%v(%v) = %v, want NaN", op.name, x[i], g)
							continue
						}
						if math.Abs(want) > math.MaxFloat32 {
							want = math.Copysign(inf, want)
							require.EqualValues(t, want, g)
							continue
						}
						tol := kerneltest.Epsilon*(op.rel*math.Abs(want)+op.arg*math.Abs(float64(x[i]))) + 0x1p-126
						if !(math.Abs(float64(g)-want) <= tol) {
							t.Fatalf("%s(%v) = %v, want %v within %.2g", op.name, x[i], g, want, tol)
						}
					}
					inPlace := slices.Clone(x)
					op.f(inPlace, inPlace)
					same(t, got, inPlace)
				}
				for x, want := range op.odd {
					for _, n := range []int{1, 16, 33} {
						in, dst := slices.Repeat([]float32{float32(x)}, n), make([]float32, n)
						op.f(dst, in)
						for _, g := range dst {
							if math.IsInf(want, 0) || want == 0 {
								require.EqualValues(t, want, g, "%s(%v)", op.name, x)
							} else if math.IsNaN(want) {
								require.True(t, g != g, "%s(%v)", op.name, x)
							} else {
								require.InEpsilon(t, want, g, 4*kerneltest.Epsilon, "%s(%v)", op.name, x)
							}
						}
					}
				}
				propagates(t, func(dst, x []float32) { op.f(dst, x) })
			})
		})
	}
}

// same wants the same bits, but for which NaN it is.
func same(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		if math.Float32bits(w) != math.Float32bits(got[i]) && (w == w || got[i] == got[i]) {
			t.Fatalf("value %d: got %v, want %v", i, got[i], w)
		}
	}
}

// propagates puts a NaN at every place of a vector and wants it at the same place of the result, and nowhere else.
func propagates(t *testing.T, f func(dst, x []float32)) {
	t.Helper()
	const n = 37
	for at := range n {
		x, dst := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = 1
		}
		x[at] = float32(math.NaN())
		f(dst, x)
		for i, v := range dst {
			require.Equal(t, i == at, v != v, "NaN at %d, value %d is %v", at, i, v)
		}
	}
}

func TestBinary(t *testing.T) {
	for _, op := range []struct {
		name string
		f    func(dst, a, b []float32)
		want func(a, b float32) float32
	}{
		{"Add", kernels.Add, func(a, b float32) float32 { return a + b }},
		{"Sub", kernels.Sub, func(a, b float32) float32 { return a - b }},
		{"Mul", kernels.Mul, func(a, b float32) float32 { return a * b }},
		{"Div", kernels.Div, func(a, b float32) float32 { return a / b }},
	} {
		t.Run(op.name, func(t *testing.T) {
			each(t, func(t *testing.T) {
				for _, n := range lengths {
					a, b := spreadOver(n, 100), randomSeed(n, 9)
					want := make([]float32, n)
					for i := range want {
						want[i] = op.want(a[i], b[i])
					}
					dst, check := guarded(n)
					op.f(dst, a, b)
					check(t)
					same(t, want, dst)
					inPlace := slices.Clone(a)
					op.f(inPlace, inPlace, b)
					same(t, want, inPlace)
					inPlace = slices.Clone(b)
					op.f(inPlace, a, inPlace)
					same(t, want, inPlace)
				}
				ones := slices.Repeat([]float32{1}, 37)
				propagates(t, func(dst, x []float32) { op.f(dst, x, ones) })
				propagates(t, func(dst, x []float32) { op.f(dst, ones, x) })
			})
		})
	}
}

func TestAxpby(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, n := range lengths {
			x, y := random(n), randomSeed(n, 2)
			r := kerneltest.Result{Want: make([]float64, n), Size: make([]float64, n)}
			for i := range n {
				p, q := float64(float32(.7))*float64(x[i]), float64(float32(-1.3))*float64(y[i])
				r.Want[i], r.Size[i] = p+q, math.Abs(p)+math.Abs(q)
			}
			dst, check := guarded(n)
			kernels.Axpby(dst, .7, x, -1.3, y)
			check(t)
			sums(t, dst, r, 1, 1)
			inPlace := slices.Clone(y)
			kernels.Axpby(inPlace, .7, x, -1.3, inPlace)
			same(t, dst, inPlace)
		}
		ones := slices.Repeat([]float32{1}, 37)
		propagates(t, func(dst, x []float32) { kernels.Axpby(dst, 1, x, 2, ones) })
		propagates(t, func(dst, x []float32) { kernels.Axpby(dst, 1, ones, 2, x) })
	})
}

func TestAddBias(t *testing.T) {
	each(t, func(t *testing.T) {
		x, bias := random(7*33), random(33)
		dst, check := guarded(7 * 33)
		kernels.AddBias(dst, x, bias, 7, 33)
		check(t)
		for i := range dst {
			require.Equal(t, x[i]+bias[i%33], dst[i])
		}
	})
}

// groupNorm is a group norm in its two steps.
func groupNorm(dst, x, gamma, beta []float32, n, hw, c, groups int, eps float32, silu bool) {
	scale, shift := make([]float32, n*c), make([]float32, n*c)
	kernels.GroupScales(scale, shift, x, gamma, beta, n, hw, c, groups, eps)
	kernels.ScaleChannels(dst, x, scale, shift, n, hw, c, silu)
}

func TestGroupNorm(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []struct{ n, hw, c, groups int }{{1, 1, 2, 1}, {2, 7, 6, 3}, {1, 64, 32, 8}, {2, 65, 33, 11}, {1, 300, 96, 32}, {1, 1000, 5, 5}} {
			for _, mean := range []float32{0, 1000} {
				for _, silu := range []bool{false, true} {
					for _, affine := range []bool{false, true} {
						t.Run(fmt.Sprintf("%v/%v/%v/%v", s, mean, silu, affine), func(t *testing.T) {
							x := random(s.n * s.hw * s.c)
							for i := range x {
								x[i] = x[i]*3 + mean
							}
							var gamma, beta []float32
							if affine {
								gamma, beta = randomSeed(s.c, 2), randomSeed(s.c, 3)
							}
							dst, check := guarded(len(x))
							got := threads(t, func() []float32 {
								groupNorm(dst, x, gamma, beta, s.n, s.hw, s.c, s.groups, 1e-5, silu)
								return dst
							})
							check(t)
							// x is known to a rounding of its mean, and is scaled by about 1/3 and gamma
							tol := kerneltest.Epsilon * (64 + 8*float64(mean))
							near(t, got, kerneltest.GroupNorm(x, gamma, beta, s.n, s.hw, s.c, s.groups, 1e-5, silu), tol)
							inPlace := slices.Clone(x)
							groupNorm(inPlace, inPlace, gamma, beta, s.n, s.hw, s.c, s.groups, 1e-5, silu)
							same(t, got, inPlace)
						})
					}
				}
			}
		}
		x := random(2 * 10 * 8)
		x[83] = float32(math.NaN()) // second picture, channel 3: group 1 of 4
		groupNorm(x, x, nil, nil, 2, 10, 8, 4, 1e-5, false)
		for i, v := range x {
			require.Equal(t, i >= 80 && i%8/2 == 1, v != v, "value %d is %v", i, v)
		}
	})
}

func TestLayerNorm(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, c := range []int{1, 7, 16, 33, 77, 320, 1280} {
			for _, mean := range []float32{0, 1000} {
				rows := 13
				x := random(rows * c)
				for i := range x {
					x[i] = x[i]*3 + mean
				}
				gamma, beta := randomSeed(c, 2), randomSeed(c, 3)
				dst, check := guarded(rows * c)
				got := threads(t, func() []float32 { kernels.LayerNorm(dst, x, gamma, beta, rows, c, 1e-5); return dst })
				check(t)
				want := kerneltest.GroupNorm(x, gamma, beta, rows, 1, c, 1, 1e-5, false)
				near(t, got, want, kerneltest.Epsilon*(64+8*float64(mean)))
				inPlace := slices.Clone(x)
				kernels.LayerNorm(inPlace, inPlace, gamma, beta, rows, c, 1e-5)
				same(t, got, inPlace)
				kernels.LayerNorm(inPlace, x, nil, nil, rows, c, 1e-5)
				near(t, inPlace, kerneltest.GroupNorm(x, nil, nil, rows, 1, c, 1, 1e-5, false), kerneltest.Epsilon*(64+8*float64(mean)))
			}
		}
		x := random(3 * 33)
		x[40] = float32(math.NaN())
		kernels.LayerNorm(x, x, nil, nil, 3, 33, 1e-5)
		for i, v := range x {
			require.Equal(t, i/33 == 1, v != v, "value %d is %v", i, v)
		}
	})
}

func TestSoftmax(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, c := range []int{1, 2, 7, 16, 33, 77, 4096} {
			rows := 11
			x := random(rows * c)
			for i := range x {
				x[i] *= 20
			}
			dst, check := guarded(rows * c)
			got := threads(t, func() []float32 { kernels.Softmax(dst, x, rows, c); return dst })
			check(t)
			want := make([]float64, rows*c)
			for r := range rows {
				top, sum := math.Inf(-1), 0.0
				for _, v := range x[r*c:][:c] {
					top = math.Max(top, float64(v))
				}
				for i, v := range x[r*c:][:c] {
					want[r*c+i] = math.Exp(float64(v) - top)
					sum += want[r*c+i]
				}
				for i := range c {
					want[r*c+i] /= sum
				}
			}
			for i, g := range got { // x - max is off by a rounding of up to 100
				require.LessOrEqual(t, math.Abs(float64(g)-want[i]), (8+math.Sqrt(float64(c))+100)*kerneltest.Epsilon*want[i]+0x1p-126)
			}
			inPlace := slices.Clone(x)
			kernels.Softmax(inPlace, inPlace, rows, c)
			same(t, got, inPlace)
		}
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		for _, row := range [][]float32{{1, nan, 2}, {nan, 1, 2}, {1, 2, nan}, {-inf, -inf, -inf}, {1, inf, 2}} {
			kernels.Softmax(row, row, 1, 3)
			for _, v := range row {
				require.True(t, v != v, "%v", row)
			}
		}
		row := []float32{-inf, 1, 1}
		kernels.Softmax(row, row, 1, 3)
		require.Equal(t, []float32{0, .5, .5}, row)
	})
}

func TestUpsampleNearest(t *testing.T) {
	// torch.nn.functional.interpolate(torch.arange(float(size))[None, None], out, mode="nearest")
	for _, g := range []struct {
		size int
		want []float32
	}{
		{2, []float32{0, 0, 1, 1}}, {3, []float32{0, 0, 1, 1, 2}}, {5, []float32{0, 0, 1, 1, 2, 2, 3, 3, 4}}, {7, []float32{0, 2, 4}},
		{1, []float32{0, 0, 0}}, {6, []float32{0, 0, 1, 1, 2, 3, 3, 4, 4, 5}},
	} {
		x := make([]float32, g.size*g.size*2)
		for i := range x {
			x[i] = float32(i / 2)
		}
		out := len(g.want)
		dst, check := guarded(out * out * 2)
		kernels.UpsampleNearest(dst, x, 1, g.size, g.size, 2, out, out)
		check(t)
		for i, v := range dst {
			require.Equal(t, g.want[i/2/out]*float32(g.size)+g.want[i/2%out], v)
		}
	}
}

func TestHalf(t *testing.T) {
	each(t, func(t *testing.T) {
		all := make([]uint16, 1<<16)
		for i := range all {
			all[i] = uint16(i)
		}
		wide, back := make([]float32, len(all)), make([]uint16, len(all))
		kernels.F16ToF32(wide, all)
		kernels.F32ToF16(back, wide)
		for i, h := range all {
			exp, frac := int(h>>10&31), float64(h&1023)
			want := math.Ldexp(1+frac/1024, exp-15)
			if exp == 0 {
				want = math.Ldexp(frac, -24)
			}
			if h>>15 == 1 {
				want = -want
			}
			switch {
			case exp == 31 && frac > 0:
				require.True(t, wide[i] != wide[i])
				require.Equal(t, h|0x200, back[i], "%#x", h)
			case exp == 31:
				require.EqualValues(t, math.Copysign(math.Inf(1), want), wide[i])
				require.Equal(t, h, back[i])
			default:
				require.EqualValues(t, want, wide[i])
				require.Equal(t, h, back[i], "%#x", h)
			}
		}
		kernels.BF16ToF32(wide, all)
		kernels.F32ToBF16(back, wide)
		for i, h := range all {
			require.Equal(t, uint32(h)<<16, math.Float32bits(wide[i]))
			if wide[i] == wide[i] {
				require.Equal(t, h, back[i])
			} else {
				require.Equal(t, h|0x40, back[i])
			}
		}
	})
}

func TestHalfRounds(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, c := range []struct {
			x    float64
			want uint16
		}{
			{1, 0x3c00}, {1 + 0x1p-11, 0x3c00}, {1 + 3*0x1p-11, 0x3c02}, {1 + 0x1p-11 + 0x1p-20, 0x3c01}, {65504, 0x7bff}, {65519.9, 0x7bff},
			{65520, 0x7c00}, {1e30, 0x7c00}, {0x1p-24, 1}, {0x1p-25, 0}, {0x1p-25 + 0x1p-40, 1}, {3 * 0x1p-25, 2}, {1e-30, 0}, {0x1p-14, 0x400},
			{0x1p-14 - 0x1p-26, 0x400}, {0x1p-14 - 0x1p-24, 0x3ff},
		} {
			for sign, bit := range map[float64]uint16{1: 0, -1: 0x8000} {
				for _, n := range []int{1, 16, 17} {
					got := make([]uint16, n)
					kernels.F32ToF16(got, slices.Repeat([]float32{float32(sign * c.x)}, n))
					require.Equal(t, slices.Repeat([]uint16{c.want | bit}, n), got, "%v", sign*c.x)
				}
			}
		}
		for bits, want := range map[uint32]uint16{0x3f808000: 0x3f80, 0x3f818000: 0x3f82, 0x3f808001: 0x3f81, 0x7f7fffff: 0x7f80, 0x7f800001: 0x7fc0} {
			got := make([]uint16, 1)
			kernels.F32ToBF16(got, []float32{math.Float32frombits(bits)})
			require.Equal(t, want, got[0], "%#x", bits)
		}
	})
}
