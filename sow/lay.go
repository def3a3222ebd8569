package sow

import (
	"context"
	"fmt"
	"image"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
)

// Laid is the conditions of a request at their places on the canvas: what a picture is measured by.
type Laid struct {
	Canvas   *image.NRGBA // with the conditions on it, grey (128) elsewhere
	Returned *image.NRGBA // the same, as the VAE alone gives the conditions back: what a picture can reach before any blend
	Mask     *image.Gray  // 255 where a condition is kept
	Grey     uint8        // of the empty canvas that a picture grows on: Params.CanvasGrey
	Plan     plan.Plan
}

// Lay puts the conditions of a request where [Pipeline.Generate] would, whatever the method, and makes no picture.
func (p *Pipeline) Lay(ctx context.Context, req Request) (_ *Laid, err error) {
	defer tensor.Catch(&err)
	params := p.Defaults
	if req.Params != nil {
		params = *req.Params
	}
	params.Method = Paste // the one that asks the least of the other numbers
	req.Params = &params
	r, err := p.newRun(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.leave(r.vae.drop)
	if _, err := r.encodeConditions(ctx); err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	l := &Laid{Plan: r.plan, Grey: uint8(r.CanvasGrey)}
	l.Canvas, l.Mask = canvas(r.Width, r.Height, grey, r.conditions)
	l.Returned, _ = canvas(r.Width, r.Height, grey, r.returned)
	return l, nil
}
