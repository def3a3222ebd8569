package nn

import (
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// GroupNorm normalises groups of channels over each picture.
type GroupNorm struct {
	Weight, Bias *tensor.Tensor // [channels]
	Groups       int
	Eps          float32
}

// LoadGroupNorm reads weight and bias [channels].
func LoadGroupNorm(s *weights.Scope, channels, groups int, eps float32) *GroupNorm {
	return &GroupNorm{Weight: s.Tensor("weight", channels), Bias: s.Tensor("bias", channels), Groups: groups, Eps: eps}
}

// Forward returns the normalised x [n, h, w, c].
func (g *GroupNorm) Forward(x *tensor.Tensor) *tensor.Tensor {
	return tensor.GroupNorm(x, g.Weight, g.Bias, g.Groups, g.Eps)
}

func (g *GroupNorm) norm() tensor.Norm {
	return tensor.Norm{Gamma: g.Weight, Beta: g.Bias, Groups: g.Groups, Eps: g.Eps}
}

// LayerNorm normalises each token.
type LayerNorm struct {
	Weight, Bias *tensor.Tensor // [channels]
	Eps          float32
}

// LoadLayerNorm reads weight and bias [channels].
func LoadLayerNorm(s *weights.Scope, channels int, eps float32) *LayerNorm {
	return &LayerNorm{Weight: s.Tensor("weight", channels), Bias: s.Tensor("bias", channels), Eps: eps}
}

// Forward returns the normalised x [..., c].
func (l *LayerNorm) Forward(x *tensor.Tensor) *tensor.Tensor {
	return tensor.LayerNorm(x, l.Weight, l.Bias, l.Eps)
}
