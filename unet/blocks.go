package unet

import (
	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// layer is a resnet block and, in the blocks that read the prompt, a transformer behind it.
type layer struct {
	resnet      *nn.ResnetBlock
	transformer *Transformer2D // nil in DownBlock2D and UpBlock2D
}

func (l *layer) forward(x *tensor.Tensor, e *evaluation) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	return l.attend(l.resnet.Forward(x, e.temb), e)
}

func (l *layer) attend(x *tensor.Tensor, e *evaluation) *tensor.Tensor {
	if l.transformer == nil {
		return x
	}
	return l.transformer.forward(x, e)
}

// join returns what the layer makes of x and of a map from the way down.
func (l *layer) join(x, skip *tensor.Tensor, e *evaluation) (y *tensor.Tensor) {
	scope := tensor.Tidy(x)
	defer scope.Keep(&y)
	x = l.resnet.Forward(tensor.Concat(3, x, e.forAll(skip)), e.temb)
	scope.Keep(&x)
	return l.attend(x, e)
}

// DownBlock is DownBlock2D or CrossAttnDownBlock2D: layers, then half the size.
type DownBlock struct {
	layers      []layer
	downsampler *nn.Downsample // nil in the last block
}

func loadDownBlock(s *weights.Scope, in, out, layers, heads int, crossAttn, last bool, cfg *Config) *DownBlock {
	b := &DownBlock{}
	for i := range layers {
		b.layers = append(b.layers, loadLayer(s, i, in, out, heads, crossAttn, cfg))
		in = out
	}
	if !last {
		b.downsampler = nn.LoadDownsample(s.Sub("downsamplers").Index(0), out, tensor.Pad(1))
	}
	return b
}

// forward returns x after the block, and appends to skips what the way up will read.
func (b *DownBlock) forward(x *tensor.Tensor, skips []*tensor.Tensor, e *evaluation) (*tensor.Tensor, []*tensor.Tensor) {
	for i := range b.layers {
		x = b.layers[i].forward(x, e)
		skips = append(skips, x)
	}
	if b.downsampler != nil {
		x = b.downsampler.Forward(x)
		skips = append(skips, x)
	}
	return x, skips
}

// MidBlock is UNetMidBlock2DCrossAttn.
type MidBlock struct{ first, last layer }

func loadMidBlock(s *weights.Scope, channels, heads int, cfg *Config) *MidBlock {
	return &MidBlock{
		first: loadLayer(s, 0, channels, channels, heads, true, cfg),
		last:  loadLayer(s, 1, channels, channels, heads, false, cfg),
	}
}

func (b *MidBlock) forward(x *tensor.Tensor, e *evaluation) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	return b.last.forward(b.first.forward(x, e), e)
}

// UpBlock is UpBlock2D or CrossAttnUpBlock2D: layers that also read the way down, then twice the size.
type UpBlock struct {
	layers    []layer
	upsampler *nn.Upsample // nil in the last block
}

// loadUpBlock reads a block that comes after previous channels, puts out channels out, and whose last layer meets a skip of in channels.
func loadUpBlock(s *weights.Scope, previous, out, in, layers, heads int, crossAttn, last bool, cfg *Config) *UpBlock {
	b := &UpBlock{}
	for i := range layers {
		x, skip := out, out
		if i == 0 {
			x = previous
		}
		if i == layers-1 {
			skip = in
		}
		b.layers = append(b.layers, loadLayer(s, i, x+skip, out, heads, crossAttn, cfg))
	}
	if !last {
		b.upsampler = nn.LoadUpsample(s.Sub("upsamplers").Index(0), out)
	}
	return b
}

// forward returns x after the block, and skips without the one for each layer that it took off the end.
func (b *UpBlock) forward(x *tensor.Tensor, skips []*tensor.Tensor, e *evaluation) (y *tensor.Tensor, rest []*tensor.Tensor) {
	scope := tensor.Tidy(x)
	defer scope.Keep(&y)
	for i := range b.layers {
		top := len(skips) - 1
		x = b.layers[i].join(x, skips[top], e)
		skips = skips[:top]
		scope.Keep(&x)
	}
	if b.upsampler != nil {
		// The next skip's size, not simply twice ours: an odd size on the way down lost a row (diffusers' forward_upsample_size).
		next := skips[len(skips)-1].Shape()
		x = b.upsampler.Forward(x, next[1], next[2])
	}
	return x, skips
}

func loadLayer(s *weights.Scope, i, in, out, heads int, crossAttn bool, cfg *Config) layer {
	l := layer{resnet: nn.LoadResnetBlock(s.Sub("resnets").Index(i), in, out, cfg.timeDim(), cfg.NormNumGroups, float32(cfg.NormEps))}
	if crossAttn {
		l.transformer = loadTransformer2D(s.Sub("attentions").Index(i), out, heads, cfg)
	}
	return l
}
