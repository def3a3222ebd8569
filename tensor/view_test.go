package tensor_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/tensor"
)

// count returns a tensor of 0, 1, 2, … of the given shape.
func count(shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	for i := range tensor.Floats(t) {
		tensor.Floats(t)[i] = float32(i)
	}
	return t
}

// gorgonia makes a tensor as gorgonia's users do, with its own engine and without this package.
func gorgonia(shape ...int) *tensor.Tensor {
	return gt.New(gt.WithShape(shape...), gt.WithBacking(gt.Range(gt.Float32, 0, gt.Shape(shape).TotalSize())))
}

func view(t *testing.T, x *tensor.Tensor, slices ...gt.Slice) *tensor.Tensor {
	t.Helper()
	v, err := x.Slice(slices...)
	require.NoError(t, err)
	return v.(*tensor.Tensor)
}

func turned(t *testing.T, x *tensor.Tensor, axes ...int) *tensor.Tensor {
	t.Helper()
	require.NoError(t, x.T(axes...))
	return x
}

// TestGorgoniaViews takes what gorgonia's Slice, T and column-major tensors make through Contiguous, Floats and an operator.
func TestGorgoniaViews(t *testing.T) {
	for _, test := range []struct {
		name  string
		x     *tensor.Tensor
		shape []int
		want  []float32
		same  bool // memory
	}{
		{"whole", gorgonia(2, 3), []int{2, 3}, []float32{0, 1, 2, 3, 4, 5}, true},
		{"rows", view(t, gorgonia(4, 3), gt.S(1, 3)), []int{2, 3}, []float32{3, 4, 5, 6, 7, 8}, true},
		{"columns", view(t, gorgonia(3, 4), nil, gt.S(1, 3)), []int{3, 2}, []float32{1, 2, 5, 6, 9, 10}, false},
		{"one column", view(t, gorgonia(3, 4), nil, gt.S(1)), []int{3}, []float32{1, 5, 9}, false},
		{"all columns", view(t, gorgonia(2, 3), nil, gt.S(0, 3)), []int{2, 3}, []float32{0, 1, 2, 3, 4, 5}, true},
		{"one element", view(t, gorgonia(3, 4), gt.S(1), gt.S(2)), []int{}, []float32{6}, true},
		{"every other", view(t, gorgonia(3, 5), nil, gt.S(0, 5, 2)), []int{3, 3}, []float32{0, 2, 4, 5, 7, 9, 10, 12, 14}, false},
		{"middle", view(t, gorgonia(2, 3, 4), nil, gt.S(1, 3), gt.S(1, 3)), []int{2, 2, 2}, []float32{5, 6, 9, 10, 17, 18, 21, 22}, false},
		{"turned", turned(t, gorgonia(2, 3)), []int{3, 2}, []float32{0, 3, 1, 4, 2, 5}, false},
		{"turned about", turned(t, gorgonia(2, 2, 3), 1, 2, 0), []int{2, 3, 2}, []float32{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}, false},
		{"turned vector", turned(t, gorgonia(4, 1)), []int{1, 4}, []float32{0, 1, 2, 3}, true},
		{"a slice turned", turned(t, view(t, gorgonia(3, 4), nil, gt.S(1, 3))), []int{2, 3}, []float32{1, 5, 9, 2, 6, 10}, false},
		{"a slice of what is turned", view(t, turned(t, gorgonia(3, 4)), gt.S(1, 3)), []int{2, 3}, []float32{1, 5, 9, 2, 6, 10}, false},
		{"column-major", gt.New(gt.WithShape(2, 2), gt.AsFortran([]float32{0, 1, 2, 3})), []int{2, 2}, []float32{0, 1, 2, 3}, false},
		{"column-major row", gt.New(gt.WithShape(1, 3), gt.AsFortran([]float32{0, 1, 2})), []int{1, 3}, []float32{0, 1, 2}, true},
		{"column-major number", gt.New(gt.WithShape(1, 1), gt.AsFortran([]float32{5})), []int{1, 1}, []float32{5}, true},
		{"scalar", gt.New(gt.FromScalar(float32(7))), []int{}, []float32{7}, true},
		{"one by one", gorgonia(1, 1), []int{1, 1}, []float32{0}, true},
		{"of another engine", gt.New(gt.WithShape(1), gt.WithBacking([]float32{1}), gt.WithEngine(gt.Float32Engine{})), []int{1}, []float32{1}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := tensor.Contiguous(test.x)
			require.Equal(t, gt.Shape(test.shape), c.Shape())
			require.Equal(t, test.want, tensor.Floats(c))
			require.Equal(t, test.want, tensor.Floats(test.x))
			require.Equal(t, test.same, c == test.x)
			require.Equal(t, test.same, &tensor.Floats(test.x)[0] == &test.x.Float32s()[0])

			y := tensor.Affine(test.x, 2, 1)
			require.Equal(t, gt.Shape(test.shape), y.Shape())
			for i, v := range tensor.Floats(y) {
				require.Equal(t, 2*test.want[i]+1, v)
			}
			flat := tensor.Reshape(test.x, -1)
			require.Equal(t, test.want, tensor.Floats(flat))
			require.Equal(t, gt.Shape(test.shape), test.x.Shape(), "Reshape changed its argument")
		})
	}
}

