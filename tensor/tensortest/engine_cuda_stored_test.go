//go:build cuda

package tensortest_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// stored are the numbers of x as a file keeps them in a format.
func stored(x []float32, f kernels.Format) kernels.Stored {
	half := make([]uint16, len(x))
	switch f {
	case kernels.F16:
		kernels.F32ToF16(half, x)
	case kernels.BF16:
		kernels.F32ToBF16(half, x)
	}
	return kernels.Stored{Format: f,
		F32:  func(dst []float32, first int) error { copy(dst, x[first:]); return nil },
		Half: func(dst []uint16, first int) error { copy(dst, half[first:]); return nil },
	}
}

// TestStoredOnAGPU: what goes to the device as it is stored makes the same bytes as what is widened on the host before.
func TestStoredOnAGPU(t *testing.T) {
	for _, p := range []tensor.Precision{tensor.F32, tensor.F16, tensor.Mixed} {
		e := tensortest.DeviceIn(t, p).(*tensor.CUDA)
		for _, f := range []kernels.Format{kernels.F32, kernels.F16, kernels.BF16} {
			t.Run(fmt.Sprint(p, f), func(t *testing.T) {
				const in, out = 5, 6
				x := make([]float32, out*in*9)
				for i := range x {
					x[i] = 1 / (float32(i) - 100.5)
				}
				w := stored(x, f)
				wide := make([]float32, len(x))
				require.NoError(t, w.Read(wide))
				parameter := func(shape ...int) *tensor.Tensor {
					n := 1
					for _, d := range shape {
						n *= d
					}
					return tensor.To(e, tensor.FromSlice(wide[:n], shape...))
				}

				read, err := tensor.Read(e, w, out, in, 3, 3)
				require.NoError(t, err)
				require.Equal(t, wide, tensor.Floats(tensor.To(tensor.CPU{}, read)))

				tokens, picture := tensor.To(e, tensor.Full(0.5, 2, in)), tensor.To(e, tensor.Full(0.5, 1, 4, 4, in))
				linear, err := tensor.ReadWeight(e, w, out, in)
				require.NoError(t, err)
				gated, err := tensor.ReadGated(e, w, out/2, in)
				require.NoError(t, err)
				conv, err := tensor.ReadWeight(e, w, out, in, 3, 3)
				require.NoError(t, err)
				same := func(want, got *tensor.Tensor) {
					require.Equal(t, tensor.Floats(tensor.To(tensor.CPU{}, want)), tensor.Floats(tensor.To(tensor.CPU{}, got)))
				}
				same(tensor.Linear(tokens, tensor.PackLinear(parameter(out, in)), tensor.Epilogue{}), tensor.Linear(tokens, linear, tensor.Epilogue{}))
				same(tensor.Linear(tokens, tensor.PackGated(parameter(out, in)), tensor.Epilogue{}), tensor.Linear(tokens, gated, tensor.Epilogue{}))
				same(tensor.Conv2D(picture, tensor.PackConv(parameter(out, in, 3, 3)), tensor.Epilogue{}, 1, tensor.Pad(1)),
					tensor.Conv2D(picture, conv, tensor.Epilogue{}, 1, tensor.Pad(1)))

				unreadable := errors.New("unreadable")
				w.F32 = func([]float32, int) error { return unreadable }
				w.Half = func([]uint16, int) error { return unreadable }
				_, err = tensor.Read(e, w, out)
				require.ErrorIs(t, err, unreadable)
				_, err = tensor.ReadWeight(e, w, out, in)
				require.ErrorIs(t, err, unreadable)
			})
		}
	}
}
