package tensortest

import (
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// arena evaluates a little network in ordinary allocations and then again and again in an arena, whose memory is poisoned: an operator that
// counts on what a dst holds, or that is not done when its result is read or its arguments are given back, gives other bytes.
func (s suite) arena(t *testing.T) {
	tensor.PoisonArenas(true)
	defer tensor.PoisonArenas(false)
	const n, h, w, c = 2, 9, 7, 64
	conv := tensor.PackConv(s.on(random(1, c*c*9), c, c, 3, 3))
	wide := tensor.PackGated(s.on(random(2, 2*c*c), 2*c, c))
	bias := s.on(random(3, c), c)
	block := func(x *tensor.Tensor) (y *tensor.Tensor) {
		defer tensor.Tidy(x).Keep(&y)
		norm := tensor.Norm{Gamma: bias, Beta: bias, Groups: 8, Eps: 1e-5}
		down := tensor.NormConv2D(x, norm, conv, tensor.Epilogue{Bias: bias}, 2, tensor.Pad(1))
		y = tensor.Add(x, tensor.UpsampleConv2D(down, h+1, w, conv, tensor.Epilogue{}, 1, tensor.Padding{Left: 1, Bottom: 1, Right: 1}))
		y = tensor.NormConv2D(tensor.Spend(y), norm, conv, tensor.Epilogue{Bias: bias, Residual: x}, 1, tensor.Pad(1))
		tokens := tensor.Reshape(tensor.LayerNorm(y, bias, nil, 1e-5), n, h*w, c)
		tokens = tensor.Attention(tokens, tokens, tokens, tensor.AttnParams{Heads: 4})
		tokens = tensor.Linear(tensor.Concat(0, tensor.Slice(tokens, 0, 1, 2), tensor.Slice(tokens, 0, 0, 1)), wide, tensor.Epilogue{})
		y = tensor.Conv2D(tensor.Reshape(tokens, n, h, w, c), conv, tensor.Epilogue{Act: tensor.ActSiLU, Residual: y}, 1, tensor.Pad(1))
		return tensor.Conv2D(y, conv, tensor.Epilogue{Bias: bias, Residual: tensor.Slice(y, 0, 1, 2)}, 1, tensor.Pad(1))
	}
	x := s.on(random(4, n*h*w*c), n, h, w, c)
	want := tensor.Floats(block(block(x)))
	for range 3 {
		arena := tensor.Borrow(s.e)
		in := arena.Enter(x)
		y := block(block(in))
		arena.Return(&y)
		if !same(tensor.Floats(y), want) {
			t.Fatal("another result in an arena than in ordinary allocations")
		}
	}
	if tensor.ReleaseArenas(s.e); tensor.ArenaPeak(s.e) != 0 {
		t.Fatal("the memory of the arenas was not given back")
	}
}