// TestGorgoniaTakesOurs: results go back into gorgonia's own methods.
func TestGorgoniaTakesOurs(t *testing.T) {
	x := tensor.Add(count(2, 3), tensor.Full(1, 2, 3))
	sum, err := x.Add(x)
	require.NoError(t, err)
	require.Equal(t, []float32{2, 4, 6, 8, 10, 12}, sum.Data())
	at, err := x.At(1, 2)
	require.NoError(t, err)
	require.Equal(t, float32(6), at)
	require.Equal(t, tensor.CPU{}, x.Clone().(*tensor.Tensor).Engine())
}

// TestEveryOperandMayBeAView runs operators of several arguments on views and on copies of them.
func TestEveryOperandMayBeAView(t *testing.T) {
	cut := func(shape ...int) *tensor.Tensor { // a view with gaps in every row
		wide := slices.Clone(shape)
		wide[len(wide)-1] += 3
		return view(t, gorgonia(wide...), append(make([]gt.Slice, len(shape)-1), gt.S(1, shape[len(shape)-1]+1))...)
	}
	line := func(n int) *tensor.Tensor { return view(t, gorgonia(n, 4), nil, gt.S(1)) }
	type list = []*tensor.Tensor
	for name, test := range map[string]struct {
		args list
		f    func(a list) *tensor.Tensor
	}{
		"Add":    {list{cut(3, 4), line(4)}, func(a list) *tensor.Tensor { return tensor.Add(a[0], a[1]) }},
		"MatMul": {list{cut(3, 4), cut(4, 5)}, func(a list) *tensor.Tensor { return tensor.MatMul(a[0], a[1]) }},
		"Linear": {list{cut(3, 4), cut(5, 4), line(5)}, func(a list) *tensor.Tensor {
			return tensor.Linear(a[0], tensor.PackLinear(a[1]), tensor.Epilogue{Bias: a[2]})
		}},
		"Linear gated": {list{cut(3, 4), cut(10, 4), line(10)}, func(a list) *tensor.Tensor {
			return tensor.Linear(a[0], tensor.PackGated(a[1]), tensor.Epilogue{Bias: a[2]})
		}},
		"Linear on a residual": {list{cut(3, 4), cut(5, 4), cut(3, 5)}, func(a list) *tensor.Tensor {
			return tensor.Linear(a[0], tensor.PackLinear(a[1]), tensor.Epilogue{Residual: a[2]})
		}},
		"Linear on a residual for all": {list{cut(2, 3, 4), cut(5, 4), cut(1, 3, 5)}, func(a list) *tensor.Tensor {
			return tensor.Linear(a[0], tensor.PackLinear(a[1]), tensor.Epilogue{Residual: a[2]})
		}},
		"Conv2D": {list{cut(1, 3, 3, 2), cut(4, 2, 3, 3), line(4)}, func(a list) *tensor.Tensor {
			return tensor.Conv2D(a[0], tensor.PackConv(a[1]), tensor.Epilogue{Bias: a[2]}, 1, tensor.Pad(1))
		}},
		"GroupNorm": {list{cut(2, 3, 4), line(4), line(4)}, func(a list) *tensor.Tensor {
			return tensor.GroupNorm(a[0], a[1], a[2], 2, 1e-5)
		}},
		"NormConv2D": {list{cut(1, 3, 3, 2), cut(4, 2, 3, 3), line(4), line(2), line(2), cut(1, 3, 3, 4)}, func(a list) *tensor.Tensor {
			norm := tensor.Norm{Gamma: a[3], Beta: a[4], Groups: 1, Eps: 1e-5}
			return tensor.NormConv2D(a[0], norm, tensor.PackConv(a[1]), tensor.Epilogue{Bias: a[2], Residual: a[5]}, 1, tensor.Pad(1))
		}},
		"UpsampleConv2D": {list{cut(1, 3, 3, 2), cut(4, 2, 3, 3), line(4)}, func(a list) *tensor.Tensor {
			return tensor.UpsampleConv2D(a[0], 6, 6, tensor.PackConv(a[1]), tensor.Epilogue{Bias: a[2]}, 1, tensor.Pad(1))
		}},
		"LayerNorm": {list{cut(3, 4), line(4), line(4)}, func(a list) *tensor.Tensor {
			return tensor.LayerNorm(a[0], a[1], a[2], 1e-5)
		}},
		"Attention": {list{cut(1, 3, 4), cut(1, 5, 4), cut(1, 5, 4)}, func(a list) *tensor.Tensor {
			return tensor.Attention(a[0], a[1], a[2], tensor.AttnParams{Heads: 2, Scale: 0.01})
		}},
		"Concat":          {list{cut(3, 4), cut(3, 2)}, func(a list) *tensor.Tensor { return tensor.Concat(1, a...) }},
		"Gather":          {list{cut(3, 4)}, func(a list) *tensor.Tensor { return tensor.Gather(a[0], []int32{2, 0}) }},
		"Slice":           {list{cut(3, 4)}, func(a list) *tensor.Tensor { return tensor.Slice(a[0], 1, 1, 3) }},
		"Split":           {list{cut(3, 4)}, func(a list) *tensor.Tensor { return tensor.Split(a[0], 1, 2)[1] }},
		"Permute":         {list{cut(3, 4, 2)}, func(a list) *tensor.Tensor { return tensor.Permute(a[0], 2, 0, 1) }},
		"BroadcastTo":     {list{line(5)}, func(a list) *tensor.Tensor { return tensor.BroadcastTo(a[0], 3, 5) }},
		"Softmax":         {list{cut(3, 4)}, func(a list) *tensor.Tensor { return tensor.Softmax(a[0]) }},
		"Sum":             {list{cut(3, 4)}, func(a list) *tensor.Tensor { return tensor.Sum(a[0], 0) }},
		"UpsampleNearest": {list{cut(1, 3, 4, 2)}, func(a list) *tensor.Tensor { return tensor.UpsampleNearest(a[0], 5, 8) }},
		"ToF16":           {list{cut(3, 4)}, func(a list) *tensor.Tensor { return tensor.FromF16(tensor.ToF16(a[0]), 3, 4) }},
	} {
		t.Run(name, func(t *testing.T) {
			var copies list
			var before [][]float32
			for _, x := range test.args {
				require.NotSame(t, x, tensor.Contiguous(x))
				copies = append(copies, tensor.Clone(x))
				before = append(before, slices.Clone(x.Float32s()))
			}
			got, want := test.f(test.args), test.f(copies)
			require.Equal(t, want.Shape(), got.Shape())
			require.Equal(t, tensor.Floats(want), tensor.Floats(got))
			for i, x := range test.args {
				require.Equal(t, before[i], x.Float32s(), "argument %d was changed", i)
				require.Equal(t, tensor.Floats(x), tensor.Floats(copies[i]), "argument %d was changed", i)
			}
			require.IsType(t, tensor.CPU{}, got.Engine())
		})
	}
}

