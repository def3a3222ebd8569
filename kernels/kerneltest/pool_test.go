package kerneltest_test

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
)

func TestParallel(t *testing.T) {
	defer kernels.SetThreads(0)
	for _, threads := range []int{1, 2, 5} {
		kernels.SetThreads(threads)
		require.Equal(t, threads, kernels.Threads())
		for _, n := range []int{0, 1, 2, 3, 100} {
			calls := make([]atomic.Int32, n)
			kernels.Parallel(n, func(i int) {
				calls[i].Add(1)
				kernels.Parallel(3, func(int) { calls[i].Add(10) }) // nested
			})
			for i := range calls {
				require.EqualValues(t, 31, calls[i].Load())
			}
		}
	}
}

func TestParallelFromManyGoroutines(t *testing.T) {
	kernels.SetThreads(3)
	defer kernels.SetThreads(0)
	var wg sync.WaitGroup
	var sum atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 200 {
				kernels.Parallel(7, func(i int) { sum.Add(int64(i)) })
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 8*200*21, sum.Load())
}

func TestParallelHandsOnPanics(t *testing.T) {
	defer kernels.SetThreads(0)
	for _, threads := range []int{1, 3} {
		kernels.SetThreads(threads)
		require.PanicsWithValue(t, "seven", func() {
			kernels.Parallel(20, func(i int) {
				if i == 7 {
					panic("seven")
				}
			})
		})
		var ran atomic.Int32
		kernels.Parallel(20, func(int) { ran.Add(1) }) // and goes on working
		require.EqualValues(t, 20, ran.Load())
	}
}

// TestOverride runs this test again in processes with SOWGEN_KERNELS set.
func TestOverride(t *testing.T) {
	if os.Getenv("SOWGEN_KERNELS") != "" {
		if err := kernels.CheckOverride(); err != nil {
			t.Fatal(kernels.Implementation(), err)
		}
		t.Log("runs", kernels.Implementation())
		return
	}
	require.NoError(t, kernels.CheckOverride())
	require.Equal(t, kernels.Implementations()[0], kernels.Implementation(), "the fastest")
	rerun := func(name string) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestOverride$", "-test.v")
		cmd.Env = append(os.Environ(), "SOWGEN_KERNELS="+name)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, name := range kernels.Implementations() {
		out, err := rerun(name)
		require.NoError(t, err)
		require.Contains(t, out, "runs "+name)
	}
	out, err := rerun("mmx")
	require.Error(t, err)
	require.Contains(t, out, kernels.Implementation()+` kernels: implementation "mmx": want one of `)
	require.Contains(t, out, "SOWGEN_KERNELS")
	require.Error(t, kernels.SetImplementation(""))
}

