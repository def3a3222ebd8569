package clip

import (
	"context"
	"fmt"
	"strings"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Model is the text transformer.
type Model struct {
	Config            Config
	tokenEmbedding    *nn.Embedding
	positionEmbedding *nn.Embedding
	layers            []*encoderLayer
	finalLayerNorm    *nn.LayerNorm
}

// Load builds the text transformer of cfg with the weights in src, whose names may or may not begin with "text_model." (transformers 5
// drops it). The error names every tensor that is missing, of another shape or unused.
func Load(cfg Config, src weights.Source) (_ *Model, err error) {
	defer tensor.Catch(&err)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clip: config: %w", err)
	}
	s := weights.NewScope(weights.Rename(src, func(name string) string { return strings.TrimPrefix(name, "text_model.") }))
	// Written by old versions, and by the model with a projection, which Stable Diffusion does not read.
	s.Ignore("embeddings.position_ids", "text_projection.weight")
	embeddings := s.Sub("embeddings")
	m := &Model{
		Config:            cfg,
		tokenEmbedding:    nn.LoadEmbedding(embeddings.Sub("token_embedding"), cfg.VocabSize, cfg.HiddenSize),
		positionEmbedding: nn.LoadEmbedding(embeddings.Sub("position_embedding"), cfg.MaxPositionEmbeddings, cfg.HiddenSize),
	}
	for i := range cfg.NumHiddenLayers {
		m.layers = append(m.layers, loadEncoderLayer(s.Sub("encoder").Sub("layers").Index(i), &cfg))
	}
	m.finalLayerNorm = nn.LoadLayerNorm(s.Sub("final_layer_norm"), cfg.HiddenSize, float32(cfg.LayerNormEps))
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return m, nil
}

// Encode returns the last hidden state [1, len(ids), hidden], after the final norm: what Stable Diffusion's UNet reads (its 2.x text
// encoders are stored without the last layer, so this is their penultimate one). It is in ordinary memory.
func (m *Model) Encode(ctx context.Context, ids []int32) (y *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	if len(ids) < 1 || len(ids) > m.Config.MaxPositionEmbeddings {
		return nil, fmt.Errorf("clip: %d tokens, want 1 … %d", len(ids), m.Config.MaxPositionEmbeddings)
	}
	arena := tensor.Borrow(tensor.Device(m.tokenEmbedding.Weight))
	defer arena.Return(&y)
	x := tensor.Add(arena.Enter(m.tokenEmbedding.Forward(ids)), tensor.Slice(m.positionEmbedding.Weight, 0, 0, len(ids)))
	x = tensor.Reshape(x, 1, len(ids), m.Config.HiddenSize)
	for _, l := range m.layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x = l.forward(x)
	}
	return m.finalLayerNorm.Forward(x), nil
}

// encoderLayer is causal self-attention and a two-layer network, each behind a norm and around a shortcut.
type encoderLayer struct {
	norm1, norm2 *nn.LayerNorm
	attn         *nn.Attention
	fc1, fc2     *nn.Linear
	act          tensor.Activation
}

func loadEncoderLayer(s *weights.Scope, cfg *Config) *encoderLayer {
	attn, mlp, c, eps := s.Sub("self_attn"), s.Sub("mlp"), cfg.HiddenSize, float32(cfg.LayerNormEps)
	l := &encoderLayer{
		norm1: nn.LoadLayerNorm(s.Sub("layer_norm1"), c, eps),
		attn: &nn.Attention{
			Heads: cfg.NumAttentionHeads,
			ToQ:   nn.LoadLinear(attn.Sub("q_proj"), c, c, true),
			ToK:   nn.LoadLinear(attn.Sub("k_proj"), c, c, true),
			ToV:   nn.LoadLinear(attn.Sub("v_proj"), c, c, true),
			ToOut: nn.LoadLinear(attn.Sub("out_proj"), c, c, true),
		},
		norm2: nn.LoadLayerNorm(s.Sub("layer_norm2"), c, eps),
		fc1:   nn.LoadLinear(mlp.Sub("fc1"), c, cfg.IntermediateSize, true),
		fc2:   nn.LoadLinear(mlp.Sub("fc2"), cfg.IntermediateSize, c, true),
		act:   tensor.ActGELU,
	}
	if cfg.HiddenAct == "quick_gelu" {
		l.act = tensor.ActQuickGELU
	}
	return l
}

func (l *encoderLayer) forward(x *tensor.Tensor) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	x = l.attn.Self(l.norm1.Forward(x), x, tensor.AttnParams{Causal: true})
	return l.fc2.ForwardAdd(l.fc1.ForwardAct(l.norm2.Forward(x), l.act), x)
}
