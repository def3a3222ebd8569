package kernels_test

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
)

// A linear layer: the weight is packed once, in PyTorch's layout, and every call takes its bias and what follows along.
func Example() {
	weight := []float32{ // [out, in]
		1, 0, 0,
		0, 1, 1,
	}
	packed := kernels.PackTransposed(weight, 3, 2, 3)

	x := []float32{1, 2, 3, 4, 5, 6} // [2, 3]
	y := make([]float32, 4)          // [2, 2]
	kernels.Gemm(y, 2, x, 3, 2, packed, kernels.Epilogue{Bias: []float32{10, 20}})
	fmt.Println(y)
	// Output: [11 25 14 31]
}

// The queries labelled 1 give half of their attention to the keys labelled 0, whatever the logits say.
func ExampleAttention() {
	q, k := []float32{1, 1}, []float32{0, 8}
	v := []float32{100, 0}
	s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 1, Queries: 2, Keys: 2, Scale: 1}
	r := &kernels.Regions{
		Query: []uint8{0, 1},
		Key:   []uint8{0, 1},
		Rules: [][]kernels.Rule{{{}, {}}, {{Target: .5}, {}}},
	}
	out, mass := make([]float32, 2), make([]float32, 4)
	kernels.Attention(out, q, k, v, s, r, mass)
	fmt.Printf("%.2f %.3f\n", out, mass)
	// Output: [0.03 50.00] [0.000 1.000 0.500 0.500]
}
