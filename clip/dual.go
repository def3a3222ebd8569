package clip

import (
	"context"
	"fmt"
	"math"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Dual is the whole of CLIP, transformers' CLIPModel: an encoder of texts and one of pictures, and the projections that bring both into one
// space, where what belongs together points the same way ([Cosine]).
type Dual struct {
	Config           DualConfig
	text             *Model
	vision           *vision
	textProjection   *nn.Linear // without a bias, like the other
	visualProjection *nn.Linear
}

// LoadDual builds the networks of cfg with the weights in src, named as a CLIPModel has them: text_model, vision_model, text_projection,
// visual_projection. The error names every tensor that is missing, of another shape or unused.
func LoadDual(cfg DualConfig, src weights.Source) (_ *Dual, err error) {
	defer tensor.Catch(&err)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clip: config: %w", err)
	}
	s := weights.NewScope(src)
	s.Ignore("logit_scale") // of the training's loss
	d := &Dual{
		Config:           cfg,
		text:             load(s.Sub("text_model"), cfg.Text),
		vision:           loadVision(s.Sub("vision_model"), cfg.Vision),
		textProjection:   nn.LoadLinear(s.Sub("text_projection"), cfg.Text.HiddenSize, cfg.ProjectionDim, false),
		visualProjection: nn.LoadLinear(s.Sub("visual_projection"), cfg.Vision.HiddenSize, cfg.ProjectionDim, false),
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return d, nil
}

// EmbedText returns a text's vector [1, projection], in ordinary memory. ids are its tokens from begin-of-text to end-of-text, whose state
// stands for the whole; attention is causal, so what [Tokenizer.Encode] fills up with behind would change nothing ([Tokenizer.Trim]).
func (d *Dual) EmbedText(ctx context.Context, ids []int32) (y *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	arena := tensor.Borrow(tensor.Device(d.text.tokenEmbedding.Weight))
	defer arena.Return(&y)
	hidden, err := d.text.encode(ctx, arena, ids)
	if err != nil {
		return nil, err
	}
	end := tensor.Slice(hidden, 1, len(ids)-1, len(ids))
	return d.textProjection.Forward(tensor.Reshape(end, 1, d.Config.Text.HiddenSize)), nil
}

// EmbedImage returns the vectors [n, projection] of pictures [n, size, size, channels], whose pixels are normalised as CLIP's image processor
// does; size is that of the config. They are in ordinary memory.
func (d *Dual) EmbedImage(ctx context.Context, pixels *tensor.Tensor) (y *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	c := &d.Config.Vision
	if s := pixels.Shape(); len(s) != 4 || s[1] != c.ImageSize || s[2] != c.ImageSize || s[3] != c.NumChannels {
		return nil, fmt.Errorf("clip: pixels %v, want [n, %d, %[2]d, %d]", []int(s), c.ImageSize, c.NumChannels)
	}
	device := tensor.Device(d.vision.classEmbedding)
	arena := tensor.Borrow(device)
	defer arena.Return(&y)
	pooled, err := d.vision.pool(ctx, arena.Enter(tensor.To(device, pixels)))
	if err != nil {
		return nil, err
	}
	return d.visualProjection.Forward(pooled), nil
}

// Cosine returns the cosine of the angle between two vectors of as many numbers; NaN if one has no direction.
func Cosine(a, b *tensor.Tensor) float64 {
	x, y := tensor.Floats(a), tensor.Floats(b)
	var xy, xx, yy float64
	for i := range x {
		u, v := float64(x[i]), float64(y[i])
		xy, xx, yy = xy+u*v, xx+u*u, yy+v*v
	}
	return xy / math.Sqrt(xx*yy)
}
