//go:build cuda

package tensor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBandsOnAGPU: convolutions in bands give the bytes that they give of the whole, in place too.
func TestBandsOnAGPU(t *testing.T) {
	e, err := OpenCUDA(0, F32)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	random := func(seed uint64, shape ...int) *Tensor {
		r := rand.New(rand.NewPCG(seed, 1))
		x := New(shape...)
		for i := range Floats(x) {
			Floats(x)[i] = float32(r.NormFloat64())
		}
		return To(e, x)
	}
	x, w := random(1, 2, 26, 9, 6), PackConv(random(2, 6, 6, 3, 3))
	norm, bias := Norm{Gamma: random(3, 6), Groups: 2, Eps: 1e-5}, random(4, 6)
	run := func(band int) (all [][]float32) {
		e.band = band
		arena := Borrow(e)
		defer arena.Return()
		x := arena.Enter(x)
		y := NormConv2D(x, norm, w, Epilogue{Bias: bias}, 1, Pad(1))
		all = append(all, Floats(y))
		y = NormConv2D(Spend(y), norm, w, Epilogue{Residual: x}, 1, Pad(1))
		all = append(all, Floats(y), Floats(UpsampleConv2D(y, 52, 17, w, Epilogue{Act: ActSiLU}, 1, Pad(1))))
		return append(all, Floats(NormConv2D(y, norm, w, Epilogue{}, 2, Padding{Bottom: 1, Right: 1})))
	}
	require.Equal(t, run(cudaBand), run(1))
	require.Equal(t, run(cudaBand), run(300))
}
