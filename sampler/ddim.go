package sampler

import (
	"context"
	"fmt"

	"github.com/sowgen/sowgen/tensor"
)

// Denoiser predicts the noise in latents.
type Denoiser interface {
	// Predict returns the noise [n, h, w, c] in the latents x [n, h, w, c] at a training timestep.
	Predict(ctx context.Context, x *tensor.Tensor, timestep int) (eps *tensor.Tensor, err error)
}

// DDIM walks between nodes k = 0 … S. It holds no state: every method says what happens at the node it is given.
type DDIM struct {
	schedule *Schedule
	steps    int
	ratio    int // training timesteps per step
	offset   int
	levels   Levels
}

// Levels is what inversion takes for the level ᾱ of node k.
type Levels string

const (
	// Aligned is the level that sampling assumes: ᾱ of the timestep at which node k is left for k-1. What inversion puts in, sampling
	// takes out.
	Aligned Levels = "aligned"
	// Ref017 is ᾱ of the timestep one further on: what COW's published code ran, as the inverse scheduler of diffusers 0.17 was one node
	// off its own sampler.
	Ref017 Levels = "ref017"
)

// New returns the sampler of cfg for a number of steps, 1 … the number of training timesteps.
func New(cfg Config, steps int, levels Levels) (*DDIM, error) {
	schedule, err := NewSchedule(cfg)
	if err != nil {
		return nil, fmt.Errorf("sampler: config: %w", err)
	}
	train := cfg.NumTrainTimesteps
	if steps < 1 || steps > train {
		return nil, fmt.Errorf("sampler: %d steps, want 1 … %d", steps, train)
	}
	d := &DDIM{schedule: schedule, steps: steps, ratio: train / steps, offset: cfg.StepsOffset, levels: levels}
	if last := d.Timestep(steps); last >= train {
		return nil, fmt.Errorf("sampler: %d steps with steps_offset %d end at timestep %d, want below %d: take fewer steps", steps, d.offset, last, train)
	}
	if levels != Aligned && levels != Ref017 {
		return nil, fmt.Errorf("sampler: levels %q, want %s or %s", levels, Aligned, Ref017)
	}
	return d, nil
}

// Steps returns S, the node of pure noise.
func (d *DDIM) Steps() int { return d.steps }

// Schedule returns the schedule under d.
func (d *DDIM) Schedule() *Schedule { return d.schedule }

// Timestep returns the training timestep at which the denoiser is asked on the way from node k to k-1, for k = 1 … S: leading spacing.
func (d *DDIM) Timestep(k int) int { return (k-1)*d.ratio + d.offset }

// sampled returns the level ᾱ of node k that sampling assumes.
func (d *DDIM) sampled(k int) float32 {
	if k == 0 {
		return d.schedule.final
	}
	return d.schedule.AlphasCumprod[d.Timestep(k)]
}

// Step returns the latents at node k-1 given those at node k and the noise in them (eq. 12). eta scales the fresh noise, from 0,
// deterministic, to 1, as DDPM (eq. 16); exactly if eta > 0 one draw is taken from noise.
func (d *DDIM) Step(x, eps *tensor.Tensor, k int, eta float32, noise *Noise) *tensor.Tensor {
	d.wantNode("Step", k, 1, d.steps, x, eps)
	at, to := d.sampled(k), d.sampled(k-1)
	sigma := eta * sqrt((1-to)/(1-at)*(1-at/to))
	direction := tensor.Scale(eps, sqrt(max(1-to-sigma*sigma, 0)))
	prev := tensor.Add(tensor.Scale(d.Clean(x, eps, k), sqrt(to)), direction)
	if eta > 0 {
		s := x.Shape()
		prev = tensor.Axpby(1, prev, sigma, noise.Latents(s[0], s[1], s[2], s[3]))
	}
	return prev
}

// Clean returns the clean latents that eps at node k predicts: x0, the first bracket of eq. 12.
func (d *DDIM) Clean(x, eps *tensor.Tensor, k int) *tensor.Tensor {
	d.wantNode("Clean", k, 1, d.steps, x, eps)
	return predictX0(x, eps, d.sampled(k))
}

func predictX0(x, eps *tensor.Tensor, level float32) *tensor.Tensor {
	return tensor.Div(tensor.Axpby(1, x, -sqrt(1-level), eps), tensor.FromSlice([]float32{sqrt(level)}, 1))
}

// wantNode panics with a *tensor.Error unless from ≤ k ≤ upto and the tensors have one shape [n, h, w, c].
func (d *DDIM) wantNode(op string, k, from, upto int, ts ...*tensor.Tensor) {
	e := &tensor.Error{Op: "sampler." + op}
	for _, t := range ts {
		e.Shapes = append(e.Shapes, t.Shape())
	}
	if k < from || k > upto {
		e.Reason = fmt.Sprintf("node %d, want %d … %d", k, from, upto)
		panic(e)
	}
	for _, s := range e.Shapes {
		if len(s) != 4 || !s.Eq(e.Shapes[0]) {
			e.Reason = "want latents of one shape [n, h, w, c]"
			panic(e)
		}
	}
}
