package kerneltest_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// TestRoundBF16 goes through every upper half of a float32 with the lower halves around which rounding changes.
func TestRoundBF16(t *testing.T) {
	var x []float32
	for upper := range uint32(1 << 16) {
		for _, lower := range []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff} {
			x = append(x, math.Float32frombits(upper<<16|lower))
		}
	}
	h, want := make([]uint16, len(x)), make([]float32, len(x))
	each(t, func(t *testing.T) {
		kernels.F32ToBF16(h, x)
		kernels.BF16ToF32(want, h)
		got, check := guarded(len(x))
		kernels.RoundBF16(got, x)
		check(t)
		for i, v := range x {
			nearest := bf16(v)
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) || !(got[i] == nearest || got[i] != got[i] && v != v) {
				t.Fatalf("%x: got %x and, as 16 bits, %x, want %x", math.Float32bits(v), math.Float32bits(got[i]), h[i], math.Float32bits(nearest))
			}
		}
		for n := range 40 { // edges, and in place
			x, check := guarded(n)
			copy(x, randomSeed(n, 3))
			want := stored(x, kernels.BF16)
			kernels.RoundBF16(x, x)
			check(t)
			require.Equal(t, want, slices.Clone(x))
		}
	})
}

// bf16 rounds v to 8 bits of mantissa, by arithmetic.
func bf16(v float32) float32 {
	if v == 0 || v != v || math.IsInf(float64(v), 0) {
		return v
	}
	_, exp := math.Frexp(float64(v))
	step := math.Ldexp(1, max(exp-8, -133))
	r := math.RoundToEven(float64(v)/step) * step
	if math.Abs(r) > 0xffp120 {
		return float32(math.Inf(1 - 2*int(math.Float32bits(v)>>31)))
	}
	return float32(r)
}

// TestMixedGemm: a product of bfloat16 is the product of the rounded sides, in the error of a float32 sum.
func TestMixedGemm(t *testing.T) {
	each(t, func(t *testing.T) {
		shapes := []struct{ m, k, n int }{{1, 1, 1}, {2, 13, 16}, {1, 771, 65}, {14, 385, 31}, {15, 384, 32}, {113, 50, 15}, {3, 0, 5}}
		for m := 1; m <= 14; m++ { // each height of a tile, whole panels and halves
			shapes = append(shapes, struct{ m, k, n int }{m, 7, 48})
		}
		for _, s := range shapes {
			for _, f := range formats {
				t.Run(fmt.Sprintf("%dx%dx%d/%v", s.m, s.k, s.n, f), func(t *testing.T) {
					a, b := random(s.m*s.k), stored(randomSeed(s.k*s.n, 2), f)
					ep := kernels.Epilogue{Bias: randomSeed(s.n, 3), Residual: randomSeed(s.m*s.n, 4)}
					p := kernels.Pack(b, s.k, s.n, s.n)
					if f != kernels.F32 {
						p = p.Narrow()
					}
					p = p.Mixed()
					require.Equal(t, kernels.BF16, p.Format())
					dst, check := guarded(s.m * s.n)
					before := slices.Clone(a)
					got := threads(t, func() []float32 {
						kernels.Gemm(dst, s.n, a, s.k, s.m, p, ep)
						return dst
					})
					check(t)
					require.Equal(t, before, a)
					sums(t, got, kerneltest.Gemm(stored(a, kernels.BF16), stored(b, kernels.BF16), s.m, s.k, s.n, false, ep), s.k, 8)
				})
			}
		}
		x, w := []float32{1, float32(math.NaN()), float32(math.Inf(1)), 2}, make([]float32, 4*3)
		w[0], w[4], w[8] = 1, 1, 1
		dst := make([]float32, 3)
		kernels.Gemm(dst, 3, x, 4, 1, kernels.Pack(w, 4, 3, 3).Mixed(), kernels.Epilogue{})
		for _, v := range dst {
			assert.True(t, math.IsNaN(float64(v)), "a NaN, and infinity times 0, reach every sum")
		}
	})
}

func TestMixedConv2D(t *testing.T) {
	each(t, func(t *testing.T) {
		for i, s := range []kernels.ConvShape{
			{N: 2, H: 6, W: 7, C: 13, Out: 31, KH: 1, KW: 1, Stride: 1},
			{N: 1, H: 8, W: 6, C: 13, Out: 7, KH: 1, KW: 1, Stride: 2},
			{N: 2, H: 7, W: 5, C: 3, Out: 5, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
			{N: 1, H: 6, W: 6, C: 151, Out: 35, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		} {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				x, w := random(s.N*s.H*s.W*s.C), randomSeed(s.Out*s.C*s.KH*s.KW, 2)
				dst, check := guarded(s.N * s.OutH() * s.OutW() * s.Out)
				packed := kernels.PackConv(w, s.Out, s.C, s.KH, s.KW).Mixed()
				got := threads(t, func() []float32 {
					kernels.Conv2D(dst, x, s, packed, kernels.Epilogue{})
					return dst
				})
				check(t)
				sums(t, got, kerneltest.Conv2D(stored(x, kernels.BF16), stored(w, kernels.BF16), s, kernels.Epilogue{}), s.KH*s.KW*s.C, 8)
			})
		}
	})
}

// TestMixedAttention: the rounded q, k and v through the formula, but for the rounding of the exponentials: each is off by 2^-9 of itself
// at most, in either direction, so the result by twice that much of the largest value.
func TestMixedAttention(t *testing.T) {
	regions := &kernels.Regions{Query: make([]uint8, 45), Key: make([]uint8, 131), Rules: [][]kernels.Rule{{{}, {Alpha: .5}}, {{Target: .3}, {}}}}
	for i := range regions.Query {
		regions.Query[i] = uint8(i % 2)
	}
	for i := range regions.Key {
		regions.Key[i] = uint8(i / 70)
	}
	each(t, func(t *testing.T) {
		for _, d := range []int{1, 8, 33, 40, 64} {
			for _, r := range []*kernels.Regions{nil, regions} {
				t.Run(fmt.Sprint(d, r != nil), func(t *testing.T) {
					s := kernels.AttnShape{N: 2, Heads: 2, HeadDim: d, Queries: 45, Keys: 131, Scale: float32(1 / math.Sqrt(float64(d))), BF16: true}
					q, k, v := random(2*45*2*d), randomSeed(2*131*2*d, 2), randomSeed(2*131*2*d, 3)
					dst, check := guarded(len(q))
					kept := slices.Concat(q, k, v)
					got := threads(t, func() []float32 {
						kernels.Attention(dst, q, k, v, s, r, nil)
						return dst
					})
					check(t)
					require.Equal(t, kept, slices.Concat(q, k, v))
					want, _ := kerneltest.Attention(stored(q, kernels.BF16), stored(k, kernels.BF16), stored(v, kernels.BF16), s, r)
					most := 0.0
					for _, x := range v {
						most = max(most, math.Abs(float64(x)))
					}
					near(t, got, want, most*(0x1p-8+32*kerneltest.Epsilon))
					exact, _ := kerneltest.Attention(q, k, v, s, r)
					assert.NotEqual(t, exact, want)
				})
			}
		}
	})
}
