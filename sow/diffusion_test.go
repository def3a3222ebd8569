package sow

import (
	"context"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
)

// TestDiffusion: the bare walk is the one of method text, goes by rules when it is told to and by none afterwards.
func TestDiffusion(t *testing.T) {
	p, ctx := openTiny(t, "sd21"), context.Background()
	d, err := p.Diffusion(ctx, 10, sampler.Aligned, prompt, 3)
	require.NoError(t, err)
	defer d.Close()

	x, err := d.Encode(ctx, image.NewNRGBA(image.Rect(0, 0, p.Defaults.Width, p.Defaults.Height)))
	require.NoError(t, err)
	nodes, err := d.Invert(ctx, x, 4)
	require.NoError(t, err)
	require.Len(t, nodes, 5)
	plain, err := d.Sample(ctx, nodes[4], 4, nil)
	require.NoError(t, err)

	left := rules.Box(plan.Box{0, 0, 1000, 500})
	wall := &rules.Program{Rules: []rules.Rule{{Query: left, Key: rules.Complement(left), Block: true, Phases: []rules.Phase{rules.Final}}}}
	walled, err := d.Sample(ctx, nodes[4], 4, wall)
	require.NoError(t, err)
	require.NotEqual(t, tensor.Floats(plain), tensor.Floats(walled))
	again, err := d.Sample(ctx, nodes[4], 4, nil)
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(plain), tensor.Floats(again))

	img, err := d.Decode(ctx, plain)
	require.NoError(t, err)
	require.Equal(t, image.Pt(p.Defaults.Width, p.Defaults.Height), img.Bounds().Size())

	params := p.Defaults
	params.Method, params.Guidance, params.Negative = Text, 3, ""
	noise := sampler.NewNoise(5).Latents(1, x.Shape()[1], x.Shape()[2], x.Shape()[3])
	walk, err := d.Sample(ctx, noise, 10, nil)
	require.NoError(t, err)
	require.Equal(t, latents(t, p, Request{Prompt: prompt, Seed: 5, Params: &params}), tensor.Floats(walk))

	_, err = d.Encode(ctx, image.NewNRGBA(image.Rect(0, 0, 8, 8)))
	require.ErrorAs(t, err, new(*ParamError))
	_, err = p.Diffusion(ctx, 0, sampler.Aligned, "", 1)
	require.ErrorAs(t, err, new(*ParamError))
}
