package clip

import (
	"context"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/config"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// shape is what an encoder's config says of its layers.
type shape struct {
	hidden, intermediate int // channels
	layers, heads        int
	act                  string // "gelu" or "quick_gelu"
	eps                  float64
}

// validate reports the first value that cannot be built.
func (s shape) validate() error {
	var check config.Check
	check.Int("hidden_size", s.hidden, 1, config.MaxChannels)
	check.Int("intermediate_size", s.intermediate, 1, 4*config.MaxChannels)
	check.Int("num_hidden_layers", s.layers, 1, config.MaxLayers)
	check.Divides("num_attention_heads", s.heads, s.hidden)
	check.OneOf("hidden_act", s.act, "gelu", "quick_gelu")
	check.Float("layer_norm_eps", s.eps, 0, 1)
	return check.Err()
}

// encoder is the transformer that texts and pictures go through, each its own.
type encoder struct {
	layers []*encoderLayer
	causal bool // a token reads those before it only
}

// loadEncoder reads layers.0, layers.1, …
func loadEncoder(s *weights.Scope, of shape, causal bool) *encoder {
	e := &encoder{causal: causal}
	for i := range of.layers {
		e.layers = append(e.layers, loadEncoderLayer(s.Sub("layers").Index(i), of))
	}
	return e
}

// forward returns [n, tokens, hidden] for x of that shape; the error is ctx's.
func (e *encoder) forward(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	for _, l := range e.layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x = l.forward(x, e.causal)
	}
	return x, nil
}

// encoderLayer is self-attention and a two-layer network, each behind a norm and around a shortcut.
type encoderLayer struct {
	norm1, norm2 *nn.LayerNorm
	attn         *nn.Attention
	fc1, fc2     *nn.Linear
	act          tensor.Activation
}

func loadEncoderLayer(s *weights.Scope, of shape) *encoderLayer {
	attn, mlp, c, eps := s.Sub("self_attn"), s.Sub("mlp"), of.hidden, float32(of.eps)
	l := &encoderLayer{
		norm1: nn.LoadLayerNorm(s.Sub("layer_norm1"), c, eps),
		attn: &nn.Attention{
			Heads: of.heads,
			ToQ:   nn.LoadLinear(attn.Sub("q_proj"), c, c, true),
			ToK:   nn.LoadLinear(attn.Sub("k_proj"), c, c, true),
			ToV:   nn.LoadLinear(attn.Sub("v_proj"), c, c, true),
			ToOut: nn.LoadLinear(attn.Sub("out_proj"), c, c, true),
		},
		norm2: nn.LoadLayerNorm(s.Sub("layer_norm2"), c, eps),
		fc1:   nn.LoadLinear(mlp.Sub("fc1"), c, of.intermediate, true),
		fc2:   nn.LoadLinear(mlp.Sub("fc2"), of.intermediate, c, true),
		act:   tensor.ActGELU,
	}
	if of.act == "quick_gelu" {
		l.act = tensor.ActQuickGELU
	}
	return l
}

func (l *encoderLayer) forward(x *tensor.Tensor, causal bool) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	x = l.attn.Self(l.norm1.Forward(x), x, tensor.AttnParams{Causal: causal})
	return l.fc2.ForwardAdd(l.fc1.ForwardAct(l.norm2.Forward(x), l.act), x)
}
