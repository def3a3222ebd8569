package nn

import (
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Linear is y = x·Wᵀ + b.
type Linear struct {
	Weight *tensor.Weight
	Bias   *tensor.Tensor // [out], or nil
}

// LoadLinear reads weight [out, in] and, if asked, bias [out].
func LoadLinear(s *weights.Scope, in, out int, bias bool) *Linear {
	l := &Linear{Weight: s.Weight("weight", out, in)}
	if bias {
		l.Bias = s.Tensor("bias", out)
	}
	return l
}

// LoadGated reads weight [2·out, in] and bias [2·out] of a layer with a gate: [Linear.Forward] returns value·GELU(gate), where the first half of
// rows makes the values and the other their gates.
func LoadGated(s *weights.Scope, in, out int) *Linear {
	return &Linear{Weight: s.Gated("weight", out, in), Bias: s.Tensor("bias", 2*out)}
}

// Forward returns [..., out] for x [..., in].
func (l *Linear) Forward(x *tensor.Tensor) *tensor.Tensor {
	return tensor.Linear(x, l.Weight, tensor.Epilogue{Bias: l.Bias})
}

// ForwardAct returns act of it, in one pass over memory.
func (l *Linear) ForwardAct(x *tensor.Tensor, act tensor.Activation) *tensor.Tensor {
	return tensor.Linear(x, l.Weight, tensor.Epilogue{Bias: l.Bias, Act: act})
}

// ForwardAdd returns residual + y, in one pass over memory; residual repeats as in [tensor.Epilogue] and may be nil.
func (l *Linear) ForwardAdd(x, residual *tensor.Tensor) *tensor.Tensor {
	return tensor.Linear(x, l.Weight, tensor.Epilogue{Bias: l.Bias, Residual: residual})
}
