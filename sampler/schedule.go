package sampler

import (
	"math"

	"github.com/sowgen/sowgen/tensor"
)

// Schedule is how much noise there is at each training timestep.
type Schedule struct {
	AlphasCumprod []float32 // ᾱ_t for t = 0 … T-1
	final         float32   // ᾱ of the clean picture
	prediction    Prediction
}

// NewSchedule computes ᾱ as diffusers does, rounding to float32 where torch rounds.
func NewSchedule(cfg Config) (*Schedule, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	start, end := cfg.BetaStart, cfg.BetaEnd
	if cfg.BetaSchedule == "scaled_linear" {
		start, end = math.Sqrt(start), math.Sqrt(end)
	}
	s := &Schedule{prediction: cfg.PredictionType}
	product := 1.0 // torch accumulates in double and stores floats
	for _, beta := range linspace(float32(start), float32(end), cfg.NumTrainTimesteps) {
		if cfg.BetaSchedule == "scaled_linear" {
			beta *= beta
		}
		product *= float64(1 - beta)
		s.AlphasCumprod = append(s.AlphasCumprod, float32(product))
	}
	s.final = s.AlphasCumprod[0]
	if cfg.SetAlphaToOne {
		s.final = 1
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
			x[i] = start + step*float32(i)
		} else {
			x[i] = end - step*float32(n-1-i)
		}
	}
	return x
}

// Eps returns the noise that a network's output at a timestep means for the latents x.
func (s *Schedule) Eps(output, x *tensor.Tensor, timestep int) *tensor.Tensor {
	if s.prediction == Epsilon {
		return output
	}
	a := s.AlphasCumprod[timestep]
	return tensor.Axpby(sqrt(a), output, sqrt(1-a), x)
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
