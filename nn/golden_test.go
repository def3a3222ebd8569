package nn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// goldens are testdata/layers.safetensors, made by testdata/gen_golden.py.
func goldens(t *testing.T) weights.Source {
	t.Helper()
	src, err := weights.OpenFile("testdata/layers.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	return src
}

func read(t *testing.T, src weights.Source, name string) *tensor.Tensor {
	t.Helper()
	x, err := src.Tensor(name)
	require.NoError(t, err)
	return x
}

// last and first change the layout of pictures to ours and back; other tensors pass.
func last(x *tensor.Tensor) *tensor.Tensor {
	if x.Dims() == 4 {
		return tensor.ToChannelsLast(x)
	}
	return x
}

func first(x *tensor.Tensor) *tensor.Tensor {
	if x.Dims() == 4 {
		return tensor.ToChannelsFirst(x)
	}
	return x
}

// TestLayersAgreeWithPyTorch holds every layer to twice what PyTorch's own float32 loses against float64.
func TestLayersAgreeWithPyTorch(t *testing.T) {
	src := goldens(t)
	type forward = func(*tensor.Tensor) *tensor.Tensor
	layers := map[string]func(s *weights.Scope) forward{
		"linear":     func(s *weights.Scope) forward { return LoadLinear(s, 24, 40, true).Forward },
		"conv3x3":    func(s *weights.Scope) forward { return LoadConv3x3(s, 12, 20).Forward },
		"conv1x1":    func(s *weights.Scope) forward { return LoadConv1x1(s, 12, 20).Forward },
		"group_norm": func(s *weights.Scope) forward { return LoadGroupNorm(s, 16, 4, 1e-5).Forward },
		"layer_norm": func(s *weights.Scope) forward { return LoadLayerNorm(s, 24, 1e-5).Forward },
		"embedding": func(s *weights.Scope) forward {
			return func(*tensor.Tensor) *tensor.Tensor { return LoadEmbedding(s, 11, 6).Forward([]int32{0, 10, 3, 3}) }
		},
		"timestep_embedding": func(s *weights.Scope) forward { return LoadTimestepEmbedding(s, 16, 64).Forward },
		"attention": func(s *weights.Scope) forward {
			a := LoadAttention(s, 32, 32, 4, false)
			return func(x *tensor.Tensor) *tensor.Tensor { return a.Self(x, nil, tensor.AttnParams{}) }
		},
		"attention_bias": func(s *weights.Scope) forward {
			a := LoadAttention(s, 32, 32, 1, true)
			return func(x *tensor.Tensor) *tensor.Tensor { return a.Self(x, nil, tensor.AttnParams{}) }
		},
		"cross_attention": func(s *weights.Scope) forward {
			a := LoadAttention(s, 32, 24, 4, false)
			return func(x *tensor.Tensor) *tensor.Tensor { return a.Cross(x, read(t, src, "cross_attention/context"), nil) }
		},
		"feed_forward": func(s *weights.Scope) forward {
			f := LoadFeedForward(s, 24)
			return func(x *tensor.Tensor) *tensor.Tensor { return f.Forward(x, nil) }
		},
		"resnet": func(s *weights.Scope) forward {
			b := LoadResnetBlock(s, 16, 32, 64, 8, 1e-5)
			return func(x *tensor.Tensor) *tensor.Tensor { return b.Forward(x, tensor.SiLU(read(t, src, "resnet/temb"))) }
		},
		"resnet_no_time": func(s *weights.Scope) forward {
			b := LoadResnetBlock(s, 16, 16, 0, 8, 1e-6)
			return func(x *tensor.Tensor) *tensor.Tensor { return b.Forward(x, nil) }
		},
		"downsample": func(s *weights.Scope) forward { return LoadDownsample(s, 8, tensor.Pad(1)).Forward },
		"downsample_vae": func(s *weights.Scope) forward {
			return LoadDownsample(s, 8, tensor.Padding{Bottom: 1, Right: 1}).Forward
		},
		"upsample": func(s *weights.Scope) forward {
			u := LoadUpsample(s, 8)
			return func(x *tensor.Tensor) *tensor.Tensor { return u.Forward(x, 8, 6) }
		},
		"upsample_odd": func(s *weights.Scope) forward {
			u := LoadUpsample(s, 8)
			return func(x *tensor.Tensor) *tensor.Tensor { return u.Forward(x, 7, 5) }
		},
	}
	for _, name := range src.Names() {
		layer, _, _ := strings.Cut(name, "/")
		if layer != "timesteps" {
			require.Contains(t, layers, layer, "a golden that no test reads")
		}
	}
	for name, load := range layers {
		t.Run(name, func(t *testing.T) {
			s := weights.NewScope(weights.Rename(src, func(full string) string { return strings.TrimPrefix(full, name+"/w/") }))
			run := load(s)
			var x *tensor.Tensor
			if name != "embedding" { // whose input is ids
				x = last(read(t, src, name+"/x"))
			}
			got := first(run(x))
			closer(t, got, read(t, src, name+"/y"), read(t, src, name+"/y64"))
		})
	}
}

func TestTimestepsAgreeWithDiffusers(t *testing.T) {
	src := goldens(t)
	for _, step := range []int{1, 501, 981} {
		for shift, flip := range []bool{true, false} {
			want := read(t, src, fmt.Sprintf("timesteps/%d/%d/%d", step, 1-shift, shift))
			got := Timesteps(float32(step), 32, flip, float32(shift))
			// PyTorch rounds the angle to float32 before the sine; one ulp of an angle of 981 is 6e-5.
			within(t, got, want, 1.3e-4)
		}
	}
}

// closer fails unless got is as near to the float64 truth as twice PyTorch's float32 answer is, or as four roundings of the largest value.
func closer(t *testing.T, got, torch, truth *tensor.Tensor) {
	t.Helper()
	loss, largest := 0.0, 0.0
	y, y64 := tensor.Floats(torch), tensor.Floats(truth)
	for i := range y {
		loss = max(loss, abs(float64(y[i])-float64(y64[i])))
		largest = max(largest, abs(float64(y64[i])))
	}
	const eps = 1.0 / (1 << 23)
	within(t, got, truth, max(2*loss, 4*eps*largest))
}

func within(t *testing.T, got, want *tensor.Tensor, tol float64) {
	t.Helper()
	require.Equal(t, []int(want.Shape()), []int(got.Shape()))
	g, w := tensor.Floats(got), tensor.Floats(want)
	for i := range w {
		if diff := abs(float64(g[i]) - float64(w[i])); !(diff <= tol) {
			t.Fatalf("element %d: got %v, want %v, differs by %.3g > %.3g", i, g[i], w[i], diff, tol)
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }
