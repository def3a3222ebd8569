package tensor_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// golden is a case of testdata/torch-golden.json.
type golden struct {
	Op     string
	Params struct {
		Stride, Top, Left, Bottom, Right int
		Height, Width                    int
		Groups, Heads                    int
		Eps, Scale                       float32
		Causal                           bool
	}
	Inputs []goldenTensor
	Y      goldenTensor
	Loss   float64 // of PyTorch's float32 against its float64, at most
}

type goldenTensor struct {
	Shape []int
	Data  []float32
}

func (g goldenTensor) tensor() *tensor.Tensor { return tensor.FromSlice(g.Data, g.Shape...) }

// input is input i, or nil if there is none.
func (g golden) input(i int) *tensor.Tensor {
	if i >= len(g.Inputs) {
		return nil
	}
	return g.Inputs[i].tensor()
}

// run computes the case; pictures go in and come out in PyTorch's layout.
func (g golden) run() *tensor.Tensor {
	p, x := g.Params, g.input(0)
	last, first := tensor.ToChannelsLast, tensor.ToChannelsFirst
	switch g.Op {
	case "conv2d":
		padding := tensor.Padding{Top: p.Top, Left: p.Left, Bottom: p.Bottom, Right: p.Right}
		return first(tensor.Conv2D(last(x), tensor.PackConv(g.input(1)), tensor.Epilogue{Bias: g.input(2)}, p.Stride, padding))
	case "upsample_nearest":
		return first(tensor.UpsampleNearest(last(x), p.Height, p.Width))
	case "linear":
		return tensor.Linear(x, tensor.PackLinear(g.input(1)), tensor.Epilogue{Bias: g.input(2)})
	case "matmul":
		return tensor.MatMul(x, g.input(1))
	case "group_norm":
		return first(tensor.GroupNorm(last(x), g.input(1), g.input(2), p.Groups, p.Eps))
	case "group_norm_silu":
		return first(tensor.GroupNormSiLU(last(x), g.input(1), g.input(2), p.Groups, p.Eps))
	case "layer_norm":
		return tensor.LayerNorm(x, g.input(1), g.input(2), p.Eps)
	case "gelu":
		return tensor.GELU(x)
	case "silu":
		return tensor.SiLU(x)
	case "quick_gelu":
		return tensor.QuickGELU(x)
	case "exp":
		return tensor.Exp(x)
	case "softmax":
		return tensor.Softmax(x)
	case "geglu":
		n := x.Shape()[x.Dims()-1]
		identity := tensor.New(n, n)
		for i := range n {
			tensor.Floats(identity)[i*n+i] = 1
		}
		return tensor.Linear(x, tensor.PackGated(identity), tensor.Epilogue{})
	case "gather":
		var ids []int32
		for _, id := range g.Inputs[1].Data {
			ids = append(ids, int32(id))
		}
		return tensor.Gather(x, ids)
	case "attention":
		return tensor.Attention(x, g.input(1), g.input(2), tensor.AttnParams{Heads: p.Heads, Scale: p.Scale, Causal: p.Causal})
	}
	panic("no operator " + g.Op)
}

// TestAgreesWithPyTorch holds each operator to twice what PyTorch's own float32 loses, or four roundings of the largest value where that
// happens to be less.
func TestAgreesWithPyTorch(t *testing.T) {
	raw, err := os.ReadFile("testdata/torch-golden.json")
	require.NoError(t, err)
	var file struct{ Cases []golden }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	for i, g := range file.Cases {
		t.Run(fmt.Sprintf("%d %s", i, g.Op), func(t *testing.T) {
			got := g.run()
			require.Equal(t, tensor.Shape(g.Y.Shape), got.Shape())
			largest := 0.0
			for _, v := range g.Y.Data {
				largest = max(largest, math.Abs(float64(v)))
			}
			near(t, tensor.Floats(got), g.Y.Data, max(2*g.Loss, 4*0x1p-24*largest))
		})
	}
}

// near fails unless every number lies within tol of its golden.
func near[F float32 | float64](t *testing.T, got []float32, want []F, tol float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		if diff := math.Abs(float64(got[i]) - float64(w)); !(diff <= tol) {
			t.Fatalf("element %d: got %v, want %v: off by %.3g, want ≤ %.3g", i, got[i], w, diff, tol)
		}
	}
}
