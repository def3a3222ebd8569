package sampler

import "github.com/sowgen/sowgen/tensor"

// level returns ᾱ of node k in inversion and diffusion.
func (d *DDIM) level(k int) float32 {
	if d.levels == Ref017 {
		return d.schedule.AlphasCumprod[d.InvertTimestep(k)]
	}
	return d.sampled(k)
}

// InvertTimestep returns the training timestep at which the denoiser is asked on the way from node k to k+1.
func (d *DDIM) InvertTimestep(k int) int {
	return min(d.Timestep(k+1), len(d.schedule.AlphasCumprod)-1) // node S of ref017 would lie beyond the last
}

// Invert returns the latents at node k+1 given those at node k and the noise in them: the deterministic step (eq. 13) the other way,
// for k = 0 … S-1.
func (d *DDIM) Invert(x, eps *tensor.Tensor, k int) *tensor.Tensor {
	d.wantNode("Invert", k, 0, d.steps-1, x, eps)
	to := d.level(k + 1)
	return tensor.Axpby(sqrt(to), predictX0(x, eps, d.level(k)), sqrt(1-to), eps)
}

// Diffuse returns the latents of node to given those of node from ≤ to: forward diffusion, x·sqrt(A_to/A_from) + noise·sqrt(1-A_to/A_from).
func (d *DDIM) Diffuse(x *tensor.Tensor, from, to int, noise *Noise) *tensor.Tensor {
	d.wantNode("Diffuse", from, 0, to, x)
	d.wantNode("Diffuse", to, from, d.steps, x)
	ratio := d.level(to) / d.level(from)
	s := x.Shape()
	return tensor.Axpby(sqrt(ratio), x, sqrt(1-ratio), noise.Latents(s[0], s[1], s[2], s[3]))
}
