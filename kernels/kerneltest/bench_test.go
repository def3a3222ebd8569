//go:build unix

package kerneltest_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/sowgen/sowgen/kernels"
)

// Benchmarks run with as many threads as -cpu says, for example
//
//	go test -run - -bench Gemm -cpu 1 ./kernels/kerneltest
//
// GFLOP/core·s counts processor time, so it can be read on a machine that is busy with something else too.
func benchmark(b *testing.B, multiplications int, f func()) {
	b.Helper()
	kernels.SetThreads(0)
	f()
	b.ReportAllocs()
	began := cpuTime()
	for b.Loop() {
		f()
	}
	b.ReportMetric(2*float64(multiplications)*float64(b.N)/(cpuTime()-began).Seconds()/1e9, "GFLOP/core·s")
}

// cpuTime is how long the process has computed, on all cores together.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct{ m, k, n int }{
		{4096, 320, 320}, {4096, 320, 2560}, {4096, 1280, 320}, {1024, 640, 640}, {256, 1280, 1280}, {64, 1280, 1280}, {77, 1024, 1024},
		{77, 1024, 4096}, {14, 1280, 1280}, {1, 1280, 1280}, {256, 64, 64}, {64, 96, 384}, {16, 128, 128}, {256, 128, 512},
	} {
		for _, f := range []string{"f32", "f16", "mixed"} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s.m, s.k, s.n, f), func(b *testing.B) {
				a, dst := random(s.m*s.k), make([]float32, s.m*s.n)
				w := kernels.Pack(stored(random(s.k*s.n), kernels.F16), s.k, s.n, s.n)
				switch f {
				case "f16":
					w = w.Narrow()
				case "mixed":
					w = w.Mixed()
				}
				ep := kernels.Epilogue{Bias: random(s.n)}
				benchmark(b, s.m*s.k*s.n, func() { kernels.Gemm(dst, s.n, a, s.k, s.m, w, ep) })
			})
		}
	}
}

// BenchmarkDistance is a task of a linear layer, 222 rows by 320×320, whose rows of A lie farther apart than they are long.
func BenchmarkDistance(b *testing.B) {
	const m, k, n = 222, 320, 320
	w, dst := kernels.Pack(random(k*n), k, n, n), make([]float32, m*n)
	for _, distance := range []int{320, 1280, 2560, 5120} {
		b.Run(fmt.Sprint(distance), func(b *testing.B) {
			a := random(m * distance)
			benchmark(b, m*k*n, func() { kernels.Gemm(dst, n, a, distance, m, w, kernels.Epilogue{}) })
		})
	}
}

// BenchmarkConv2D counts the multiplications of the direct way whichever way is gone, so that a Winograd convolution may exceed the peak.
func BenchmarkConv2D(b *testing.B) {
	for _, s := range []struct{ n, size, in, out int }{
		{1, 64, 320, 320}, {1, 64, 960, 320}, {1, 32, 640, 640}, {1, 16, 1280, 1280}, {2, 16, 2560, 1280}, {1, 8, 1280, 1280}, {2, 8, 1280, 1280},
		{1, 64, 320, 4}, {1, 64, 4, 320}, {1, 256, 128, 128}, {1, 64, 512, 512},
		{1, 16, 64, 64}, {1, 8, 96, 96}, {1, 4, 128, 128}, {4, 4, 128, 128}, {1, 64, 32, 32},
	} {
		c := pad1(s.n, s.size, s.size, s.in, s.out)
		x, dst := random(c.N*c.H*c.W*c.C), make([]float32, c.N*c.H*c.W*c.Out)
		filters := stored(random(9*s.in*s.out), kernels.F16)
		w, mixed := kernels.PackConv(filters, s.out, s.in, 3, 3).Narrow(), kernels.PackConv(filters, s.out, s.in, 3, 3).Mixed()
		ep := kernels.Epilogue{Bias: random(s.out)}
		for name, conv := range map[string]func(){
			"direct":   func() { kernels.Conv2DDirect(dst, x, c, w, ep) },
			"winograd": func() { kernels.Conv2DWinograd(dst, x, c, w, ep) },
			"mixed":    func() { kernels.Conv2DDirect(dst, x, c, mixed, ep) },
		} {
			b.Run(fmt.Sprintf("%dx%d/%dto%d/%s", s.n, s.size, s.in, s.out, name), func(b *testing.B) {
				benchmark(b, c.N*c.H*c.W*9*s.in*s.out, conv)
			})
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	regions := func(n int) *kernels.Regions {
		l := make([]uint8, n)
		for i := range l {
			l[i] = uint8(min(2, 3*i/n))
		}
		return &kernels.Regions{Query: l, Key: l, Rules: [][]kernels.Rule{{{}, {}, {}}, {{Target: .3}, {}, {}}, {{}, {}, {Alpha: .5}}}}
	}
	for _, s := range []struct{ heads, d, queries, keys int }{
		{5, 64, 4096, 4096}, {10, 64, 1024, 1024}, {20, 64, 256, 256}, {5, 64, 4096, 77}, {10, 64, 1024, 77}, {20, 64, 256, 77},
		{8, 40, 4096, 4096}, {8, 40, 4096, 77}, {8, 80, 1024, 1024}, {8, 80, 1024, 77}, {8, 160, 256, 256}, {8, 160, 256, 77}, {1, 512, 4096, 4096},
		{2, 32, 256, 256}, {2, 32, 256, 77}, {3, 32, 64, 64}, {4, 32, 16, 16},
	} {
		for _, with := range []string{"plain", "regions", "mixed"} {
			if with == "regions" && s.queries != s.keys {
				continue
			}
			b.Run(fmt.Sprintf("%dx%d/%dx%d/%s", s.heads, s.d, s.queries, s.keys, with), func(b *testing.B) {
				shape := kernels.AttnShape{N: 1, Heads: s.heads, HeadDim: s.d, Queries: s.queries, Keys: s.keys, Scale: .125, BF16: with == "mixed"}
				q, k, v := random(s.heads*s.d*s.queries), random(s.heads*s.d*s.keys), random(s.heads*s.d*s.keys)
				dst := make([]float32, len(q))
				var r *kernels.Regions
				if with == "regions" {
					r = regions(s.queries)
				}
				benchmark(b, 2*s.heads*s.d*s.queries*s.keys, func() { kernels.Attention(dst, q, k, v, shape, r, nil) })
			})
		}
	}
}

func BenchmarkElementwise(b *testing.B) {
	const rows, c = 4096, 320
	x, y, dst, one := random(rows*c), random(rows*c), make([]float32, rows*c), random(c)
	half := make([]uint16, rows*c)
	kernels.F32ToF16(half, x)
	for name, f := range map[string]func(){
		"add":       func() { kernels.Add(dst, x, y) },
		"silu":      func() { kernels.SiLU(dst, x) },
		"gelu":      func() { kernels.GELU(dst, x) },
		"exp":       func() { kernels.Exp(dst, x) },
		"groupnorm": func() { groupNorm(dst, x, one, one, 1, rows, c, 32, 1e-5, true) },
		"layernorm": func() { kernels.LayerNorm(dst, x, one, one, rows, c, 1e-5) },
		"softmax":   func() { kernels.Softmax(dst, x, rows, c) },
		"f16":       func() { kernels.F16ToF32(dst, half) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * rows * c)
			kernels.SetThreads(0)
			for b.Loop() {
				f()
			}
		})
	}
}
