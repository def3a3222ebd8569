package tensor_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

var mixed = tensor.CPU{Precision: tensor.Mixed}

// gaussian returns normal numbers on e.
func gaussian(e tensor.Engine, seed uint64, shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 7))
	t := tensor.NewOn(e, shape...)
	x := tensor.Floats(t)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return t
}

// rounded returns t with its elements rounded to bfloat16, on the CPU in float32.
func rounded(t *tensor.Tensor) *tensor.Tensor { return tensor.FromBF16(tensor.ToBF16(t), t.Shape()...) }

// TestMixed: in linear layers, 1×1 convolutions and attention Mixed is float32 on rounded numbers; in all else it is float32.
func TestMixed(t *testing.T) {
	x, bias := gaussian(mixed, 1, 2, 5, 6, 40), gaussian(mixed, 2, 30)
	plain := tensor.To(tensor.CPU{}, x)
	require.Equal(t, tensor.Engine(mixed), tensor.Device(x))

	linear := tensor.Linear(x, tensor.PackLinear(gaussian(mixed, 3, 30, 40)), tensor.Epilogue{Bias: bias})
	w := gaussian(tensor.CPU{}, 3, 30, 40)
	b := tensor.To(tensor.CPU{}, bias)
	assert.InDeltaSlice(t, tensor.Floats(tensor.Linear(rounded(x), tensor.PackLinear(rounded(w)), tensor.Epilogue{Bias: b})), tensor.Floats(linear), 1e-5)
	assert.NotEqual(t, tensor.Floats(tensor.Linear(plain, tensor.PackLinear(w), tensor.Epilogue{Bias: b})), tensor.Floats(linear))

	pointwise := tensor.Conv2D(x, tensor.PackConv(gaussian(mixed, 3, 30, 40, 1, 1)), tensor.Epilogue{Bias: bias}, 1, tensor.Pad(0))
	assert.Equal(t, tensor.Floats(linear), tensor.Floats(pointwise))

	conv := tensor.Conv2D(x, tensor.PackConv(gaussian(mixed, 4, 30, 40, 3, 3)), tensor.Epilogue{Bias: bias}, 1, tensor.Pad(1))
	assert.Equal(t, tensor.Floats(tensor.Conv2D(plain, tensor.PackConv(gaussian(tensor.CPU{}, 4, 30, 40, 3, 3)), tensor.Epilogue{Bias: b}, 1, tensor.Pad(1))), tensor.Floats(conv))

	assert.Equal(t, tensor.Floats(tensor.GroupNorm(plain, nil, nil, 4, 1e-5)), tensor.Floats(tensor.GroupNorm(x, nil, nil, 4, 1e-5)))
	assert.Equal(t, tensor.Floats(tensor.Softmax(plain)), tensor.Floats(tensor.Softmax(x)))

	q := tensor.Reshape(x, 2, 30, 40)
	p := tensor.AttnParams{Heads: 4}
	attention := tensor.Attention(q, q, q, p)
	r := rounded(q)
	assert.InDeltaSlice(t, tensor.Floats(tensor.Attention(r, r, r, p)), tensor.Floats(attention), 4*0x1p-8)
	assert.NotEqual(t, tensor.Floats(tensor.Attention(r, r, r, p)), tensor.Floats(attention))
}

// TestMixedIsAnotherEngine: tensors of two precisions do not meet by accident.
func TestMixedIsAnotherEngine(t *testing.T) {
	x := gaussian(tensor.CPU{}, 1, 3, 4)
	require.ErrorContains(t, caught(func() { tensor.Add(x, tensor.To(mixed, x)) }), "different engines, tensor.CPU and tensor.CPU (mixed)")
	w := tensor.PackLinear(tensor.To(mixed, x))
	require.ErrorContains(t, caught(func() { tensor.Linear(x, w, tensor.Epilogue{}) }), "another engine, tensor.CPU (mixed), than tensor.CPU")
	arena := tensor.Borrow(mixed)
	y := tensor.Linear(arena.Enter(x), w, tensor.Epilogue{})
	arena.Return(&y)
	assert.Equal(t, tensor.Engine(tensor.CPU{}), tensor.Device(y))
}

// TestF16IsTheGPUs: a processor refuses, by name and with weights that somebody gives its engine all the same.
func TestF16IsTheGPUs(t *testing.T) {
	_, _, err := tensor.OpenEngine("cpu", tensor.F16)
	require.ErrorContains(t, err, "no products of precision f16: use f32 or mixed")
	e := tensor.CPU{Precision: tensor.F16}
	require.ErrorContains(t, caught(func() { tensor.PackLinear(gaussian(e, 1, 3, 4)) }), "no products of precision f16")
	require.ErrorContains(t, caught(func() { tensor.PackConv(gaussian(e, 1, 3, 4, 3, 3)) }), "no products of precision f16")
}

func TestPrecisionText(t *testing.T) {
	for _, p := range tensor.Precisions() {
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var back tensor.Precision
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, p, back)
	}
	var p tensor.Precision
	require.ErrorContains(t, p.UnmarshalText([]byte("bf16")), `precision "bf16": want f32, mixed or f16`)
}
