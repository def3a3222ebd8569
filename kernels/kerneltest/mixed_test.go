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

// TestMixedAttention: the rounded q, k and v through the formula, over regions of odd and even numbers of keys.
func TestMixedAttention(t *testing.T) {
	type rule = kernels.Rule
	tables := map[string][][]rule{
		"plain":  nil,
		"alpha":  {{{Alpha: .5}, {}, {Alpha: -.7}}, {{Alpha: 1}, {Alpha: -1}, {}}, {{}, {Beta: 1.5}, {Alpha: .3, Beta: -2}}},
		"block":  {{{}, {Block: true}, {}}, {{Block: true}, {}, {Block: true, Target: .4}}, {{Block: true}, {Block: true}, {Block: true}}},
		"target": {{{}, {Target: .3}, {}}, {{Target: .7}, {Target: .5}, {Alpha: .5}}, {{Target: .25}, {Target: .5}, {Beta: 1}}},
		"shared": {{{}, {}, {Beta: 1}}, {{}, {Beta: 1}, {}}, {{}, {}, {}}},
	}
	shapes := []kernels.AttnShape{
		{N: 1, Heads: 1, HeadDim: 1, Queries: 1, Keys: 1},
		{N: 2, Heads: 2, HeadDim: 8, Queries: 7, Keys: 9},
		{N: 1, Heads: 3, HeadDim: 33, Queries: 45, Keys: 131},
		{N: 2, Heads: 1, HeadDim: 40, Queries: 35, Keys: 77},
		{N: 1, Heads: 1, HeadDim: 64, Queries: 33, Keys: 261},
		{N: 1, Heads: 1, HeadDim: 160, Queries: 20, Keys: 129},
		{N: 1, Heads: 1, HeadDim: 515, Queries: 3, Keys: 35},
		{N: 1, Heads: 2, HeadDim: 13, Queries: 77, Keys: 77, Causal: true},
		{N: 1, Heads: 2, HeadDim: 4, Queries: 9, Keys: 0},
	}
	each(t, func(t *testing.T) {
		worst := 0.0
		for name, table := range tables {
			for _, s := range shapes {
				if s.Causal && table != nil {
					continue
				}
				s.Scale, s.BF16 = float32(1/math.Sqrt(float64(s.HeadDim))), true
				t.Run(fmt.Sprintf("%s/%dx%d/%dx%d", name, s.Heads, s.HeadDim, s.Queries, s.Keys), func(t *testing.T) {
					r := &kernels.Regions{Query: labels(s.Queries, 3), Key: labels(s.Keys, 3), Rules: table}
					if s.Heads == 3 {
						r.PerHead = [][][]rule{nil, tables["alpha"], tables["target"]}
					}
					if table == nil {
						r = nil
					}
					worst = max(worst, mixedAttention(t, s, r))
				})
			}
		}
		t.Logf("the worst is at %.2f of its bound", worst)
	})
}

// mixedAttention compares one attention with the formula, and says how much of the bound its largest error is.
//
// An exponential is rounded to bfloat16, by up to 2^-8 of itself, before it is multiplied, but not where the exponentials are summed: so a result is
// off by up to 2^-8 of the largest value. Besides, a probability is off, in the numerator and in the sum, by the roundings of its logit, a sum of d
// products, and of the sums over the keys (see sums). VDPBF16PS rounds after every product, or less often; that denormal numbers are zeros to it,
// and its denormal sums too, is 2^-126 each, far below.
func mixedAttention(t *testing.T, s kernels.AttnShape, r *kernels.Regions) (worst float64) {
	t.Helper()
	width := s.Heads * s.HeadDim
	q, k, v := random(s.N*s.Queries*width), randomSeed(s.N*s.Keys*width, 2), randomSeed(s.N*s.Keys*width, 3)
	kept := slices.Concat(q, k, v)
	dst, check := guarded(len(q))
	got := threads(t, func() []float32 {
		kernels.Attention(dst, q, k, v, s, r, nil)
		return dst
	})
	check(t)
	require.Equal(t, kept, slices.Concat(q, k, v))

	q, k, v = stored(q, kernels.BF16), stored(k, kernels.BF16), stored(v, kernels.BF16)
	want, wantMass := kerneltest.Attention(q, k, v, s, r)
	var size, most float64
	for i := 0; i < len(q); i += s.HeadDim {
		for j := i / width / s.Queries * s.Keys * width; j < (i/width/s.Queries+1)*s.Keys*width; j += s.HeadDim {
			sum := 0.0
			for c := range s.HeadDim {
				sum += math.Abs(float64(q[i+c]) * float64(k[j+c]))
			}
			size = max(size, sum*float64(s.Scale))
		}
	}
	for _, x := range v {
		most = max(most, math.Abs(float64(x)))
	}
	share := 2 * kerneltest.Epsilon * ((math.Sqrt(float64(s.HeadDim))+8)*size + math.Sqrt(float64(s.Keys)) + 8)
	tol := most * (0x1p-8 + share)
	compare := func(got []float32, tol float64) {
		near(t, got, want, tol)
		for i, w := range want {
			if tol > 0 {
				worst = max(worst, math.Abs(float64(got[i])-w)/tol)
			}
		}
	}
	compare(got, tol)
	if r == nil {
		return worst
	}
	mass, checkMass := guarded(s.N * s.Heads * len(r.Rules) * len(r.Rules))
	threads(t, func() []float32 {
		clear(mass)
		kernels.Attention(dst, q, k, v, s, r, mass) // of what is bfloat16 already
		return mass
	})
	check(t)
	checkMass(t)
	near(t, mass, wantMass, share)
	compare(dst, tol)
	return worst
}

// TestMixedAttentionRounds: what exactly is rounded. Logits are whole powers of two here but for q and k that are not bfloat16, so the exponentials
// are bfloat16 and nothing but the roundings of float32 is lost; in the end one that is not.
func TestMixedAttentionRounds(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, d := range []int{1, 2, 15, 64} {
			s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: d, Queries: 37, Keys: 53, Scale: math.Ln2, BF16: true}
			q, k, v := make([]float32, 37*d), make([]float32, 53*d), randomSeed(53*d, 3)
			for i := range q {
				q[i] = float32(i*i%3-1) * (1 + 0x1p-9)
			}
			for i := range k {
				k[i] = float32(i*i%5-2) * (1 - 0x1p-10)
			}
			dst := make([]float32, len(q))
			kernels.Attention(dst, q, k, v, s, nil, nil)
			want, _ := kerneltest.Attention(stored(q, kernels.BF16), stored(k, kernels.BF16), stored(v, kernels.BF16), s, nil)
			near(t, dst, want, 4*4*64*kerneltest.Epsilon) // values of up to 4; an exponent of 64 is off by up to 64 roundings of ln 2
		}
		// One key of weight 1 and value 0, one of weight √½ and value 1.
		s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 1, Queries: 1, Keys: 2, Scale: math.Ln2, BF16: true}
		dst := make([]float32, 1)
		kernels.Attention(dst, []float32{1}, []float32{0, -.5}, []float32{0, 1}, s, nil, nil)
		require.InDelta(t, 181./256/(1+math.Sqrt2/2), dst[0], 8*kerneltest.Epsilon)
	})
}
