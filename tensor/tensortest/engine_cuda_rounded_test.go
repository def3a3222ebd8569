//go:build cuda

package tensortest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels/cuda"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// TestRoundedOnceOnAGPU: what several products read in a row is rounded once, and what a norm makes in the same pass; and again as soon as it may have
// changed. The bytes are those that each would make by itself.
func TestRoundedOnceOnAGPU(t *testing.T) {
	for _, p := range []tensor.Precision{tensor.F16, tensor.Mixed} {
		e := tensortest.DeviceIn(t, p).(*tensor.CUDA)
		for _, c := range []int{8, 12} { // 12 do not fill 16 bytes
			numbers := make([]float32, 9*c*c)
			for i := range numbers {
				numbers[i] = float32(i%17)/16 - 0.4
			}
			on := func(n int, shape ...int) *tensor.Tensor { return tensor.To(e, tensor.FromSlice(numbers[:n], shape...)) }
			linear, conv := tensor.PackLinear(on(c*c, c, c)), tensor.PackConv(on(9*c*c, c, c, 3, 3))
			x, tokens := on(4*c, 1, 2, 2, c), on(3*c, 3, c)
			read := func(y *tensor.Tensor) []float32 { return tensor.Floats(tensor.To(tensor.CPU{}, y)) }
			alone := func(x *tensor.Tensor) *tensor.Tensor {
				return tensor.Linear(tensor.To(e, tensor.To(tensor.CPU{}, x)), linear, tensor.Epilogue{})
			}

			roundings := 0
			require.NoError(t, e.Watch(func(l cuda.Launch) {
				if strings.HasPrefix(l.Kernel, "f32_to_") {
					roundings++
				}
			}))
			since := func() (n int) {
				require.NoError(t, e.Watch(nil)) // waits for what was asked
				n, roundings = roundings, 0
				require.NoError(t, e.Watch(func(l cuda.Launch) {
					if strings.HasPrefix(l.Kernel, "f32_to_") {
						roundings++
					}
				}))
				return n
			}
			normed := tensor.LayerNorm(tokens, nil, nil, 1e-5)
			q := tensor.Linear(normed, linear, tensor.Epilogue{})
			k := tensor.Linear(normed, linear, tensor.Epilogue{Act: tensor.ActSiLU})
			again := tensor.Linear(tensor.Reshape(normed, 1, 3, c), linear, tensor.Epilogue{})
			if c == 8 {
				require.Equal(t, 0, since())
			} else {
				require.Equal(t, 1, since())
			}
			tensor.Linear(q, linear, tensor.Epilogue{})
			tensor.Linear(q, linear, tensor.Epilogue{})
			require.Equal(t, 1, since())
			e.Unary(tensor.OpSiLU, q, q, 0, 0)
			changed := tensor.Linear(q, linear, tensor.Epilogue{})
			require.Equal(t, 1, since())
			require.NoError(t, e.Memcpy(q, tensor.FromSlice(numbers[c:4*c], 3, c)))
			copied := tensor.Linear(q, linear, tensor.Epilogue{})
			require.Equal(t, 1, since())
			e.Memclr(q)
			cleared := tensor.Linear(q, linear, tensor.Epilogue{})
			require.Equal(t, 1, since())
			picture := tensor.GroupNormSiLU(x, nil, nil, 2, 1e-5)
			convolved := tensor.Conv2D(picture, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
			if c == 8 {
				require.Equal(t, 0, since())
			} else {
				require.Equal(t, 1, since())
			}
			norm := tensor.Norm{Groups: 2, Eps: 1e-5}
			atOnce := tensor.NormConv2D(x, norm, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
			stride := tensor.NormConv2D(x, norm, conv, tensor.Epilogue{}, 2, tensor.Pad(1))
			if c == 8 {
				require.Equal(t, 0, since())
			} else {
				require.Equal(t, 2, since())
			}
			gated, bias, residual := tensor.PackGated(on(2*c*c, 2*c, c)), on(2*c, 2*c), on(3*c, 3, c)
			fed := tensor.FeedForward(tokens, gated, bias, linear, tensor.Epilogue{Bias: on(c, c), Residual: residual})
			row := tensor.FeedForward(on(c, 1, c), gated, bias, linear, tensor.Epilogue{})
			if c == 8 {
				require.Equal(t, 2, since(), "the tokens, and the row for its first layer")
			} else {
				require.Equal(t, 3, since())
			}
			require.NoError(t, e.Watch(nil))

			middle := tensor.Linear(tokens, gated, tensor.Epilogue{Bias: bias})
			require.Equal(t, read(tensor.Linear(middle, linear, tensor.Epilogue{Bias: on(c, c), Residual: residual})), read(fed))
			require.Equal(t, read(tensor.Linear(tensor.Linear(on(c, 1, c), gated, tensor.Epilogue{Bias: bias}), linear, tensor.Epilogue{})), read(row))
			require.Equal(t, read(convolved), read(atOnce))
			require.Equal(t, read(tensor.Conv2D(picture, conv, tensor.Epilogue{}, 2, tensor.Pad(1))), read(stride))
			require.Equal(t, read(alone(normed)), read(again))
			require.Equal(t, read(tensor.SiLU(alone(normed))), read(k))
			require.Equal(t, read(alone(tensor.SiLU(again))), read(changed))
			require.Equal(t, read(alone(on(4*c, 4, c)))[c:], read(copied))
			require.Equal(t, make([]float32, 3*c), read(cleared))
			require.Equal(t, read(tensor.Conv2D(tensor.To(e, tensor.To(tensor.CPU{}, picture)), conv, tensor.Epilogue{}, 1, tensor.Pad(1))), read(convolved))
		}
	}
}