// TestMemory says what shares memory and what does not.
func TestMemory(t *testing.T) {
	data := []float32{1, 2, 3, 4}
	x := tensor.FromSlice(data, 2, 2)
	tensor.Floats(x)[3] = 40
	assert.Equal(t, float32(40), data[3], "FromSlice and Floats are the memory itself")
	tensor.Floats(tensor.Reshape(x, 4))[0] = 10
	assert.Equal(t, float32(10), data[0], "so is a reshaped tensor")
	assert.Equal(t, gt.Shape{2, 2}, x.Shape())

	scalar := tensor.New()
	tensor.Floats(scalar)[0] = 5
	assert.Equal(t, float32(5), tensor.Floats(scalar)[0], "even of a scalar")

	for name, y := range map[string]*tensor.Tensor{
		"Clone": tensor.Clone(x), "Slice": tensor.Slice(x, 0, 0, 2), "Split": tensor.Split(x, 0, 1)[0],
		"Concat": tensor.Concat(0, x), "Permute": tensor.Permute(x, 0, 1), "BroadcastTo": tensor.BroadcastTo(x, 2, 2),
		"Scale": tensor.Scale(x, 1), "Clamp": tensor.Clamp(x, -99, 99), "Gather": tensor.Gather(x, []int32{0, 1}),
		"Add": tensor.Add(x, tensor.New(1)),
	} {
		require.Equal(t, data, tensor.Floats(y), name)
		tensor.Floats(y)[0]++
		require.Equal(t, float32(10), data[0], "%s shares memory", name)
	}

	column := view(t, x, nil, gt.S(1))
	tensor.Floats(column)[0] = 99
	assert.Equal(t, float32(2), data[1], "of a view with gaps there is only a copy")
}

