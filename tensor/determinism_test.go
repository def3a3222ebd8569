package tensor_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// operators is every operator that splits its work over threads, at sizes of several tasks and tiles that come out uneven.
func operators() map[string]func() *tensor.Tensor {
	picture := normal(1, 1, 47, 53, 96)
	first := tensor.ToChannelsFirst(picture)
	tokens, context := normal(2, 2, 333, 80), normal(3, 2, 77, 80)
	linear, conv := tensor.PackLinear(normal(4, 130, 80)), tensor.PackConv(normal(5, 70, 96, 3, 3))
	gated := tensor.PackGated(normal(8, 260, 80))
	gamma, beta := normal(6, 96), normal(7, 96)
	regions := &tensor.Regions{Height: 9, Width: 37, Rules: rules(3), Labels: make([]uint8, 333)}
	for i := range regions.Labels {
		regions.Labels[i] = uint8(i / 50 % 3)
	}
	regions.Rules[0][1], regions.Rules[2][0] = tensor.Rule{Alpha: 0.5}, tensor.Rule{Target: 0.3}
	attend := func(p tensor.AttnParams, keys *tensor.Tensor) *tensor.Tensor {
		p.Heads = 5
		out := tensor.Attention(tokens, keys, keys, p)
		if p.Mass == nil {
			return out
		}
		return tensor.Concat(0, tensor.Reshape(out, -1), tensor.FromSlice(p.Mass, len(p.Mass)))
	}
	return map[string]func() *tensor.Tensor{
		"Add":             func() *tensor.Tensor { return tensor.Add(picture, picture) },
		"Add channels":    func() *tensor.Tensor { return tensor.Add(picture, gamma) },
		"Mul pixels":      func() *tensor.Tensor { return tensor.Mul(picture, tensor.Slice(picture, 3, 0, 1)) },
		"SiLU":            func() *tensor.Tensor { return tensor.SiLU(picture) },
		"GELU":            func() *tensor.Tensor { return tensor.GELU(picture) },
		"Sum all":         func() *tensor.Tensor { return tensor.Sum(picture, -1) },
		"Sum channels":    func() *tensor.Tensor { return tensor.Sum(picture, 3) },
		"Mean rows":       func() *tensor.Tensor { return tensor.Mean(picture, 1) },
		"ReduceMax":       func() *tensor.Tensor { return tensor.ReduceMax(picture, 2) },
		"ToChannelsFirst": func() *tensor.Tensor { return tensor.ToChannelsFirst(picture) },
		"ToChannelsLast":  func() *tensor.Tensor { return tensor.ToChannelsLast(first) },
		"Slice":           func() *tensor.Tensor { return tensor.Slice(picture, 3, 5, 66) },
		"Concat":          func() *tensor.Tensor { return tensor.Concat(3, picture, picture) },
		"MatMul":          func() *tensor.Tensor { return tensor.MatMulT(tokens, context) },
		"Linear":          func() *tensor.Tensor { return tensor.Linear(tokens, linear, tensor.Epilogue{}) },
		"Conv2D":          func() *tensor.Tensor { return tensor.Conv2D(picture, conv, tensor.Epilogue{}, 1, tensor.Pad(1)) },
		"Conv2D stride": func() *tensor.Tensor {
			return tensor.Conv2D(picture, conv, tensor.Epilogue{}, 2, tensor.Padding{Bottom: 1, Right: 1})
		},
		"GroupNormSiLU": func() *tensor.Tensor { return tensor.GroupNormSiLU(picture, gamma, beta, 32, 1e-5) },
		"NormConv2D": func() *tensor.Tensor {
			return tensor.NormConv2D(picture, tensor.Norm{Gamma: gamma, Beta: beta, Groups: 32, Eps: 1e-5}, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
		},
		"UpsampleConv2D": func() *tensor.Tensor {
			return tensor.UpsampleConv2D(picture, 94, 107, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
		},
		"LayerNorm":        func() *tensor.Tensor { return tensor.LayerNorm(picture, gamma, beta, 1e-5) },
		"Softmax":          func() *tensor.Tensor { return tensor.Softmax(picture) },
		"Linear gated":     func() *tensor.Tensor { return tensor.Linear(tokens, gated, tensor.Epilogue{}) },
		"UpsampleNearest":  func() *tensor.Tensor { return tensor.UpsampleNearest(picture, 94, 107) },
		"Attention":        func() *tensor.Tensor { return attend(tensor.AttnParams{}, tokens) },
		"Attention cross":  func() *tensor.Tensor { return attend(tensor.AttnParams{}, context) },
		"Attention causal": func() *tensor.Tensor { return attend(tensor.AttnParams{Causal: true}, tokens) },
		"Attention regions": func() *tensor.Tensor {
			return attend(tensor.AttnParams{Regions: regions, Mass: make([]float32, 2*5*9)}, tokens)
		},
	}
}

func bits(t *tensor.Tensor) []uint32 {
	x := tensor.Floats(t)
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

// TestSameBytes: neither the number of threads nor the run changes a bit.
func TestSameBytes(t *testing.T) {
	defer kernels.SetThreads(kernels.Threads())
	for name, f := range operators() {
		t.Run(name, func(t *testing.T) {
			kernels.SetThreads(1)
			want := bits(f())
			for _, threads := range []int{1, 2, 3, 8} {
				kernels.SetThreads(threads)
				if got := bits(f()); !slices.Equal(got, want) {
					t.Fatalf("%d threads give other bytes than one", threads)
				}
			}
		})
	}
}

// TestAtOnce: operators may run at the same time, on the same arguments too, and give the same bytes.
func TestAtOnce(t *testing.T) {
	for name, f := range operators() {
		want := bits(f())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if !slices.Equal(bits(f()), want) {
					t.Errorf("%s gives other bytes in company", name)
				}
			})
		}
		all.Wait()
	}
}
