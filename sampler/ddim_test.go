package sampler

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// TestScheduleIsTorchs holds ᾱ equal to PyTorch's bit for bit.
func TestScheduleIsTorchs(t *testing.T) {
	var golden []struct {
		Schedule      string
		BetaStart     float64 `json:"beta_start"`
		BetaEnd       float64 `json:"beta_end"`
		Timesteps     int
		AlphasCumprod floats `json:"alphas_cumprod"`
	}
	readGolden(t, "schedule.json", &golden)
	for _, g := range golden {
		c := StableDiffusion()
		c.BetaSchedule, c.BetaStart, c.BetaEnd, c.NumTrainTimesteps, c.StepsOffset = g.Schedule, g.BetaStart, g.BetaEnd, g.Timesteps, 0
		s, err := NewSchedule(c)
		require.NoError(t, err)
		require.Equal(t, []float32(g.AlphasCumprod), s.AlphasCumprod, "%s, %d timesteps", g.Schedule, g.Timesteps)
	}
}

// standIn is the model of gen_golden.py: x·(¼ + t/1600) + 1/16.
type standIn struct{}

func (standIn) Predict(_ context.Context, x *tensor.Tensor, timestep int) (*tensor.Tensor, error) {
	return tensor.Add(tensor.Scale(x, float32(.25+float64(timestep)/1600)), tensor.Full(.0625, 1)), nil // in PyTorch's two roundings
}

// TestLoopsAreDiffusers walks from noise to picture and back as diffusers does. The tolerance is twice what PyTorch's own float32 loses
// on the same walk.
func TestLoopsAreDiffusers(t *testing.T) {
	var golden []struct {
		Kind, Schedule, Prediction string
		AlphaToOne                 bool `json:"alpha_to_one"`
		Offset, Steps              int
		Eta                        float32
		Latents                    floats
		Loss                       float64
	}
	readGolden(t, "loops.json", &golden)
	for _, g := range golden {
		t.Run(fmt.Sprintf("%s/%s/%s/one=%v/offset=%d/steps=%d/eta=%v", g.Kind, g.Schedule, g.Prediction, g.AlphaToOne, g.Offset, g.Steps, g.Eta), func(t *testing.T) {
			c := StableDiffusion()
			c.BetaSchedule, c.PredictionType, c.SetAlphaToOne, c.StepsOffset = g.Schedule, g.Prediction, g.AlphaToOne, g.Offset
			if g.Schedule == "linear" {
				c.BetaStart, c.BetaEnd = .0001, .02
			}
			levels := Aligned
			if g.Kind != "sample" {
				levels = Levels(g.Kind)
			}
			d, err := New(c, g.Steps, levels)
			require.NoError(t, err)

			x := NewNoise(1).Latents(2, 2, 4, 3)
			predict := func(timestep int) *tensor.Tensor {
				out, err := standIn{}.Predict(context.Background(), x, timestep)
				require.NoError(t, err)
				return out
			}
			if g.Kind == "sample" {
				noise := NewNoise(7)
				for k := g.Steps; k > 0; k-- {
					eps := d.Schedule().Eps(predict(d.Timestep(k)), x, d.Timestep(k))
					x = d.Step(x, eps, k, g.Eta, noise)
				}
			} else {
				for k := range g.Steps {
					eps := predict(d.InvertTimestep(k))
					if g.Prediction == "v_prediction" {
						// These schedulers read v at the level of the node, not of the timestep the model is asked at.
						eps = epsFromV(eps, x, d.Level(k))
					}
					x = d.Invert(x, eps, k)
				}
			}
			requireClose(t, g.Latents, tensor.Floats(tensor.ToChannelsFirst(x)), 2*g.Loss)
		})
	}
}

func requireClose(t testing.TB, want, got []float32, tol float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		diff := math.Abs(float64(got[i]) - float64(want[i]))
		if !(diff <= tol) {
			t.Fatalf("element %d: got %v, want %v: off by %.2g, want ≤ %.2g", i, got[i], want[i], diff, tol)
		}
	}
}
