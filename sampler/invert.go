package sampler

import (
	"fmt"

	"github.com/sowgen/sowgen/tensor"
)

// Levels is the noise that a node is taken to have on the way up, by [DDIM.Invert] and [DDIM.Diffuse]. (On the way down there is one
// answer only, that of [DDIM.Step].)
type Levels string

const (
	// Aligned takes the levels of sampling, so that a walk up and a walk down meet at every node.
	Aligned Levels = "aligned"
	// Ref017 takes node k to have the noise of timestep t_k, one node more than sampling does: what the inverse scheduler of diffusers
	// 0.17 and 0.18 did, and with it the published code of COW. A picture inverted and sampled again comes back several times worse.
	Ref017 Levels = "ref017"
)

// Level returns ᾱ at node k = 0 … S under the chosen [Levels].
func (d *DDIM) Level(k int) float32 {
	d.wantNode("DDIM.Level", k, 0, d.steps)
	if d.levels == Aligned {
		return d.alpha(k)
	}
	switch t := d.timestep(k); {
	case t < len(d.schedule.AlphasCumprod):
		return d.schedule.AlphasCumprod[t]
	case d.alphaToOne: // which that scheduler read as "set alpha to zero at the last node"
		return 0
	default:
		return d.schedule.AlphasCumprod[len(d.schedule.AlphasCumprod)-1]
	}
}

// InvertTimestep returns t_k, what the model is asked at for the step from node k = 0 … S-1 up to k+1.
func (d *DDIM) InvertTimestep(k int) int {
	d.wantNode("DDIM.InvertTimestep", k, 0, d.steps-1)
	return d.timestep(k)
}

// Invert takes the latents x at node k = 0 … S-1 and the noise eps in them up to node k+1: equation 12 without randomness, run backwards
// on the assumption that eps changes little from node to node.
func (d *DDIM) Invert(x, eps *tensor.Tensor, k int) *tensor.Tensor {
	wantSame("DDIM.Invert", x, eps)
	d.wantNode("DDIM.Invert", k, 0, d.steps-1)
	x0, next := predictX0(x, eps, d.Level(k)), d.Level(k+1)
	return tensor.Axpby(sqrt32(next), x0, sqrt32(1-next), eps)
}

// Diffuse adds to the latents x at node from the noise that takes them up to node to in one go, one draw of noise:
// √(ᾱ_to/ᾱ_from)·x + √(1-ᾱ_to/ᾱ_from)·n, the forward process of DDPM.
func (d *DDIM) Diffuse(x *tensor.Tensor, from, to int, noise *Noise) *tensor.Tensor {
	wantSame("DDIM.Diffuse", x)
	d.wantNode("DDIM.Diffuse", to, 0, d.steps)
	d.wantNode("DDIM.Diffuse", from, 0, to)
	if noise == nil {
		fail("DDIM.Diffuse", fmt.Sprintf("from node %d to %d wants a noise source, got nil", from, to), x)
	}
	s := x.Shape()
	return d.diffuse(x, from, to, noise.Latents(s[0], s[1], s[2], s[3]))
}

// diffuse is Diffuse with the noise n itself.
func (d *DDIM) diffuse(x *tensor.Tensor, from, to int, n *tensor.Tensor) *tensor.Tensor {
	kept := d.Level(to) / d.Level(from)
	return tensor.Axpby(sqrt32(kept), x, sqrt32(1-kept), n)
}
