package nn

import (
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Downsample halves a feature map with a strided convolution.
type Downsample struct{ Conv *Conv2D }

// LoadDownsample reads conv [channels, channels, 3, 3]. The UNet pads by one on every side, the VAE only at the bottom and the right.
func LoadDownsample(s *weights.Scope, channels int, padding tensor.Padding) *Downsample {
	return &Downsample{Conv: LoadConv2D(s.Sub("conv"), channels, channels, 3, 2, padding)}
}

// Forward returns [n, ⌈h/2⌉, ⌈w/2⌉, c] (⌊·⌋ with the VAE's padding) for x [n, h, w, c].
func (d *Downsample) Forward(x *tensor.Tensor) *tensor.Tensor { return d.Conv.Forward(x) }

// Upsample enlarges a feature map by repeating its cells, then convolves.
type Upsample struct{ Conv *Conv2D }

// LoadUpsample reads conv [channels, channels, 3, 3].
func LoadUpsample(s *weights.Scope, channels int) *Upsample {
	return &Upsample{Conv: LoadConv3x3(s.Sub("conv"), channels, channels)}
}

// Forward returns [n, height, width, c] for x [n, h, w, c]: twice the size as a rule, one less where the way down met an odd size.
func (u *Upsample) Forward(x *tensor.Tensor, height, width int) *tensor.Tensor {
	c := u.Conv
	return tensor.UpsampleConv2D(x, height, width, c.Weight, tensor.Epilogue{Bias: c.Bias}, c.Stride, c.Padding)
}