// TestScalars takes tensors without axes through what accepts them.
func TestScalars(t *testing.T) {
	two, x := tensor.FromSlice([]float32{2}), tensor.FromSlice([]float32{1, 2, 3}, 3)
	require.Equal(t, 0, two.Dims())
	require.Equal(t, []float32{2, 4, 6}, tensor.Floats(tensor.Mul(two, x)))
	require.Equal(t, []float32{0.5, 1, 1.5}, tensor.Floats(tensor.Div(x, two)))
	four := tensor.Add(two, two)
	require.Equal(t, 0, four.Dims())
	require.Equal(t, []float32{4}, tensor.Floats(four))
	require.Equal(t, []float32{2}, tensor.Floats(tensor.Sum(two, -1)))
	require.Equal(t, []float32{2, 2, 2, 2}, tensor.Floats(tensor.BroadcastTo(two, 2, 2)))
	require.Equal(t, []float32{2}, tensor.Floats(tensor.BroadcastTo(two)))
	require.Equal(t, []float32{2}, tensor.Floats(tensor.Permute(two)))
	require.Equal(t, gt.Shape{1, 1}, tensor.Reshape(two, 1, 1).Shape())
	require.Equal(t, gt.ScalarShape(), tensor.Reshape(tensor.New(1, 1)).Shape())
	require.Equal(t, []uint16{0x4000}, tensor.ToF16(two))
	require.Equal(t, []float32{4}, tensor.Floats(tensor.Full(4)))
}

// TestMemoryOutlivesItsHeaders: a slice of Floats and a reshaped tensor keep the memory alive by themselves.
func TestMemoryOutlivesItsHeaders(t *testing.T) {
	var kept [][]float32
	for i := range 200 {
		kept = append(kept, tensor.Floats(tensor.Reshape(tensor.Full(float32(i), 64, 64), 4096)))
		if i%20 == 0 {
			runtime.GC()
		}
	}
	runtime.GC()
	for i, x := range kept {
		for _, v := range x {
			require.Equal(t, float32(i), v)
		}
	}
}
