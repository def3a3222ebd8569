package nn

import (
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// ResnetBlock is two convolutions around the timestep, with a shortcut.
type ResnetBlock struct {
	Norm1, Norm2 *GroupNorm
	Conv1, Conv2 *Conv2D
	TimeEmbProj  *Linear // nil in the VAE, which knows no time
	ConvShortcut *Conv2D // nil where the number of channels stays
}

// LoadResnetBlock reads a block of in → out channels; timeDim is the width of the timestep embedding, 0 for none.
func LoadResnetBlock(s *weights.Scope, in, out, timeDim, groups int, eps float32) *ResnetBlock {
	b := &ResnetBlock{
		Norm1: LoadGroupNorm(s.Sub("norm1"), in, groups, eps),
		Conv1: LoadConv3x3(s.Sub("conv1"), in, out),
		Norm2: LoadGroupNorm(s.Sub("norm2"), out, groups, eps),
		Conv2: LoadConv3x3(s.Sub("conv2"), out, out),
	}
	if timeDim > 0 {
		b.TimeEmbProj = LoadLinear(s.Sub("time_emb_proj"), timeDim, out, true)
	}
	if in != out {
		b.ConvShortcut = LoadConv1x1(s.Sub("conv_shortcut"), in, out)
	}
	return b
}

// Forward returns [n, h, w, out] for x [n, h, w, in] and temb [1, timeDim], the SiLU of the timestep's embedding; nil where there is no time.
// All pictures of a batch are at the same time, so what it adds to each channel is one more bias.
func (b *ResnetBlock) Forward(x, temb *tensor.Tensor) *tensor.Tensor {
	return b.forward(x, temb, false)
}

// ForwardLast is Forward for the last reader of x, which is then given back: the result may lie in its place.
func (b *ResnetBlock) ForwardLast(x, temb *tensor.Tensor) *tensor.Tensor {
	return b.forward(x, temb, true)
}

func (b *ResnetBlock) forward(x, temb *tensor.Tensor, last bool) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	bias := b.Conv1.Bias
	if b.TimeEmbProj != nil {
		bias = tensor.Reshape(b.TimeEmbProj.ForwardAdd(temb, bias), -1)
	}
	h := b.Conv1.normed(x, b.Norm1, tensor.Epilogue{Bias: bias})
	if b.ConvShortcut == nil {
		if last {
			x = tensor.Spend(x)
		}
		return b.Conv2.normed(tensor.Spend(h), b.Norm2, tensor.Epilogue{Bias: b.Conv2.Bias, Residual: x})
	}
	h = b.Conv2.ForwardNormed(tensor.Spend(h), b.Norm2)
	return b.ConvShortcut.ForwardAdd(x, tensor.Spend(h))
}
