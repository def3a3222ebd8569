package nn

import (
	"math"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Embedding is a table of vectors looked up by id.
type Embedding struct{ Weight *tensor.Tensor } // [rows, channels]

// LoadEmbedding reads weight [rows, channels].
func LoadEmbedding(s *weights.Scope, rows, channels int) *Embedding {
	return &Embedding{Weight: s.Tensor("weight", rows, channels)}
}

// Forward returns [len(ids), channels]. Ids outside the table panic with a *tensor.Error.
func (e *Embedding) Forward(ids []int32) *tensor.Tensor { return tensor.Gather(e.Weight, ids) }

// Timesteps returns the sinusoidal embedding [1, channels] of a timestep (Vaswani et al. 2017 §3.5, as DDPM uses it): half sines, half
// cosines of timestep·10000^(-i/(half-shift)). flip puts the cosines first, as Stable Diffusion does.
func Timesteps(timestep float32, channels int, flip bool, shift float32) *tensor.Tensor {
	half := channels / 2
	emb := tensor.New(1, channels) // an odd last channel stays zero
	x := tensor.Floats(emb)
	sines, cosines := x[:half], x[half:2*half]
	if flip {
		sines, cosines = cosines, sines
	}
	for i := range half {
		// Rounded to float32 where PyTorch rounds, so that large timesteps land on the same angle.
		exponent := float32(-math.Log(10000)) * float32(i) / (float32(half) - shift)
		angle := timestep * float32(math.Exp(float64(exponent)))
		sines[i], cosines[i] = float32(math.Sin(float64(angle))), float32(math.Cos(float64(angle)))
	}
	return emb
}

// TimestepEmbedding is the two-layer network that turns the sinusoids into what the resnet blocks add.
type TimestepEmbedding struct{ Linear1, Linear2 *Linear }

// LoadTimestepEmbedding reads linear_1 [dim, channels] and linear_2 [dim, dim].
func LoadTimestepEmbedding(s *weights.Scope, channels, dim int) *TimestepEmbedding {
	return &TimestepEmbedding{
		Linear1: LoadLinear(s.Sub("linear_1"), channels, dim, true),
		Linear2: LoadLinear(s.Sub("linear_2"), dim, dim, true),
	}
}

// Forward returns [n, dim] for x [n, channels].
func (t *TimestepEmbedding) Forward(x *tensor.Tensor) *tensor.Tensor {
	return t.Linear2.Forward(t.Linear1.ForwardAct(x, tensor.ActSiLU))
}

// ForwardSiLU returns SiLU of it: the only thing that a resnet block wants of the time.
func (t *TimestepEmbedding) ForwardSiLU(x *tensor.Tensor) *tensor.Tensor {
	return t.Linear2.ForwardAct(t.Linear1.ForwardAct(x, tensor.ActSiLU), tensor.ActSiLU)
}