func TestShortSlicesPanic(t *testing.T) {
	x, b := make([]float32, 10), kernels.Pack(make([]float32, 20), 4, 5, 5)
	gated, err := kernels.PackGated(source(make([]float32, 40), kernels.F32), 5, 4)
	require.NoError(t, err)
	conv := kernels.ConvShape{N: 1, H: 3, W: 3, C: 1, Out: 5, KH: 2, KW: 2, Stride: 1}
	attn := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 5, Queries: 2, Keys: 2, Scale: 1}
	regions := func(r kernels.Rule) *kernels.Regions {
		return &kernels.Regions{Query: make([]uint8, 2), Key: make([]uint8, 2), Rules: [][]kernels.Rule{{r}}}
	}
	for want, f := range map[string]func(){
		"kernels: Gemm: a holds 10 values, want 12":                         func() { kernels.Gemm(make([]float32, 15), 5, x, 4, 3, b, kernels.Epilogue{}) },
		"kernels: Gemm: dst holds 10 values, want 15":                       func() { kernels.Gemm(x, 5, make([]float32, 12), 4, 3, b, kernels.Epilogue{}) },
		"kernels: Gemm: rows of a start 3 values apart, want at least 4":    func() { kernels.Gemm(x, 5, x, 3, 1, b, kernels.Epilogue{}) },
		"kernels: Gemm: bias holds 4 values, want 5":                        func() { kernels.Gemm(x, 5, x, 4, 1, b, kernels.Epilogue{Bias: x[:4]}) },
		"kernels: Gemm: residual holds 4 values, want 5":                    func() { kernels.Gemm(x, 5, x, 4, 1, b, kernels.Epilogue{Residual: x[:4]}) },
		"kernels: Gemm: unknown activation 9":                               func() { kernels.Gemm(x, 5, x, 4, 1, b, kernels.Epilogue{Act: 9}) },
		"kernels: Gemm: a gated weight takes no activation and no residual": func() { kernels.Gemm(x, 5, x, 4, 1, gated, kernels.Epilogue{Act: kernels.SiLUAct}) },
		"kernels: Gemm: bias holds 5 values, want 10":                       func() { kernels.Gemm(x, 5, x, 4, 1, gated, kernels.Epilogue{Bias: x[:5]}) },
		"kernels: Conv2D: a gated weight is for a matrix product": func() {
			kernels.Conv2D(x, x, kernels.ConvShape{N: 1, H: 1, W: 1, C: 4, Out: 10, KH: 1, KW: 1, Stride: 1}, gated, kernels.Epilogue{})
		},
		"kernels: Gemm: size -1 is negative":                                                      func() { kernels.Gemm(x, 5, x, 4, -1, b, kernels.Epilogue{}) },
		"kernels: Pack: b holds 10 values, want 12":                                               func() { kernels.Pack(x, 3, 4, 4) },
		"kernels: PackTransposed: b holds 10 values, want 12":                                     func() { kernels.PackTransposed(x, 3, 4, 3) },
		"kernels: PackConv: w holds 10 values, want 18":                                           func() { kernels.PackConv(x, 2, 1, 3, 3) },
		"kernels: MatMul: b holds 10 values, want 12":                                             func() { kernels.MatMul(x, x, x, 1, 2, 3, 4, false) },
		"kernels: Conv2D: x holds 5 values, want 9":                                               func() { kernels.Conv2D(make([]float32, 20), x[:5], conv, b, kernels.Epilogue{}) },
		"kernels: Conv2D: dst holds 10 values, want 20":                                           func() { kernels.Conv2D(x, x, conv, b, kernels.Epilogue{}) },
		"kernels: Conv2D: weight is packed as [4, 5], want [2·2·2, 5]":                            func() { c := conv; c.C = 2; kernels.Conv2D(x, x, c, b, kernels.Epilogue{}) },
		"kernels: Conv2D: filter 2×2 with stride 1: Winograd's algorithm wants 3×3 with stride 1": func() { kernels.Conv2DWinograd(make([]float32, 20), x, conv, b, kernels.Epilogue{}) },
		"kernels: Conv2D: Winograd's algorithm takes no weights for products of bfloat16": func() {
			kernels.Conv2DWinograd(x, x, pad1(1, 1, 1, 1, 1), kernels.Pack(x, 9, 1, 1).Mixed(), kernels.Epilogue{})
		},
		"kernels: Conv2D: filter 2×2 with stride 0: want at least 1":                func() { c := conv; c.Stride = 0; kernels.Conv2D(x, x, c, b, kernels.Epilogue{}) },
		"kernels: Conv2D: filter 2×2 is larger than the padded input 1×3":           func() { c := conv; c.H = 1; kernels.Conv2D(x, x, c, b, kernels.Epilogue{}) },
		"kernels: Attention: k holds 9 values, want 10":                             func() { kernels.Attention(x, x, x[:9], x, attn, nil, nil) },
		"kernels: Attention: masses are asked for without regions":                  func() { kernels.Attention(x, x, x, x, attn, nil, x) },
		"kernels: Attention: mass holds 0 values, want 1":                           func() { kernels.Attention(x, x, x, x, attn, regions(kernels.Rule{}), []float32{}) },
		"kernels: Attention: causal attention takes no regions":                     func() { a := attn; a.Causal = true; kernels.Attention(x, x, x, x, a, regions(kernels.Rule{}), nil) },
		"kernels: Attention: scale -1: want a finite one, not negative":             func() { a := attn; a.Scale = -1; kernels.Attention(x, x, x, x, a, nil, nil) },
		"kernels: Attention: token 1 has label 3, but there are rules for 1 labels": func() { r := regions(kernels.Rule{}); r.Key[1] = 3; kernels.Attention(x, x, x, x, attn, r, nil) },
		"kernels: Attention: rule 0→0 is {Alpha:2 Beta:0 Block:false Target:0}: want alpha in [-1, 1], target in [0, 1), beta finite or -Inf": func() {
			kernels.Attention(x, x, x, x, attn, regions(kernels.Rule{Alpha: 2}), nil)
		},
		"kernels: Attention: regions label 2 queries and 2 keys, want 2 and 1": func() {
			a := attn
			a.Keys = 1
			kernels.Attention(x, x, x, x, a, regions(kernels.Rule{}), nil)
		},
		"kernels: GroupScales: 5 channels do not divide into 2 groups": func() { kernels.GroupScales(x, x, x, nil, nil, 1, 2, 5, 2, 1e-5) },
		"kernels: GroupScales: gamma holds 4 values, want 5":           func() { kernels.GroupScales(x, x, x, x[:4], x, 1, 2, 5, 1, 1e-5) },
		"kernels: GroupScales: shift holds 4 values, want 5":           func() { kernels.GroupScales(x, x[:4], x, x, x, 1, 2, 5, 1, 1e-5) },
		"kernels: ScaleChannels: scale holds 4 values, want 5":         func() { kernels.ScaleChannels(x, x, x[:4], x, 1, 2, 5, false) },
		"kernels: LayerNorm: x holds 10 values, want 12":               func() { kernels.LayerNorm(make([]float32, 12), x, x, x, 3, 4, 1e-5) },
		"kernels: Softmax: dst holds 10 values, want 12":               func() { kernels.Softmax(x, make([]float32, 12), 3, 4) },
		"kernels: SiLU: x holds 9 values, want 10":                     func() { kernels.SiLU(x, x[:9]) },
		"kernels: Add: b holds 9 values, want 10":                      func() { kernels.Add(x, x, x[:9]) },
		"kernels: AddBias: bias holds 4 values, want 5":                func() { kernels.AddBias(x, x, x[:4], 2, 5) },
		"kernels: UpsampleNearest: dst holds 10 values, want 16":       func() { kernels.UpsampleNearest(x, x, 1, 2, 2, 1, 4, 4) },
		"kernels: F16ToF32: src holds 9 values, want 10":               func() { kernels.F16ToF32(x, make([]uint16, 9)) },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				err, ok := recover().(*kernels.Error)
				require.True(t, ok, "panics with a *kernels.Error")
				require.EqualError(t, err, want)
			}()
			f()
		})
	}
}

