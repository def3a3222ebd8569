package vae

import (
	"context"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// encoder turns pictures into the moments of their latents.
type encoder struct {
	convIn      *nn.Conv2D
	down        []downEncoderBlock
	mid         *midBlock
	convNormOut *nn.GroupNorm
	convOut     *nn.Conv2D
	quantConv   *nn.Conv2D // nil where the config leaves it out
}

type downEncoderBlock struct {
	resnets     resnets
	downsampler *nn.Downsample // nil in the last block
}

func loadEncoder(root *weights.Scope, cfg *Config) *encoder {
	s := root.Sub("encoder")
	channels := cfg.BlockOutChannels
	last := len(channels) - 1
	e := &encoder{convIn: nn.LoadConv3x3(s.Sub("conv_in"), cfg.InChannels, channels[0])}
	in := channels[0]
	for i, out := range channels {
		block := s.Sub("down_blocks").Index(i)
		b := downEncoderBlock{resnets: loadResnets(block, cfg.LayersPerBlock, in, out, cfg)}
		if i < last {
			b.downsampler = nn.LoadDownsample(block.Sub("downsamplers").Index(0), out, tensor.Padding{Bottom: 1, Right: 1})
		}
		e.down = append(e.down, b)
		in = out
	}
	e.mid = loadMidBlock(s.Sub("mid_block"), channels[last], cfg)
	e.convNormOut = nn.LoadGroupNorm(s.Sub("conv_norm_out"), channels[last], cfg.NormNumGroups, eps)
	e.convOut = nn.LoadConv3x3(s.Sub("conv_out"), channels[last], 2*cfg.LatentChannels)
	if cfg.UseQuantConv {
		e.quantConv = nn.LoadConv1x1(root.Sub("quant_conv"), 2*cfg.LatentChannels, 2*cfg.LatentChannels)
	}
	return e
}

// forward returns the moments [n, h/f, w/f, 2·latent] of pictures x [n, h, w, in].
func (e *encoder) forward(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	x = e.convIn.Forward(x)
	scope := tensor.Tidy(x)
	for _, b := range e.down {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x = b.resnets.forward(x, scope)
		if b.downsampler != nil {
			x = b.downsampler.Forward(x)
		}
		scope.Keep(&x)
	}
	x = e.convOut.ForwardNormed(e.mid.forward(x), e.convNormOut)
	if e.quantConv != nil {
		x = e.quantConv.Forward(x)
	}
	return x, nil
}
