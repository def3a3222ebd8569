package nn

import (
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Attention is multi-head attention with its projections.
type Attention struct {
	Heads         int
	ToQ, ToK, ToV *Linear
	ToOut         *Linear
}

// LoadAttention reads to_q [channels, channels], to_k and to_v [channels, context], to_out.0 [channels, channels]. The output
// projection always has a bias, the others as asked.
func LoadAttention(s *weights.Scope, channels, context, heads int, bias bool) *Attention {
	return &Attention{
		Heads: heads,
		ToQ:   LoadLinear(s.Sub("to_q"), channels, channels, bias),
		ToK:   LoadLinear(s.Sub("to_k"), context, channels, bias),
		ToV:   LoadLinear(s.Sub("to_v"), context, channels, bias),
		ToOut: LoadLinear(s.Sub("to_out").Index(0), channels, channels, true),
	}
}

// Self returns the attention of x [n, tokens, c] to itself, plus residual (as of [Linear.ForwardAdd], like the others'). p says what is
// special about it; its Heads are filled in.
func (a *Attention) Self(x, residual *tensor.Tensor, p tensor.AttnParams) *tensor.Tensor {
	return a.attend(x, x, residual, p)
}

// Map returns where the tokens x [n, tokens, c] of each region look when they attend to each other (see [tensor.AttentionMap]).
func (a *Attention) Map(x *tensor.Tensor, p tensor.AttnParams, cell []int, cells int) *tensor.Tensor {
	defer tensor.Tidy(x).Keep()
	p.Heads = a.Heads
	return tensor.AttentionMap(a.ToQ.Forward(x), a.ToK.Forward(x), p, cell, cells)
}

// Cross returns the attention [n, tokens, c] of x [n, tokens, c] to context [n, keys, c'], plus residual; an x of one serves all n contexts.
func (a *Attention) Cross(x, context, residual *tensor.Tensor) *tensor.Tensor {
	return a.attend(x, context, residual, tensor.AttnParams{})
}

// KeysValues returns the keys and values [n, keys, c] of context [n, keys, c'], for [Attention.Read].
func (a *Attention) KeysValues(context *tensor.Tensor) (k, v *tensor.Tensor) {
	return a.ToK.Forward(context), a.ToV.Forward(context)
}

// Read is Cross with the context's keys and values, which may have been computed long before.
func (a *Attention) Read(x, k, v, residual *tensor.Tensor) *tensor.Tensor {
	return a.read(x, k, v, residual, tensor.AttnParams{})
}

func (a *Attention) attend(x, context, residual *tensor.Tensor, p tensor.AttnParams) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	k, v := a.KeysValues(context)
	return a.read(x, k, v, residual, p)
}

func (a *Attention) read(x, k, v, residual *tensor.Tensor, p tensor.AttnParams) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	p.Heads = a.Heads
	q := a.ToQ.Forward(x)
	if n, s := k.Shape()[0], q.Shape(); n != s[0] {
		q = tensor.BroadcastTo(q, n, s[1], s[2])
	}
	return a.ToOut.ForwardAdd(tensor.Attention(q, k, v, p), residual)
}

// FeedForward is the transformer's gated two-layer network (GEGLU).
type FeedForward struct{ Proj, Out *Linear } // Proj has the gate

// LoadFeedForward reads net.0.proj [8c, c] and net.2 [c, 4c].
func LoadFeedForward(s *weights.Scope, channels int) *FeedForward {
	net := s.Sub("net")
	return &FeedForward{
		Proj: LoadGated(net.Index(0).Sub("proj"), channels, 4*channels),
		Out:  LoadLinear(net.Index(2), 4*channels, channels, true),
	}
}

// Forward returns [n, tokens, c] for x [n, tokens, c], plus residual.
func (f *FeedForward) Forward(x, residual *tensor.Tensor) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	return tensor.FeedForward(x, f.Proj.Weight, f.Proj.Bias, f.Out.Weight, tensor.Epilogue{Bias: f.Out.Bias, Residual: residual})
}
