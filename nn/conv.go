package nn

import (
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Conv2D is a convolution with bias.
type Conv2D struct {
	Weight  *tensor.Weight
	Bias    *tensor.Tensor // [out]
	Stride  int
	Padding tensor.Padding
}

// LoadConv2D reads weight [out, in, kernel, kernel] and bias [out].
func LoadConv2D(s *weights.Scope, in, out, kernel, stride int, padding tensor.Padding) *Conv2D {
	return &Conv2D{
		Weight:  s.Weight("weight", out, in, kernel, kernel),
		Bias:    s.Tensor("bias", out),
		Stride:  stride,
		Padding: padding,
	}
}

// LoadConv3x3 reads the convolution that keeps a picture's size.
func LoadConv3x3(s *weights.Scope, in, out int) *Conv2D {
	return LoadConv2D(s, in, out, 3, 1, tensor.Pad(1))
}

// LoadConv1x1 reads the convolution that only mixes channels.
func LoadConv1x1(s *weights.Scope, in, out int) *Conv2D {
	return LoadConv2D(s, in, out, 1, 1, tensor.Padding{})
}

// Forward returns [n, h', w', out] for x [n, h, w, in].
func (c *Conv2D) Forward(x *tensor.Tensor) *tensor.Tensor { return c.ForwardAdd(x, nil) }

// ForwardAdd returns residual + y, in one pass over memory; residual repeats as in [tensor.Epilogue] and may be nil.
func (c *Conv2D) ForwardAdd(x, residual *tensor.Tensor) *tensor.Tensor {
	return tensor.Conv2D(x, c.Weight, tensor.Epilogue{Bias: c.Bias, Residual: residual}, c.Stride, c.Padding)
}

// ForwardNormed returns Forward of SiLU of norm of x, which is never there as a whole if it is large ([tensor.NormConv2D]).
func (c *Conv2D) ForwardNormed(x *tensor.Tensor, norm *GroupNorm) *tensor.Tensor {
	return c.normed(x, norm, tensor.Epilogue{Bias: c.Bias})
}

func (c *Conv2D) normed(x *tensor.Tensor, norm *GroupNorm, ep tensor.Epilogue) *tensor.Tensor {
	return tensor.NormConv2D(x, norm.norm(), c.Weight, ep, c.Stride, c.Padding)
}
