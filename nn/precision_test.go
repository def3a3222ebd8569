package nn

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// TestMixedLosesLessThanPyTorch holds every layer in tensor.Mixed to twice what PyTorch loses with all of it in bfloat16
// (testdata/precision.json, made by sow/testdata/gen_precision_golden.py): the root of the mean square of the difference to the float64 truth
// over its standard deviation.
func TestMixedLosesLessThanPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/precision.json")
	require.NoError(t, err)
	var torch map[string]float64
	require.NoError(t, json.Unmarshal(data, &torch))
	src, e := goldens(t), tensor.CPU{Precision: tensor.Mixed}
	layers := map[string]func(s *weights.Scope, x, extra *tensor.Tensor) *tensor.Tensor{
		"linear": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor {
			return LoadLinear(s, 24, 40, true).Forward(x)
		},
		"conv3x3": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor { return LoadConv3x3(s, 12, 20).Forward(x) },
		"conv1x1": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor { return LoadConv1x1(s, 12, 20).Forward(x) },
		"timestep_embedding": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor {
			return LoadTimestepEmbedding(s, 16, 64).Forward(x)
		},
		"feed_forward": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor {
			return LoadFeedForward(s, 24).Forward(x, nil)
		},
		"attention": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor {
			return LoadAttention(s, 32, 32, 4, false).Self(x, nil, tensor.AttnParams{})
		},
		"attention_bias": func(s *weights.Scope, x, _ *tensor.Tensor) *tensor.Tensor {
			return LoadAttention(s, 32, 32, 1, true).Self(x, nil, tensor.AttnParams{})
		},
		"cross_attention": func(s *weights.Scope, x, context *tensor.Tensor) *tensor.Tensor {
			return LoadAttention(s, 32, 24, 4, false).Cross(x, context, nil)
		},
		"resnet": func(s *weights.Scope, x, temb *tensor.Tensor) *tensor.Tensor {
			return LoadResnetBlock(s, 16, 32, 64, 8, 1e-5).Forward(x, tensor.SiLU(temb))
		},
	}
	require.Len(t, torch, len(layers))
	for name, forward := range layers {
		t.Run(name, func(t *testing.T) {
			s := weights.NewScope(weights.On(e, weights.Rename(src, func(full string) string { return strings.TrimPrefix(full, name+"/w/") })))
			var extra *tensor.Tensor
			if input := map[string]string{"cross_attention": "context", "resnet": "temb"}[name]; input != "" {
				extra = tensor.To(e, read(t, src, name+"/"+input))
			}
			got := first(forward(s, tensor.To(e, last(read(t, src, name+"/x"))), extra))
			loss := lossOf(tensor.Floats(got), tensor.Floats(read(t, src, name+"/y64")))
			t.Logf("loses %.2g, PyTorch's bfloat16 %.2g", loss, torch[name])
			if !(loss <= 2*torch[name]) {
				t.Errorf("want at most twice PyTorch's")
			}
		})
	}
}

// lossOf is the root of the mean square of got - want over the standard deviation of want.
func lossOf(got, want []float32) float64 {
	var mean, squares, off float64
	for _, v := range want {
		mean += float64(v) / float64(len(want))
	}
	for i, v := range want {
		squares += (float64(v) - mean) * (float64(v) - mean)
		off += (float64(got[i]) - float64(v)) * (float64(got[i]) - float64(v))
	}
	return math.Sqrt(off / squares)
}