// TestNoAllocations holds that the big operations allocate nothing once they have run.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets on purpose")
	}
	kernels.SetThreads(2)
	defer kernels.SetThreads(0)
	x, dst := random(256*64), make([]float32, 256*64)
	w, conv := kernels.Pack(random(64*64), 64, 64, 64), kernels.PackConv(random(9*64*64), 64, 64, 3, 3)
	shape := kernels.ConvShape{N: 1, H: 16, W: 16, C: 64, Out: 64, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	attn := kernels.AttnShape{N: 1, Heads: 2, HeadDim: 32, Queries: 256, Keys: 256, Scale: .1}
	for name, f := range map[string]func(){
		"Gemm":         func() { kernels.Gemm(dst, 64, x, 64, 256, w, kernels.Epilogue{}) },
		"Conv2D":       func() { kernels.Conv2D(dst, x, shape, conv, kernels.Epilogue{}) },
		"Conv2DDirect": func() { kernels.Conv2DDirect(dst, x, shape, conv, kernels.Epilogue{}) },
		"Attention":    func() { kernels.Attention(dst, x, x, x, attn, nil, nil) },
	} {
		// AllocsPerRun leaves one processor: the pool's other thread must get its turn, or it still holds the last call's job.
		require.Less(t, testing.AllocsPerRun(100, func() { f(); runtime.Gosched() }), 1.0, name)
	}
}
