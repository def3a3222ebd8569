package tensor_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// caught is the error that f panics with.
func caught(f func()) (err error) {
	defer tensor.Catch(&err)
	f()
	return nil
}

// TestMisuse gives every operator arguments that do not fit: each panics with an *Error that shows the shapes and says what is wrong.
func TestMisuse(t *testing.T) {
	x, v, scalar := tensor.New(2, 3), tensor.New(3), tensor.New()
	picture, tokens := tensor.New(1, 4, 5, 6), tensor.New(1, 4, 6)
	five, two, narrow := tensor.New(1, 5, 6), tensor.New(2, 4, 6), tensor.New(1, 4, 3)
	gated := tensor.PackGated(tensor.New(10, 3))
	linear, conv := tensor.PackLinear(tensor.New(5, 3)), tensor.PackConv(tensor.New(5, 6, 3, 3))
	doubles := gt.New(gt.WithShape(2, 3), gt.Of(gt.Float64))
	nan := float32(math.NaN())
	attention := func(q, k, v *tensor.Tensor, p tensor.AttnParams) func() {
		return func() { tensor.Attention(q, k, v, p) }
	}
	self := func(p tensor.AttnParams) func() { return attention(tokens, tokens, tokens, p) }
	one := tensor.AttnParams{Heads: 1}
	plain := &tensor.Regions{Height: 2, Width: 2, Labels: []uint8{0, 0, 1, 1}, Rules: rules(2)}
	mute := &tensor.Regions{Height: 2, Width: 2, Labels: []uint8{0, 0, 1, 1}}

	for want, f := range map[string]func(){
		"New [2 0]: every axis must be ≥ 1":                                   func() { tensor.New(2, 0) },
		"New [-1]: every axis must be ≥ 1":                                    func() { tensor.New(-1) },
		"New [1048576 1048576 2]: every axis must be ≥ 1":                     func() { tensor.New(1<<20, 1<<20, 2) },
		"New [9223372036854775807 9223372036854775807]: every axis":           func() { tensor.New(math.MaxInt, math.MaxInt) },
		"NewOn [0]: every axis":                                               func() { tensor.NewOn(tensor.CPU{}, 0) },
		"FromSlice [2 2]: want 4 values, got 3":                               func() { tensor.FromSlice(make([]float32, 3), 2, 2) },
		"FromF16 [2]: want 2 values, got 1":                                   func() { tensor.FromF16(make([]uint16, 1), 2) },
		"FromBF16 [0]: every axis must be":                                    func() { tensor.FromBF16(nil, 0) },
		"Floats [2 3]: want float32, got float64":                             func() { tensor.Floats(doubles) },
		"Clone [2 3]: want float32":                                           func() { tensor.Clone(doubles) },
		"To [2 3]: want float32":                                              func() { tensor.To(tensor.CPU{}, doubles) },
		"Contiguous [2 3]: want float32":                                      func() { tensor.Contiguous(doubles) },
		"Add [2 3], [2 3]: want float32, got float64":                         func() { tensor.Add(x, doubles) },
		"Add [2 3], [2]: shapes do not broadcast":                             func() { tensor.Add(x, tensor.New(2)) },
		"Sub [2 3], [3 3]: shapes do not broadcast":                           func() { tensor.Sub(x, tensor.New(3, 3)) },
		"Mul [3], [4]: shapes do not broadcast":                               func() { tensor.Mul(v, tensor.New(4)) },
		"Div [2 3], [4]: shapes do not broadcast":                             func() { tensor.Div(x, tensor.New(4)) },
		"Max [2 3], [4]: shapes do not broadcast":                             func() { tensor.Max(x, tensor.New(4)) },
		"Min [2 3], [4]: shapes do not broadcast":                             func() { tensor.Min(x, tensor.New(4)) },
		"Add [3], [4]: shapes do not broadcast":                               func() { tensor.Axpby(1, v, 2, tensor.New(4)) },
		"BroadcastTo [2 3]: cannot be repeated to [3 3]":                      func() { tensor.BroadcastTo(x, 3, 3) },
		"BroadcastTo [2 3]: cannot be repeated to [3]":                        func() { tensor.BroadcastTo(x, 3) },
		"Scale [2 3]: want float32":                                           func() { tensor.Scale(doubles, 2) },
		"Affine [2 3]: want float32":                                          func() { tensor.Affine(doubles, 2, 1) },
		"SiLU [2 3]: want float32":                                            func() { tensor.SiLU(doubles) },
		"GELU [2 3]: want float32":                                            func() { tensor.GELU(doubles) },
		"QuickGELU [2 3]: want float32":                                       func() { tensor.QuickGELU(doubles) },
		"Exp [2 3]: want float32":                                             func() { tensor.Exp(doubles) },
		"Log [2 3]: want float32":                                             func() { tensor.Log(doubles) },
		"Sqrt [2 3]: want float32":                                            func() { tensor.Sqrt(doubles) },
		"Abs [2 3]: want float32":                                             func() { tensor.Abs(doubles) },
		"Clamp [2 3]: want float32":                                           func() { tensor.Clamp(doubles, 0, 1) },
		"Sum [2 3]: no axis 2":                                                func() { tensor.Sum(x, 2) },
		"Mean [2 3]: no axis -2":                                              func() { tensor.Mean(x, -2) },
		"ReduceMax []: no axis 0":                                             func() { tensor.ReduceMax(scalar, 0) },
		"ReduceMin [2 3]: no axis 5":                                          func() { tensor.ReduceMin(x, 5) },
		"Reshape [2 3]: 6 elements do not fill [4]":                           func() { tensor.Reshape(x, 4) },
		"Reshape [2 3]: 6 elements do not fill [4 -1]":                        func() { tensor.Reshape(x, 4, -1) },
		"Reshape [2 3]: 6 elements do not fill [-1 -1]":                       func() { tensor.Reshape(x, -1, -1) },
		"Reshape [2 3]: 6 elements do not fill [0 -1]":                        func() { tensor.Reshape(x, 0, -1) },
		"Reshape [2 3]: 6 elements do not fill [7 -1]":                        func() { tensor.Reshape(x, 7, -1) },
		"Reshape [2 3]: 6 elements do not fill [-2 -3]":                       func() { tensor.Reshape(x, -2, -3) },
		"6 elements do not fill [4294967296 4294967296 6]":                    func() { tensor.Reshape(x, 1<<32, 1<<32, 6) },
		"Reshape [2 3]: 6 elements do not fill []":                            func() { tensor.Reshape(x) },
		"Flatten []: want [first, ...]":                                       func() { tensor.Flatten(scalar) },
		"Permute [2 3]: [0] is no order of its axes":                          func() { tensor.Permute(x, 0) },
		"Permute [2 3]: [1 1] is no order of its axes":                        func() { tensor.Permute(x, 1, 1) },
		"Permute [2 3]: [0 2] is no order of its axes":                        func() { tensor.Permute(x, 0, 2) },
		"Permute [2 3]: [-1 0] is no order of its axes":                       func() { tensor.Permute(x, -1, 0) },
		"ToChannelsLast [2 3]: want [n, c, h, w], got 2 axes":                 func() { tensor.ToChannelsLast(x) },
		"ToChannelsFirst [1 4 6]: want [n, h, w, c], got 3 axes":              func() { tensor.ToChannelsFirst(tokens) },
		"Slice [2 3]: no elements 1:4 on axis 1":                              func() { tensor.Slice(x, 1, 1, 4) },
		"Slice [2 3]: no elements 1:1 on axis 0":                              func() { tensor.Slice(x, 0, 1, 1) },
		"Slice [2 3]: no elements -1:1 on axis 0":                             func() { tensor.Slice(x, 0, -1, 1) },
		"Slice [2 3]: no elements 0:1 on axis 2":                              func() { tensor.Slice(x, 2, 0, 1) },
		"Split [2 3]: axis 1 does not fall into 2 equal parts":                func() { tensor.Split(x, 1, 2) },
		"Split [2 3]: axis 0 does not fall into 0 equal parts":                func() { tensor.Split(x, 0, 0) },
		"Split [2 3]: axis -1 does not fall into 1 equal parts":               func() { tensor.Split(x, -1, 1) },
		"Concat: nothing to join":                                             func() { tensor.Concat(0) },
		"Concat [2 3], [2 3]: no axis 2":                                      func() { tensor.Concat(2, x, x) },
		"Concat [2 3], [3]: different numbers of axes":                        func() { tensor.Concat(0, x, v) },
		"Concat [2 3], [3 3], [2 4]: axis 1 differs":                          func() { tensor.Concat(0, x, tensor.New(3, 3), tensor.New(2, 4)) },
		"Gather [3]: want [rows, c], got 1 axes":                              func() { tensor.Gather(v, []int32{0}) },
		"Gather [2 3]: no ids":                                                func() { tensor.Gather(x, nil) },
		"Gather [2 3]: id 2 at position 1 is not a row":                       func() { tensor.Gather(x, []int32{0, 2}) },
		"Gather [2 3]: id -1 at position 0 is not a row":                      func() { tensor.Gather(x, []int32{-1}) },
		"PackLinear [3]: want [out, in], got 1 axes":                          func() { tensor.PackLinear(v) },
		"PackConv [2 3]: want [out, in, kh, kw], got 2 axes":                  func() { tensor.PackConv(x) },
		"PackGated [3]: want [2·out, in], got 1 axes":                         func() { tensor.PackGated(v) },
		"PackGated [3 4]: want [2·out, in]":                                   func() { tensor.PackGated(tensor.New(3, 4)) },
		"ReadGated [3 0]: every axis must be ≥ 1":                             func() { tensor.ReadGated(tensor.CPU{}, kernels.Stored{}, 3, 0) },
		"Linear [5]: bias must be [10]":                                       func() { tensor.Linear(x, gated, tensor.Epilogue{Bias: tensor.New(5)}) },
		"Linear [2 3]: a gated layer has no other activation":                 func() { tensor.Linear(x, gated, tensor.Epilogue{Act: tensor.ActSiLU}) },
		"Linear [2 3]: a gated layer has no other activation and no residual": func() { tensor.Linear(x, gated, tensor.Epilogue{Residual: tensor.New(2, 5)}) },
		"ReadWeight [3]: want [out, in] or [out, in, kh, kw]":                 func() { tensor.ReadWeight(tensor.CPU{}, kernels.Stored{}, 3) },
		"ReadWeight [3 0]: every axis must be ≥ 1":                            func() { tensor.ReadWeight(tensor.CPU{}, kernels.Stored{}, 3, 0) },
		"Linear [1 4 6]: want [..., 3]":                                       func() { tensor.Linear(tokens, linear, tensor.Epilogue{}) },
		"Linear []: want [..., 3]":                                            func() { tensor.Linear(scalar, linear, tensor.Epilogue{}) },
		"Linear [4]: bias must be [5]":                                        func() { tensor.Linear(x, linear, tensor.Epilogue{Bias: tensor.New(4)}) },
		"Linear [5 1]: bias must be [5]":                                      func() { tensor.Linear(x, linear, tensor.Epilogue{Bias: tensor.New(5, 1)}) },
		"Linear [2 4]: residual must be [2 5]":                                func() { tensor.Linear(x, linear, tensor.Epilogue{Residual: tensor.New(2, 4)}) },
		"Linear [3 2 5]: residual must be [2 5]":                              func() { tensor.Linear(x, linear, tensor.Epilogue{Residual: tensor.New(3, 2, 5)}) },
		"Linear [2 3]: unknown activation 9":                                  func() { tensor.Linear(x, linear, tensor.Epilogue{Act: 9}) },
		"Linear [2 3]: want a weight from PackLinear":                         func() { tensor.Linear(x, conv, tensor.Epilogue{}) },
		"Linear [3]: want a weight from PackLinear":                           func() { tensor.Linear(v, &tensor.Weight{In: 3, Out: 5, KH: 1, KW: 1}, tensor.Epilogue{}) },
		"Linear [1]: want a weight from PackLinear":                           func() { tensor.Linear(tensor.New(1), nil, tensor.Epilogue{}) },
		"MatMul [3], [2 3]: want two matrices":                                func() { tensor.MatMul(v, x) },
		"MatMul [2 3], [2 3]: the inner axes differ":                          func() { tensor.MatMul(x, x) },
		"MatMulT [2 3], [3 4]: the inner axes differ":                         func() { tensor.MatMulT(x, tensor.New(3, 4)) },
		"MatMul [2 4 3], [3 3 4]: the batch axes differ":                      func() { tensor.MatMul(tensor.New(2, 4, 3), tensor.New(3, 3, 4)) },
		"MatMul [2 3], [1 3 4]: want two matrices":                            func() { tensor.MatMul(x, tensor.New(1, 3, 4)) },
		"Conv2D [1 4 6]: want [n, h, w, c], got 3 axes":                       func() { tensor.Conv2D(tokens, conv, tensor.Epilogue{}, 1, tensor.Pad(1)) },
		"Conv2D [1 4 5 3]: want 6 channels":                                   func() { tensor.Conv2D(tensor.New(1, 4, 5, 3), conv, tensor.Epilogue{}, 1, tensor.Pad(1)) },
		"Conv2D [6]: bias must be [5]":                                        func() { tensor.Conv2D(picture, conv, tensor.Epilogue{Bias: tensor.New(6)}, 1, tensor.Pad(1)) },
		"Conv2D [1 4 4 5]: residual must be [1 4 5 5]": func() {
			tensor.Conv2D(picture, conv, tensor.Epilogue{Residual: tensor.New(1, 4, 4, 5)}, 1, tensor.Pad(1))
		},
		"Conv2D [1 4 5 6]: a 3×3 kernel with stride 0":   func() { tensor.Conv2D(picture, conv, tensor.Epilogue{}, 0, tensor.Pad(1)) },
		"Conv2D [1 1 5 6]: a 3×3 kernel with stride 1":   func() { tensor.Conv2D(tensor.New(1, 1, 5, 6), conv, tensor.Epilogue{}, 1, tensor.Pad(0)) },
		"a 3×3 kernel with stride 1 and padding {Top:-1": func() { tensor.Conv2D(picture, conv, tensor.Epilogue{}, 1, tensor.Padding{Top: -1, Bottom: 1}) },
		"Conv2D [1 4 5 6]: want a weight from PackConv": func() {
			tensor.Conv2D(picture, tensor.PackLinear(tensor.New(5, 6)), tensor.Epilogue{}, 1, tensor.Pad(0))
		},
		"UpsampleNearest [2 3]: want [n, h, w, c]":                  func() { tensor.UpsampleNearest(x, 2, 2) },
		"UpsampleNearest [1 4 5 6]: no 0×3 picture":                 func() { tensor.UpsampleNearest(picture, 0, 3) },
		"GroupNorm [1 4 5 6]: 6 channels do not fall into 4 groups": func() { tensor.GroupNorm(picture, nil, nil, 4, 1e-5) },
		"GroupNorm [1 4 5 6]: 6 channels do not fall into 0 groups": func() { tensor.GroupNorm(picture, nil, nil, 0, 1e-5) },
		"GroupNorm [5]: gamma must be [6]":                          func() { tensor.GroupNorm(picture, tensor.New(5), nil, 2, 1e-5) },
		"GroupNormSiLU [6 1]: beta must be [6]":                     func() { tensor.GroupNormSiLU(picture, nil, tensor.New(6, 1), 2, 1e-5) },
		"GroupNorm [3]: want [n, ..., c]":                           func() { tensor.GroupNorm(v, nil, nil, 3, 1e-5) },
		"NormConv2D [1 4 5 6]: 6 channels do not fall into 4 groups": func() {
			tensor.NormConv2D(picture, tensor.Norm{Groups: 4}, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
		},
		"NormConv2D [5]: gamma must be [6]": func() {
			tensor.NormConv2D(picture, tensor.Norm{Gamma: tensor.New(5), Groups: 2}, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
		},
		"NormConv2D [1 4 6]: want [n, h, w, c], got 3 axes": func() {
			tensor.NormConv2D(tokens, tensor.Norm{Groups: 2}, conv, tensor.Epilogue{}, 1, tensor.Pad(1))
		},
		"NormConv2D [1 4 5 6]: a 3×3 kernel with stride 0": func() {
			tensor.NormConv2D(picture, tensor.Norm{Groups: 2}, conv, tensor.Epilogue{}, 0, tensor.Pad(1))
		},
		"UpsampleConv2D [1 4 5 6]: no 0×3 picture":             func() { tensor.UpsampleConv2D(picture, 0, 3, conv, tensor.Epilogue{}, 1, tensor.Pad(1)) },
		"UpsampleConv2D [1 4 5 6]: a 3×3 kernel with stride 1": func() { tensor.UpsampleConv2D(picture, 2, 3, conv, tensor.Epilogue{}, 1, tensor.Pad(0)) },
		"LayerNorm []: want [..., c]":                          func() { tensor.LayerNorm(scalar, nil, nil, 1e-5) },
		"LayerNorm [2]: gamma must be [3]":                     func() { tensor.LayerNorm(x, tensor.New(2), nil, 1e-5) },
		"LayerNorm [1 3]: beta must be [3]":                    func() { tensor.LayerNorm(x, nil, tensor.New(1, 3), 1e-5) },
		"Softmax []: want [..., c]":                            func() { tensor.Softmax(scalar) },
		"Attention [2 3]: want q [n, queries, c]":              attention(x, tokens, tokens, one),
		"Attention [2 3]: want k [n, keys, c]":                 attention(tokens, x, x, one),
		"Attention [1 4 6], [1 5 6], [1 4 6]: want q":          attention(tokens, five, tokens, one),
		"Attention [1 4 6], [2 4 6], [2 4 6]: want q":          attention(tokens, two, two, one),
		"Attention [1 4 6], [1 4 3], [1 4 3]: want q":          attention(tokens, narrow, narrow, one),
		"Attention [1 4 6], [1 4 6], [1 4 6]: 6 channels":      self(tensor.AttnParams{}),
		"scale -1: want a finite one above 0":                  self(tensor.AttnParams{Heads: 2, Scale: -1}),
		"scale NaN: want a finite one above 0":                 self(tensor.AttnParams{Heads: 2, Scale: nan}),
		"[1 4 6]: Mass is asked for without Regions":           self(tensor.AttnParams{Heads: 2, Mass: []float32{0}}),
		"[1 4 6]: causal attention takes no regions":           self(tensor.AttnParams{Heads: 2, Causal: true, Regions: plain}),
		"[1 5 6]: regions label 4 tokens":                      attention(five, five, five, tensor.AttnParams{Heads: 2, Regions: plain}),
		"[1 4 6]: Mass has 3 places, want 8":                   self(tensor.AttnParams{Heads: 2, Regions: plain, Mass: make([]float32, 3)}),
		"[1 4 6]: regions: rules for 0 labels, want 1 … 16":    self(tensor.AttnParams{Heads: 2, Regions: mute}),
	} {
		t.Run(want, func(t *testing.T) {
			err := caught(f)
			require.ErrorContains(t, err, want)
			assert.Regexp(t, "^tensor: [A-Z]", err.Error())
			var typed *tensor.Error
			require.ErrorAs(t, err, &typed)
			assert.NotEmpty(t, typed.Op)
			assert.NotEmpty(t, typed.Reason)
		})
	}
}

func TestCatch(t *testing.T) {
	require.NoError(t, caught(func() {}))

	// The error of the function itself is kept when nothing panics.
	own := errors.New("own")
	require.Equal(t, own, func() (err error) {
		defer tensor.Catch(&err)
		return own
	}())

	// A panic that is not an operator's is a bug and goes on.
	bug := errors.New("index out of range")
	assert.PanicsWithValue(t, bug, func() { _ = caught(func() { panic(bug) }) })
	assert.PanicsWithError(t, "runtime error: integer divide by zero", func() { zero := 0; _ = caught(func() { _ = 1 / zero }) })
}

// TestShapesOfAnErrorAreItsOwn: an error is kept and logged later, when the tensor may long be something else.
func TestShapesOfAnErrorAreItsOwn(t *testing.T) {
	x := tensor.New(2, 3)
	err := caught(func() { tensor.Slice(x, 5, 0, 1) })
	require.NoError(t, x.Reshape(6))
	require.ErrorContains(t, err, "Slice [2 3]")
}
