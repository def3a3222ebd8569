package sow

import (
	"context"

	"github.com/sowgen/sowgen/tensor"
)

// What the method is compared with (docs/method.md §4), on the same weights: the two ways of putting a given face into a text's picture that
// need no method of their own.

// textToPasteOn draws the text's picture, number for number that of method text; the conditions are pasted on it when it is decoded.
func (r *run) textToPasteOn(ctx context.Context) (*tensor.Tensor, error) {
	x, err := r.textToImage(ctx)
	if err != nil {
		return nil, err
	}
	_, err = r.encodeConditions(ctx)
	return x, err
}

// inpaint is text-to-image in which, after every step, the kept cells are replaced by the conditions' latents with the canvas's own noise in
// them (blended latent diffusion, arXiv 2206.02779; diffusers' StableDiffusionInpaintPipeline with a network of 4 channels).
func (r *run) inpaint(ctx context.Context) (*tensor.Tensor, error) {
	seeds, err := r.encodeConditions(ctx)
	if err != nil {
		return nil, err
	}
	r.leave(func() {})
	if err := r.layOut(0, func(i int) ([]*tensor.Tensor, error) { return seeds[i : i+1], nil }); err != nil {
		return nil, err
	}
	x := r.pureNoise()
	for k := 1; k <= r.Steps; k++ {
		r.overlay = append(r.overlay, tensor.Mul(r.ddim.Noised(r.overlay[0], x, k), r.mask))
	}
	denoiser, err := r.plainGuidance(ctx, r.Negative, r.Guidance)
	if err != nil {
		return nil, err
	}
	defer denoiser.close()
	r.begin(StageFinal)
	return r.final(ctx, x, r.Steps, r.Eta, denoiser)
}
