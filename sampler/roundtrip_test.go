package sampler

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// gaussian is the exact denoiser of data that is normal with the variances given: E[ε | x] = √(1-ᾱ)·x/(ᾱ·s² + 1-ᾱ).
type gaussian struct {
	schedule  *Schedule
	variances []float64
}

func (g gaussian) Predict(_ context.Context, x *tensor.Tensor, timestep int) (*tensor.Tensor, error) {
	a := float64(g.schedule.AlphasCumprod[timestep])
	eps := tensor.Clone(x)
	for i, v := range tensor.Floats(x) {
		tensor.Floats(eps)[i] = float32(math.Sqrt(1-a) * float64(v) / (a*g.variances[i] + 1 - a))
	}
	return eps, nil
}

// TestRoundTrip goes up to noise and down again with a denoiser that is exact, so that what is lost is the discretisation's. The data's
// variances are e^-.4 … e^.4, about 1 as those of scaled latents. The specification's figures, .027 .012 .005 aligned and .227 .126 .055
// ref017, are of data it does not describe.
func TestRoundTrip(t *testing.T) {
	const n = 21
	for _, c := range []struct {
		steps           int
		aligned, ref017 float64
	}{{10, .027, .227}, {20, .012, .126}, {50, .005, .055}} {
		lost := map[Levels]float64{}
		for _, levels := range []Levels{Aligned, Ref017} {
			d, err := New(StableDiffusion(), c.steps, levels)
			require.NoError(t, err)
			g := gaussian{d.Schedule(), make([]float64, n)}
			start := tensor.New(1, 1, n, 1)
			for i := range g.variances {
				g.variances[i] = math.Exp(.8*float64(i)/(n-1) - .4)
				tensor.Floats(start)[i] = float32(math.Sqrt(g.variances[i]))
			}
			lost[levels] = roundTrip(t, d, g, start)
		}
		t.Logf("S = %d: aligned %.4f, ref017 %.4f", c.steps, lost[Aligned], lost[Ref017])
		require.InEpsilon(t, c.aligned, lost[Aligned], .11) // .005 has one digit
		require.InEpsilon(t, c.ref017, lost[Ref017], .05)
		require.Greater(t, lost[Ref017], 8*lost[Aligned])
	}
}

// roundTrip returns the root mean square that x loses on the way from node 0 to S and back.
func roundTrip(t *testing.T, d *DDIM, model Denoiser, start *tensor.Tensor) float64 {
	x := start
	for k := range d.Steps() {
		eps, err := model.Predict(context.Background(), x, min(d.InvertTimestep(k), 999))
		require.NoError(t, err)
		x = d.Invert(x, eps, k)
	}
	for k := d.Steps(); k > 0; k-- {
		eps, err := model.Predict(context.Background(), x, d.Timestep(k))
		require.NoError(t, err)
		x = d.Step(x, eps, k, 0, nil)
	}
	sum, n := 0.0, 0
	for i, v := range tensor.Floats(tensor.Sub(x, start)) {
		sum, n = sum+float64(v)*float64(v), i+1
	}
	return math.Sqrt(sum / float64(n))
}
