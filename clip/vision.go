package clip

import (
	"context"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// vision is the vision transformer (Dosovitskiy et al. 2021) with CLIP's norm before the first layer: a picture's patches are its tokens,
// behind a class token that comes to stand for the whole.
type vision struct {
	config            VisionConfig
	classEmbedding    *tensor.Tensor // [hidden]
	patchEmbedding    *nn.Conv2D
	positionEmbedding *nn.Embedding // a row for the class token, then one for each patch
	preLayerNorm      *nn.LayerNorm
	encoder           *encoder
	postLayerNorm     *nn.LayerNorm
}

func loadVision(s *weights.Scope, cfg VisionConfig) *vision {
	embeddings, c, p, eps := s.Sub("embeddings"), cfg.HiddenSize, cfg.PatchSize, float32(cfg.LayerNormEps)
	embeddings.Ignore("position_ids") // written by old versions
	return &vision{
		config:         cfg,
		classEmbedding: embeddings.Tensor("class_embedding", c),
		// It has no bias.
		patchEmbedding:    &nn.Conv2D{Weight: embeddings.Sub("patch_embedding").Weight("weight", c, cfg.NumChannels, p, p), Stride: p},
		positionEmbedding: nn.LoadEmbedding(embeddings.Sub("position_embedding"), 1+cfg.patches(), c),
		preLayerNorm:      nn.LoadLayerNorm(s.Sub("pre_layrnorm"), c, eps), // the checkpoints' spelling
		encoder:           loadEncoder(s.Sub("encoder"), cfg.shape(), false),
		postLayerNorm:     nn.LoadLayerNorm(s.Sub("post_layernorm"), c, eps),
	}
}

// pool returns the class token [n, hidden] after all layers and the last norm, for pictures x [n, size, size, channels]
// in an arena.
func (v *vision) pool(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	x, err := v.encoder.forward(ctx, v.preLayerNorm.Forward(v.embed(x)))
	if err != nil {
		return nil, err
	}
	return v.postLayerNorm.Forward(tensor.Reshape(tensor.Slice(x, 1, 0, 1), -1, v.config.HiddenSize)), nil
}

// embed returns the tokens at their positions, [n, 1 + patches, hidden].
func (v *vision) embed(x *tensor.Tensor) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	n, c := x.Shape()[0], v.config.HiddenSize
	patches := tensor.Reshape(v.patchEmbedding.Forward(x), n, -1, c)
	class := tensor.BroadcastTo(tensor.Reshape(v.classEmbedding, 1, 1, c), n, 1, c)
	return tensor.Add(tensor.Concat(1, class, patches), v.positionEmbedding.Weight)
}
