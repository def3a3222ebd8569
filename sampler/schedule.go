package sampler

import (
	"fmt"
	"math"

	"github.com/sowgen/sowgen/tensor"
)

// Schedule is how much of the picture is left at each timestep t: x_t = √ᾱ_t·x0 + √(1-ᾱ_t)·ε (Ho et al., arXiv 2006.11239, equation 4).
type Schedule struct {
	AlphasCumprod []float32 // ᾱ_t, falling from almost 1
	vPrediction   bool
}

// NewSchedule returns the schedule of c, the numbers PyTorch computes in float32 bit for bit.
func NewSchedule(c Config) (*Schedule, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("sampler: %w", err)
	}
	s := &Schedule{AlphasCumprod: make([]float32, c.NumTrainTimesteps), vPrediction: c.PredictionType == "v_prediction"}
	var betas []float32
	if c.BetaSchedule == "linear" {
		betas = linspace(float32(c.BetaStart), float32(c.BetaEnd), c.NumTrainTimesteps)
	} else {
		betas = linspace(float32(math.Sqrt(c.BetaStart)), float32(math.Sqrt(c.BetaEnd)), c.NumTrainTimesteps)
		for t, b := range betas {
			betas[t] = b * b
		}
	}
	product := 1.0 // torch.cumprod keeps it in float64
	for t, b := range betas {
		product *= float64(1 - b)
		s.AlphasCumprod[t] = float32(product)
	}
	return s, nil
}

// linspace is torch.linspace in float32: from both ends towards the middle.
func linspace(start, end float32, n int) []float32 {
	x := make([]float32, n)
	if n == 1 {
		x[0] = start
		return x
	}
	step := (end - start) / float32(n-1)
	for i := range x {
		if i < n/2 {
			x[i] = fma32(step, float32(i), start)
		} else {
			x[i] = fma32(-step, float32(n-1-i), end)
		}
	}
	return x
}

// Eps turns a model's output for latents x at timestep into the noise it means, all [n, h, w, c]: the output itself for epsilon,
// √ᾱ·v + √(1-ᾱ)·x for v_prediction (Salimans and Ho, arXiv 2202.00512, appendix D). The coefficients do not depend on the prompt and those
// of guidance add up to 1, so guidance may come before or after.
//
// ᾱ is that of the timestep the model was asked at, also on the way up, where x is a node below it. diffusers' DDIMInverseScheduler reads v at
// the level of x there; on a model that is exact that makes the way up and down again eight times worse (.230 instead of .027 at S = 10).
func (s *Schedule) Eps(output, x *tensor.Tensor, timestep int) *tensor.Tensor {
	wantSame("Schedule.Eps", output, x)
	if timestep < 0 || timestep >= len(s.AlphasCumprod) {
		fail("Schedule.Eps", fmt.Sprintf("timestep %d: want 0 to %d", timestep, len(s.AlphasCumprod)-1), x)
	}
	if !s.vPrediction {
		return output
	}
	return epsFromV(output, x, s.AlphasCumprod[timestep])
}

func epsFromV(v, x *tensor.Tensor, alpha float32) *tensor.Tensor {
	return tensor.Axpby(sqrt32(alpha), v, sqrt32(1-alpha), x)
}
