package unet

import (
	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Transformer2D lets the cells of a feature map read each other and the prompt.
type Transformer2D struct {
	Norm    *nn.GroupNorm
	ProjIn  projection
	Block   *TransformerBlock
	ProjOut projection
}

// projection mixes channels: a 1×1 convolution in SD 1.x, a linear layer in SD 2.x. On channels-last maps they are the same product,
// but their weights have different shapes in the file.
type projection interface {
	Forward(x *tensor.Tensor) *tensor.Tensor
	ForwardAdd(x, residual *tensor.Tensor) *tensor.Tensor
}

func loadTransformer2D(s *weights.Scope, channels, heads int, cfg *Config) *Transformer2D {
	project := func(s *weights.Scope) projection {
		if cfg.UseLinearProjection {
			return nn.LoadLinear(s, channels, channels, true)
		}
		return nn.LoadConv1x1(s, channels, channels)
	}
	return &Transformer2D{
		Norm:    nn.LoadGroupNorm(s.Sub("norm"), channels, cfg.NormNumGroups, 1e-6),
		ProjIn:  project(s.Sub("proj_in")),
		Block:   loadTransformerBlock(s.Sub("transformer_blocks").Index(0), channels, heads, cfg.CrossAttentionDim),
		ProjOut: project(s.Sub("proj_out")),
	}
}

// forward returns [n, h, w, c] for x [n, h, w, c], or for x [1, h, w, c] that all n prompts still share.
func (t *Transformer2D) forward(x *tensor.Tensor, e *evaluation) (y *tensor.Tensor) {
	scope := tensor.Tidy(x)
	defer scope.Keep(&y)
	s := x.Shape()
	h := t.ProjIn.Forward(t.Norm.Forward(x))
	scope.Keep(&h)
	h = t.Block.forward(tensor.Reshape(h, s[0], s[1]*s[2], s[3]), s[1], s[2], e)
	scope.Keep(&h)
	return t.ProjOut.ForwardAdd(tensor.Reshape(h, -1, s[1], s[2], s[3]), x)
}

// TransformerBlock is self-attention, cross-attention to the prompt and a feed-forward network, each behind a norm and around a shortcut.
type TransformerBlock struct {
	Name                string // the site's name, as in "mid_block.attentions.0.transformer_blocks.0.attn1"
	Norm1, Norm2, Norm3 *nn.LayerNorm
	Attn1, Attn2        *nn.Attention
	FF                  *nn.FeedForward
}

func loadTransformerBlock(s *weights.Scope, channels, heads, context int) *TransformerBlock {
	return &TransformerBlock{
		Name:  s.Sub("attn1").Name(),
		Norm1: nn.LoadLayerNorm(s.Sub("norm1"), channels, 1e-5),
		Attn1: nn.LoadAttention(s.Sub("attn1"), channels, channels, heads, false),
		Norm2: nn.LoadLayerNorm(s.Sub("norm2"), channels, 1e-5),
		Attn2: nn.LoadAttention(s.Sub("attn2"), channels, context, heads, false),
		Norm3: nn.LoadLayerNorm(s.Sub("norm3"), channels, 1e-5),
		FF:    nn.LoadFeedForward(s.Sub("ff"), channels),
	}
}

// forward returns [n, h·w, c] for the tokens x [n, h·w, c] of a map of h×w cells, or for x [1, h·w, c] that all n prompts still share: the
// cross-attention is where they part.
func (b *TransformerBlock) forward(x *tensor.Tensor, h, w int, e *evaluation) (y *tensor.Tensor) {
	scope := tensor.Tidy(x)
	defer scope.Keep(&y)
	site := Site{Name: b.Name, Height: h, Width: w, Heads: b.Attn1.Heads}
	x, p, done := e.selfAttention(site, x)
	tokens := b.Norm1.Forward(x)
	if e.Map != nil && p.Regions != nil {
		e.Map(site, mapOf(site, b.Attn1, tokens, p))
	}
	x = b.Attn1.Self(tokens, x, p)
	done()
	scope.Keep(&x)
	x = e.crossAttention(b.Attn2, b.Norm2.Forward(x), x)
	scope.Keep(&x)
	return b.FF.Forward(b.Norm3.Forward(x), x)
}
