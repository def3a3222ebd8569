// Package sampler is DDIM (Song, Meng and Ermon, arXiv 2010.02502): the way from noise to a picture, the way back, and the noise itself.
//
// S steps divide the way into nodes k = 0 … S: node 0 is the clean picture, node S is noise. A [DDIM] steps from a node to a
// neighbouring one given the noise that a [Denoiser] predicts; it keeps no state, so walks may start, turn round and repeat anywhere:
//
//	for k := ddim.Steps(); k > 0; k-- {
//		eps, err := denoiser.Predict(ctx, x, ddim.Timestep(k))
//		…
//		x = ddim.Step(x, eps, k, eta, noise) // node k → k-1
//	}
//
// All latents are float32 [n, h, w, c]. The numbers agree with those of diffusers' DDIMScheduler and DDIMInverseScheduler, and [Noise]
// is the generator of PyTorch. What a caller can get wrong at run time (a node out of range, shapes that do not fit) panics with a
// [*tensor.Error], as the operators of package tensor do; [tensor.Catch] makes it an error.
package sampler

import (
	"context"
	"slices"

	"github.com/sowgen/sowgen/tensor"
)

// Denoiser predicts the noise eps [n, h, w, c] in the latents x [n, h, w, c], taken to be at the noise level of timestep (0 to
// num_train_timesteps-1). Guidance, and [Schedule.Eps] for a model that predicts something else, are its own affair.
type Denoiser interface {
	Predict(ctx context.Context, x *tensor.Tensor, timestep int) (eps *tensor.Tensor, err error)
}

// fail panics with the error of operator op on the tensors ts.
func fail(op, reason string, ts ...*tensor.Tensor) {
	e := &tensor.Error{Op: "sampler." + op, Reason: reason}
	for _, t := range ts {
		e.Shapes = append(e.Shapes, t.Shape().Clone())
	}
	panic(e)
}

// wantSame fails unless all tensors are [n, h, w, c] of one shape.
func wantSame(op string, ts ...*tensor.Tensor) {
	for _, t := range ts {
		if t.Dims() != 4 || !slices.Equal(t.Shape(), ts[0].Shape()) {
			fail(op, "want latents [n, h, w, c] of one shape", ts...)
		}
	}
}
