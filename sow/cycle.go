package sow

import (
	"context"
	"fmt"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
)

// invert walks x from node 0 to node upto (DDIM inversion) and returns the latents of every node on the way.
func (r *run) invert(ctx context.Context, x *tensor.Tensor, upto int, denoiser sampler.Denoiser) ([]*tensor.Tensor, error) {
	nodes := []*tensor.Tensor{x}
	for k := range upto {
		r.moment = rules.Moment{Phase: rules.Invert, Node: k}
		eps, err := denoiser.Predict(ctx, x, r.ddim.InvertTimestep(k))
		if err != nil {
			return nil, fmt.Errorf("inversion, node %d: %w", k, err)
		}
		x = r.ddim.Invert(x, eps, k)
		nodes = append(nodes, x)
		r.step(ctx, 0, k+1, nil)
	}
	return nodes, nil
}

// noiseStart returns what the canvas is at node replace where it grows from noise instead of from the condition on grey.
func (r *run) noiseStart(ctx context.Context) (*tensor.Tensor, error) {
	denoiser, err := r.plainGuidance(ctx, "", r.Guidance)
	if err != nil {
		return nil, err
	}
	defer denoiser.close()
	x := r.pureNoise()
	for k := r.Steps; k > r.replace; k-- {
		r.moment = rules.Moment{Phase: rules.Invert, Node: k}
		eps, err := denoiser.Predict(ctx, x, r.ddim.Timestep(k))
		if err != nil {
			return nil, fmt.Errorf("from noise, node %d: %w", k, err)
		}
		x = r.ddim.Step(x, eps, k, 0, nil)
		r.step(ctx, 0, k-1, nil)
	}
	return x, nil
}

// cycle is the cyclic one-way diffusion of COW (§3.2): each round disturbs the picture from node replace up to back and reconstructs
// it, laying the condition over it at every node: the condition speaks, the answer is overwritten.
func (r *run) cycle(ctx context.Context, x *tensor.Tensor, denoiser sampler.Denoiser) (*tensor.Tensor, error) {
	for c := range r.Cycles {
		x = r.into(r.ddim.Diffuse(x, r.replace, r.back, r.noise), r.back)
		for k := r.back; k > r.replace; k-- {
			r.moment = rules.Moment{Phase: rules.Cycle, Cycle: c + 1, Node: k}
			eps, err := denoiser.Predict(ctx, x, r.ddim.Timestep(k))
			if err != nil {
				return nil, fmt.Errorf("cycle %d, node %d: %w", c+1, k, err)
			}
			clean := r.ddim.Clean(x, eps, k)
			x = r.into(r.ddim.Step(x, eps, k, float32(r.EtaCycle), r.noise), k-1)
			r.step(ctx, c+1, k-1, clean)
		}
	}
	return x, nil
}

// final walks x from node from to the clean picture, laying the condition over it at node late for the last time, or at every node.
func (r *run) final(ctx context.Context, x *tensor.Tensor, from int, eta float64, denoiser sampler.Denoiser) (*tensor.Tensor, error) {
	for k := from; k > 0; k-- {
		r.moment = rules.Moment{Phase: rules.Final, Node: k}
		eps, err := denoiser.Predict(ctx, x, r.ddim.Timestep(k))
		if err != nil {
			return nil, fmt.Errorf("final phase, node %d: %w", k, err)
		}
		clean := r.ddim.Clean(x, eps, k)
		x = r.ddim.Step(x, eps, k, float32(eta), r.noise)
		if k-1 == r.late || r.LateOverwrite == Every {
			x = r.into(x, k-1)
		}
		r.step(ctx, 0, k-1, clean)
	}
	return x, nil
}

// into lays every condition, as it is at node k, over the latents x.
func (r *run) into(x *tensor.Tensor, k int) *tensor.Tensor {
	if r.mask == nil || !r.Overwrite {
		return x
	}
	// Exact on both sides of the mask: x·1 + 0 and x·0 + seed.
	return tensor.Add(tensor.Mul(x, r.others), r.overlay[k])
}
