package vae

import (
	"context"
	"slices"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// decoder turns latents into pictures.
type decoder struct {
	postQuantConv *nn.Conv2D // nil where the config leaves it out
	convIn        *nn.Conv2D
	mid           *midBlock
	up            []upDecoderBlock
	convNormOut   *nn.GroupNorm
	convOut       *nn.Conv2D
}

type upDecoderBlock struct {
	resnets   resnets
	upsampler *nn.Upsample // nil in the last block
}

func loadDecoder(root *weights.Scope, cfg *Config) *decoder {
	s := root.Sub("decoder")
	channels := slices.Clone(cfg.BlockOutChannels)
	slices.Reverse(channels)
	last := len(channels) - 1
	d := &decoder{}
	if cfg.UsePostQuantConv {
		d.postQuantConv = nn.LoadConv1x1(root.Sub("post_quant_conv"), cfg.LatentChannels, cfg.LatentChannels)
	}
	d.convIn = nn.LoadConv3x3(s.Sub("conv_in"), cfg.LatentChannels, channels[0])
	d.mid = loadMidBlock(s.Sub("mid_block"), channels[0], cfg)
	in := channels[0]
	for i, out := range channels {
		block := s.Sub("up_blocks").Index(i)
		b := upDecoderBlock{resnets: loadResnets(block, cfg.LayersPerBlock+1, in, out, cfg)}
		if i < last {
			b.upsampler = nn.LoadUpsample(block.Sub("upsamplers").Index(0), out)
		}
		d.up = append(d.up, b)
		in = out
	}
	d.convNormOut = nn.LoadGroupNorm(s.Sub("conv_norm_out"), channels[last], cfg.NormNumGroups, eps)
	d.convOut = nn.LoadConv3x3(s.Sub("conv_out"), channels[last], cfg.OutChannels)
	return d
}

// forward returns pictures [n, f·h, f·w, out] for latents x [n, h, w, latent].
func (d *decoder) forward(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	if d.postQuantConv != nil {
		x = d.postQuantConv.Forward(x)
	}
	x = d.mid.forward(d.convIn.Forward(x))
	scope := tensor.Tidy(x)
	for _, b := range d.up {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x = b.resnets.forward(x, scope)
		if b.upsampler != nil {
			s := x.Shape()
			x = b.upsampler.Forward(x, 2*s[1], 2*s[2])
		}
		scope.Keep(&x)
	}
	return d.convOut.ForwardNormed(x, d.convNormOut), nil
}
