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
	encoder           *encoder
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
	s.Ignore("text_projection.weight") // of the model with a projection, which Stable Diffusion does not read
	m := load(s, cfg)
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return m, nil
}

// load reads the text transformer at s.
func load(s *weights.Scope, cfg Config) *Model {
	embeddings := s.Sub("embeddings")
	embeddings.Ignore("position_ids") // written by old versions
	return &Model{
		Config:            cfg,
		tokenEmbedding:    nn.LoadEmbedding(embeddings.Sub("token_embedding"), cfg.VocabSize, cfg.HiddenSize),
		positionEmbedding: nn.LoadEmbedding(embeddings.Sub("position_embedding"), cfg.MaxPositionEmbeddings, cfg.HiddenSize),
		encoder:           loadEncoder(s.Sub("encoder"), cfg.shape(), true),
		finalLayerNorm:    nn.LoadLayerNorm(s.Sub("final_layer_norm"), cfg.HiddenSize, float32(cfg.LayerNormEps)),
	}
}

// Encode returns the last hidden state [1, len(ids), hidden], after the final norm: what Stable Diffusion's UNet reads (its 2.x text
// encoders are stored without the last layer, so this is their penultimate one). It is in ordinary memory.
func (m *Model) Encode(ctx context.Context, ids []int32) (y *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	arena := tensor.Borrow(tensor.Device(m.tokenEmbedding.Weight))
	defer arena.Return(&y)
	return m.encode(ctx, arena, ids)
}

// encode is Encode within arena.
func (m *Model) encode(ctx context.Context, arena *tensor.Arena, ids []int32) (*tensor.Tensor, error) {
	if len(ids) < 1 || len(ids) > m.Config.MaxPositionEmbeddings {
		return nil, fmt.Errorf("clip: %d tokens, want 1 … %d", len(ids), m.Config.MaxPositionEmbeddings)
	}
	x, err := m.encoder.forward(ctx, m.embed(arena, ids))
	if err != nil {
		return nil, err
	}
	return m.finalLayerNorm.Forward(x), nil
}

// embed returns the tokens at their positions, [1, len(ids), hidden].
func (m *Model) embed(arena *tensor.Arena, ids []int32) *tensor.Tensor {
	x := tensor.Add(arena.Enter(m.tokenEmbedding.Forward(ids)), tensor.Slice(m.positionEmbedding.Weight, 0, 0, len(ids)))
	return tensor.Reshape(x, 1, len(ids), m.Config.HiddenSize)
}
