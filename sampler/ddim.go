package sampler

import (
	"fmt"

	"github.com/sowgen/sowgen/tensor"
)

// DDIM walks between the nodes k = 0 (clean) … S (noise) of a schedule. It has no state and is safe for concurrent use.
//
// The timesteps are spaced "leading": t_i = i·⌊T/S⌋ + steps_offset, T training timesteps. Sampling takes node k to have the noise of
// timestep t_{k-1}, and node 0 that of timestep 0, or none with set_alpha_to_one.
type DDIM struct {
	schedule      *Schedule
	steps         int
	ratio, offset int
	alphaToOne    bool
	levels        Levels
}

// New returns the walk over c's schedule in the given number of steps: 1 to num_train_timesteps, and few enough that the last timestep
// exists. levels says what noise [DDIM.Invert] and [DDIM.Diffuse] take a node to have.
func New(c Config, steps int, levels Levels) (*DDIM, error) {
	schedule, err := NewSchedule(c)
	if err != nil {
		return nil, err
	}
	if levels != Aligned && levels != Ref017 {
		return nil, fmt.Errorf("sampler: levels %q: want %s or %s", levels, Aligned, Ref017)
	}
	if steps < 1 || steps > c.NumTrainTimesteps {
		return nil, fmt.Errorf("sampler: %d steps: want 1 to %d", steps, c.NumTrainTimesteps)
	}
	d := &DDIM{schedule, steps, c.NumTrainTimesteps / steps, c.StepsOffset, c.SetAlphaToOne, levels}
	if last := d.timestep(steps - 1); last >= c.NumTrainTimesteps {
		return nil, fmt.Errorf("sampler: %d steps: with steps_offset %d the last one is at timestep %d of %d: take fewer", steps, c.StepsOffset, last, c.NumTrainTimesteps)
	}
	return d, nil
}

// Steps returns S, the number of steps and the node of pure noise.
func (d *DDIM) Steps() int { return d.steps }

// Schedule returns the schedule underneath.
func (d *DDIM) Schedule() *Schedule { return d.schedule }

// Timestep returns t_{k-1}, what the model is asked at for the step from node k = 1 … S to k-1.
func (d *DDIM) Timestep(k int) int {
	d.wantNode("DDIM.Timestep", k, 1, d.steps)
	return d.timestep(k - 1)
}

func (d *DDIM) timestep(i int) int { return i*d.ratio + d.offset }

// alpha is ᾱ at node k as sampling takes it.
func (d *DDIM) alpha(k int) float32 {
	switch t := d.timestep(k - 1); {
	case t >= 0:
		return d.schedule.AlphasCumprod[t]
	case d.alphaToOne:
		return 1
	default:
		return d.schedule.AlphasCumprod[0]
	}
}

// Step takes the latents x at node k = 1 … S and the noise eps in them to node k-1 (equation 12). eta, 0 to 1, is how much of the noise is
// drawn afresh (equation 16): none at 0, which is DDIM proper, all at 1, which is DDPM. One draw is made of noise if and only if eta > 0.
func (d *DDIM) Step(x, eps *tensor.Tensor, k int, eta float32, noise *Noise) *tensor.Tensor {
	wantSame("DDIM.Step", x, eps)
	if !(eta >= 0 && eta <= 1) {
		fail("DDIM.Step", fmt.Sprintf("eta %v: want 0 to 1", eta), x)
	}
	if eta == 0 {
		return d.step(x, eps, k, 0, nil)
	}
	if noise == nil {
		fail("DDIM.Step", fmt.Sprintf("eta %v wants a noise source, got nil", eta), x)
	}
	s := x.Shape()
	return d.step(x, eps, k, eta, noise.Latents(s[0], s[1], s[2], s[3]))
}

// step is Step with the noise n itself.
func (d *DDIM) step(x, eps *tensor.Tensor, k int, eta float32, n *tensor.Tensor) *tensor.Tensor {
	x0 := d.Clean(x, eps, k)
	a, next := d.alpha(k), d.alpha(k-1)
	// (16) σ = η·√((1-ᾱ_{k-1})/(1-ᾱ_k))·√(1-ᾱ_k/ᾱ_{k-1})
	sigma := eta * sqrt32((1-next)/(1-a)*(1-a/next))
	// (12) x_{k-1} = √ᾱ_{k-1}·x0 + √(1-ᾱ_{k-1}-σ²)·ε + σ·n
	x = tensor.Axpby(sqrt32(next), x0, sqrt32(max(1-next-float32(sigma*sigma), 0)), eps) // rounding may leave -1e-8 under the root at η = 1
	if eta > 0 {
		x = tensor.Axpby(1, x, sigma, n)
	}
	return x
}

// Clean returns the picture that x at node k = 1 … S is on the way to, if eps is the noise in it: "predicted x0" of equation 12, good for
// a preview.
func (d *DDIM) Clean(x, eps *tensor.Tensor, k int) *tensor.Tensor {
	wantSame("DDIM.Clean", x, eps)
	d.wantNode("DDIM.Clean", k, 1, d.steps)
	return predictX0(x, eps, d.alpha(k))
}

// Noised returns the clean latents x0 as they are at node k = 1 … S, eps being the noise in them (equation 4).
func (d *DDIM) Noised(x0, eps *tensor.Tensor, k int) *tensor.Tensor {
	wantSame("DDIM.Noised", x0, eps)
	d.wantNode("DDIM.Noised", k, 1, d.steps)
	return tensor.Axpby(sqrt32(d.alpha(k)), x0, sqrt32(1-d.alpha(k)), eps)
}

// predictX0 solves x = √ᾱ·x0 + √(1-ᾱ)·ε for x0.
func predictX0(x, eps *tensor.Tensor, alpha float32) *tensor.Tensor {
	return tensor.Div(tensor.Axpby(1, x, -sqrt32(1-alpha), eps), tensor.Full(sqrt32(alpha), 1))
}

func (d *DDIM) wantNode(op string, k, lo, hi int) {
	if k < lo || k > hi {
		fail(op, fmt.Sprintf("node %d: want %d to %d", k, lo, hi))
	}
}
