package sow

import (
	"context"
	"fmt"
	"image"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
)

// Diffusion is a model's bare walk between pictures and noise, which COW is made of: without a condition and without cycles. It is for
// experiments on the walk itself, and for one goroutine.
type Diffusion struct {
	run      *run
	denoiser *guided
}

// Diffusion returns the walk in so many steps, by a prompt, guided away from the empty one; guidance 1 is none.
func (p *Pipeline) Diffusion(ctx context.Context, steps int, levels sampler.Levels, prompt string, guidance float64) (_ *Diffusion, err error) {
	defer tensor.Catch(&err)
	params := p.Defaults
	params.Method, params.Steps, params.Inversion, params.Guidance, params.Rules = Text, steps, levels, guidance, nil
	r, err := p.newRun(ctx, Request{Prompt: prompt, Params: &params})
	if err != nil {
		return nil, err
	}
	r.begin(StageFinal)
	g, err := r.plainGuidance(ctx, "", guidance)
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	return &Diffusion{r, g}, nil
}

// Encode returns the mean of a picture's latents, [1, h/f, w/f, c]. The picture has the model's own size.
func (d *Diffusion) Encode(ctx context.Context, img *image.NRGBA) (_ *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	if size := img.Bounds().Size(); size != image.Pt(d.run.Width, d.run.Height) {
		return nil, badParam("size", size, fmt.Sprintf("want the model's own, %d×%d", d.run.Width, d.run.Height))
	}
	_, mean, err := d.run.encodePicture(ctx, img)
	return mean, err
}

// Invert walks x from node 0 to node upto and returns the latents of every node on the way.
func (d *Diffusion) Invert(ctx context.Context, x *tensor.Tensor, upto int) (_ []*tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	d.denoiser.rules = nil
	return d.run.invert(ctx, x, upto, d.denoiser)
}

// Sample walks x from node from down to node 0, without fresh noise. A program of rules may be nil; its phase is rules.Final, and its regions
// are boxes and masks: nothing is kept, and nothing related.
func (d *Diffusion) Sample(ctx context.Context, x *tensor.Tensor, from int, program *rules.Program) (_ *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	d.denoiser.rules = nil
	if program != nil {
		s := x.Shape()
		scene := &rules.Scene{Height: s[1], Width: s[2]}
		if d.denoiser.rules, err = rules.Compile(program, scene, d.run.unet.Config.Sites(s[1], s[2])); err != nil {
			return nil, fmt.Errorf("sow: rules: %w", err)
		}
	}
	return d.run.final(ctx, x, from, 0, d.denoiser)
}

// Decode returns the picture of latents.
func (d *Diffusion) Decode(ctx context.Context, latents *tensor.Tensor) (_ *image.NRGBA, err error) {
	defer tensor.Catch(&err)
	decoded, err := d.run.decode(ctx, latents)
	if err != nil {
		return nil, err
	}
	return picture.FromTensor(tensor.Affine(decoded, 2, -1))
}

// Close gives back what the walk holds of the prompts.
func (d *Diffusion) Close() { d.denoiser.close() }
