package vae

import (
	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// resnets is a run of resnet blocks.
type resnets []*nn.ResnetBlock

// loadResnets reads n blocks, the first of which takes in channels to out.
func loadResnets(s *weights.Scope, n, in, out int, cfg *Config) resnets {
	var r resnets
	for i := range n {
		r = append(r, nn.LoadResnetBlock(s.Sub("resnets").Index(i), in, out, 0, cfg.NormNumGroups, eps))
		in = out
	}
	return r
}

// forward returns what the blocks make of x, which nobody else reads. Scope is where x was made: x is given back as soon as the first block has
// read it.
func (r resnets) forward(x *tensor.Tensor, scope tensor.Scope) *tensor.Tensor {
	for _, b := range r {
		x = b.ForwardLast(x, nil)
		scope.Keep(&x)
	}
	return x
}

// midBlock is two resnet blocks with, as a rule, a self-attention between them.
type midBlock struct {
	resnets resnets
	norm    *nn.GroupNorm // norm and attn are nil where the config leaves attention out
	attn    *nn.Attention
}

func loadMidBlock(s *weights.Scope, channels int, cfg *Config) *midBlock {
	b := &midBlock{resnets: loadResnets(s, 2, channels, channels, cfg)}
	if cfg.MidBlockAddAttention {
		attn := s.Sub("attentions").Index(0)
		b.norm = nn.LoadGroupNorm(attn.Sub("group_norm"), channels, cfg.NormNumGroups, eps)
		b.attn = nn.LoadAttention(attn, channels, channels, 1, true)
	}
	return b
}

func (b *midBlock) forward(x *tensor.Tensor) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	x = b.resnets[0].Forward(x, nil)
	if b.attn != nil {
		s := x.Shape()
		h := tensor.Reshape(b.norm.Forward(x), s[0], s[1]*s[2], s[3])
		x = tensor.Reshape(b.attn.Self(h, tensor.Reshape(x, h.Shape()...), tensor.AttnParams{}), s...)
	}
	return b.resnets[1].Forward(x, nil)
}
