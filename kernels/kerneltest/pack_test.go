package kerneltest_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// halves rounds x to a 16-bit format.
func halves(x []float32, f kernels.Format) []uint16 {
	h := make([]uint16, len(x))
	if f == kernels.F16 {
		kernels.F32ToF16(h, x)
	} else {
		kernels.F32ToBF16(h, x)
	}
	return h
}

// stored rounds x to what a format can hold.
func stored(x []float32, f kernels.Format) []float32 {
	x = slices.Clone(x)
	switch f {
	case kernels.F16:
		kernels.F16ToF32(x, halves(x, f))
	case kernels.BF16:
		kernels.BF16ToF32(x, halves(x, f))
	}
	return x
}

// source is x as a weight in a file of the format f, in which it fits exactly.
func source(x []float32, f kernels.Format) kernels.Stored {
	w := kernels.Stored{Format: f, F32: func(dst []float32, first int) error { copy(dst, x[first:]); return nil }}
	if f != kernels.F32 {
		h := halves(x, f)
		w.Half = func(dst []uint16, first int) error { copy(dst, h[first:]); return nil }
	}
	return w
}

var formats = []kernels.Format{kernels.F32, kernels.F16, kernels.BF16}

// TestNarrow: numbers fit into 16 bits exactly if nothing of them is lost, and products are the same bytes as with float32.
func TestNarrow(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []struct{ m, k, n int }{{1, 1, 1}, {2, 13, 16}, {1, 770, 65}, {14, 385, 31}, {40, 390, 77}, {3, 0, 5}} {
			for _, f := range formats[1:] {
				a, b := random(s.m*s.k), stored(randomSeed(s.k*s.n, 2), f)
				wide := kernels.Pack(b, s.k, s.n, s.n)
				p := wide.Narrow()
				if s.k*s.n > 1 {
					require.Equal(t, f, p.Format())
				}
				got, want := make([]float32, s.m*s.n), make([]float32, s.m*s.n)
				kernels.Gemm(want, s.n, a, s.k, s.m, wide, kernels.Epilogue{})
				kernels.Gemm(got, s.n, a, s.k, s.m, p, kernels.Epilogue{})
				require.Equal(t, want, got)
				require.Equal(t, kernels.F32, p.Widen().Format())
				kernels.Gemm(got, s.n, a, s.k, s.m, p.Widen(), kernels.Epilogue{})
				require.Equal(t, want, got)
				if s.k > 0 {
					b[len(b)-1] = 1 + 0x1p-20
					require.Equal(t, kernels.F32, kernels.Pack(b, s.k, s.n, s.n).Narrow().Format())
				}
			}
		}
		for want, values := range map[kernels.Format][]float32{
			kernels.F32:  {math.MaxFloat32, 65536 + 32, 0x1p-149, 1 + 0x1p-11},
			kernels.F16:  {65504, 0x1p-24 * 1023, 1 + 0x1p-10},
			kernels.BF16: {0x1p-133, -0x1p127, float32(math.Inf(1)), 0, 1, 0x1p-126},
		} {
			for _, v := range values {
				assert.Equal(t, want, kernels.Pack([]float32{1, v, 1}, 1, 3, 3).Narrow().Format(), v)
			}
		}
	})
}

// TestPackStored: what comes panel by panel is laid out as what comes at once.
func TestPackStored(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []struct{ out, in, kh, kw int }{
			{1, 1, 1, 1}, {13, 7, 1, 1}, {32, 8, 1, 1}, {33, 31, 1, 1}, {96, 64, 1, 1}, {200, 130, 1, 1},
			{5, 3, 3, 3}, {40, 16, 3, 3}, {64, 8, 1, 2}, {70, 9, 4, 1},
		} {
			for _, f := range formats {
				t.Run(fmt.Sprint(s, f), func(t *testing.T) {
					k := s.in * s.kh * s.kw
					w := stored(random(s.out*k), f)
					h := halves(w, f)
					var most atomic.Int64 // numbers asked for at a time
					src := kernels.Stored{
						Format: f,
						F32:    func(dst []float32, first int) error { copy(dst, w[first:]); return nil },
						Half: func(dst []uint16, first int) error {
							most.Store(max(most.Load(), int64(len(dst))))
							copy(dst, h[first:])
							return nil
						},
					}
					p, err := kernels.PackStored(src, s.out, s.in, s.kh, s.kw)
					require.NoError(t, err)
					assert.Equal(t, []int{k, s.out}, []int{p.K(), p.N()})
					assert.Equal(t, f, p.Format())
					assert.LessOrEqual(t, most.Load(), int64(32*k))
					const m = 3
					a, got, want := random(m*k), make([]float32, m*s.out), make([]float32, m*s.out)
					kernels.Gemm(got, s.out, a, k, m, p, kernels.Epilogue{})
					kernels.Gemm(want, s.out, a, k, m, kernels.PackConv(w, s.out, s.in, s.kh, s.kw), kernels.Epilogue{})
					assert.Equal(t, want, got)
				})
			}
		}
	})
}

func TestPackStoredFails(t *testing.T) {
	broken := errors.New("number 160 is on fire")
	_, err := kernels.PackStored(kernels.Stored{Format: kernels.BF16, Half: func(dst []uint16, first int) error {
		if first <= 160 && first+len(dst) > 160 {
			return broken
		}
		return nil
	}}, 100, 5, 1, 1)
	require.ErrorIs(t, err, broken)
}

// TestGemmNarrow: a 16-bit weight under every shape of TestGemm's kinds of edges, with NaN and infinities in the weight.
func TestGemmNarrow(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, f := range formats[1:] {
			for _, s := range []struct{ m, k, n int }{{1, 1, 1}, {1, 770, 65}, {5, 33, 48}, {14, 385, 31}, {113, 50, 15}} {
				t.Run(fmt.Sprintf("%v/%dx%dx%d", f, s.m, s.k, s.n), func(t *testing.T) {
					a, b := random(s.m*s.k), stored(randomSeed(s.k*s.n, 2), f)
					ep := kernels.Epilogue{Bias: randomSeed(s.n, 3), Residual: randomSeed(s.m*s.n, 4), Act: kernels.SiLUAct}
					p := kernels.Pack(b, s.k, s.n, s.n).Narrow()
					dst, check := guarded(s.m * s.n)
					got := threads(t, func() []float32 {
						kernels.Gemm(dst, s.n, a, s.k, s.m, p, ep)
						return dst
					})
					check(t)
					sums(t, got, kerneltest.Gemm(a, b, s.m, s.k, s.n, false, ep), s.k, 8)
				})
			}
			b := make([]float32, 33*40)
			b[0], b[41] = float32(math.Inf(1)), float32(math.NaN())
			p := kernels.Pack(b, 33, 40, 40).Narrow()
			require.Equal(t, kernels.BF16, p.Format())
			dst := make([]float32, 40)
			kernels.Gemm(dst, 40, random(33), 33, 1, p, kernels.Epilogue{})
			assert.True(t, math.IsInf(float64(dst[0]), 0))
			assert.True(t, math.IsNaN(float64(dst[1])))
			assert.Zero(t, dst[2])
		}
	})
}
