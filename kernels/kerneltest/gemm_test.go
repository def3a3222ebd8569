package kerneltest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

func TestGemm(t *testing.T) {
	shapes := []struct{ m, k, n int }{
		{1, 1, 1}, {1, 7, 13}, {2, 13, 16}, {3, 31, 32}, {5, 33, 48}, {6, 64, 31}, {7, 77, 33}, {13, 1, 64}, {14, 100, 4},
		{15, 384, 65}, {16, 385, 17}, {28, 769, 40}, {31, 9, 700}, {77, 96, 96}, {113, 50, 15}, {230, 400, 340},
		{4, 0, 33}, {0, 4, 5},
	}
	each(t, func(t *testing.T) {
		for _, s := range shapes {
			for act := kernels.None; act <= kernels.QuickGELUAct; act++ {
				for variant := range 4 {
					if act != kernels.None && variant != 3 {
						continue
					}
					t.Run(fmt.Sprintf("%dx%dx%d/act%d/%d", s.m, s.k, s.n, act, variant), func(t *testing.T) {
						gemm(t, s.m, s.k, s.n, act, variant&1 != 0, variant&2 != 0)
					})
				}
			}
		}
	})
}

func gemm(t *testing.T, m, k, n int, act kernels.Activation, bias, residual bool) {
	a, b := randomSeed(m*k, 2), randomSeed(k*n, 3)
	ep := kernels.Epilogue{Act: act}
	if bias {
		ep.Bias = randomSeed(n, 4)
	}
	if residual {
		ep.Residual = randomSeed(m*n, 5)
	}
	dst, check := guarded(m * n)
	got := threads(t, func() []float32 {
		kernels.Gemm(dst, n, a, k, m, kernels.Pack(b, k, n, n), ep)
		return dst
	})
	check(t)
	want := kerneltest.Gemm(a, b, m, k, n, false, ep)
	sums(t, got, want, k, 8)

	if residual { // in place
		copy(dst, ep.Residual)
		ep.Residual = dst
		kernels.Gemm(dst, n, a, k, m, kernels.Pack(b, k, n, n), ep)
		require.Equal(t, got, slices.Clone(dst))
		check(t)
	}
}

func TestGemmStrides(t *testing.T) {
	const m, k, n, lda, ldb, ldd = 33, 40, 50, 47, 53, 59
	each(t, func(t *testing.T) {
		wide, b := random((m-1)*lda+k), randomSeed((k-1)*ldb+n, 2)
		dst, check := guarded((m-1)*ldd + n)
		kernels.Gemm(dst, ldd, wide, lda, m, kernels.Pack(b, k, n, ldb), kernels.Epilogue{})
		check(t)
		var a, tight, got []float32
		for i := range m {
			a = append(a, wide[i*lda:][:k]...)
			got = append(got, dst[i*ldd:][:n]...)
			if i < m-1 {
				for _, v := range dst[i*ldd+n : (i+1)*ldd] {
					require.NotEqual(t, v, v, "between the rows")
				}
			}
		}
		for i := range k {
			tight = append(tight, b[i*ldb:][:n]...)
		}
		sums(t, got, kerneltest.Gemm(a, tight, m, k, n, false, kernels.Epilogue{}), k, 8)
	})
}

func TestPackTransposed(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range [][2]int{{1, 1}, {7, 13}, {33, 31}, {64, 96}, {100, 77}} {
			k, n := s[0], s[1]
			b, a := random(n*k), randomSeed(3*k, 2)
			got := make([]float32, 3*n)
			p := kernels.PackTransposed(b, k, n, k)
			require.Equal(t, []int{k, n}, []int{p.K(), p.N()})
			kernels.Gemm(got, n, a, k, 3, p, kernels.Epilogue{})
			sums(t, got, kerneltest.Gemm(a, b, 3, k, n, true, kernels.Epilogue{}), k, 8)
		}
	})
}

func TestMatMul(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []struct{ batch, m, k, n int }{{1, 1, 1, 1}, {3, 7, 13, 31}, {9, 5, 33, 17}, {2, 100, 77, 130}, {2, 3, 0, 4}, {12, 77, 32, 77}} {
			for _, trans := range []bool{false, true} {
				a, b := random(s.batch*s.m*s.k), randomSeed(s.batch*s.k*s.n, 2)
				dst, check := guarded(s.batch * s.m * s.n)
				got := threads(t, func() []float32 {
					kernels.MatMul(dst, a, b, s.batch, s.m, s.k, s.n, trans)
					return dst
				})
				check(t)
				for i := range s.batch {
					want := kerneltest.Gemm(a[i*s.m*s.k:], b[i*s.k*s.n:], s.m, s.k, s.n, trans, kernels.Epilogue{})
					sums(t, got[i*s.m*s.n:][:s.m*s.n], want, s.k, 8)
				}
			}
		}
	})
}

// TestGated: a weight of values and gates, from every way it can be kept.
func TestGated(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []struct{ m, k, c int }{{1, 1, 1}, {3, 7, 5}, {5, 33, 16}, {15, 40, 17}, {30, 401, 31}, {300, 20, 70}, {2, 0, 3}} {
			for _, bias := range [][]float32{nil, randomSeed(2*s.c, 4)} {
				a, w := randomSeed(s.m*s.k, 2), randomSeed(2*s.c*s.k, 3)
				for _, f := range []kernels.Format{kernels.F32, kernels.F16, kernels.BF16} {
					w := stored(w, f)
					p, err := kernels.PackGated(source(w, f), s.c, s.k)
					require.NoError(t, err)
					for name, p := range map[string]*kernels.Packed{"as stored": p, "widened": p.Widen(), "narrowed": p.Widen().Narrow()} {
						dst, check := guarded(s.m * s.c)
						got := threads(t, func() []float32 {
							kernels.Gemm(dst, s.c, a, s.k, s.m, p, kernels.Epilogue{Bias: bias})
							return dst
						})
						check(t)
						sums(t, got, kerneltest.Gated(a, w, s.m, s.k, s.c, bias), s.k, 12)
						require.Equal(t, 2*s.c, p.N(), name)
					}
				}
			}
		}
	})
}
