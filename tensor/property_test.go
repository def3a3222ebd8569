package tensor_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sowgen/sowgen/tensor"
)

// shapes draws a shape of up to four axes, some of them 1.
func shapes() *rapid.Generator[[]int] { return rapid.SliceOfN(rapid.IntRange(1, 6), 1, 4) }

// index walks over shape and calls f with each element's place and index.
func index(shape []int, f func(i int, at []int)) {
	at := make([]int, len(shape))
	for i := range size(shape) {
		f(i, at)
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if at[axis]++; at[axis] < shape[axis] {
				break
			}
			at[axis] = 0
		}
	}
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// element is x[at...], the index aligned at the last axis; an axis of 1 repeats.
func element(x *tensor.Tensor, at []int) float32 {
	i, s := 0, x.Shape()
	for axis, d := range s {
		i *= d
		if d > 1 {
			i += at[len(at)-len(s)+axis]
		}
	}
	return tensor.Floats(x)[i]
}

// TestBroadcasting compares two operators and BroadcastTo with NumPy's rule, element by element.
func TestBroadcasting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		common := shapes().Draw(t, "common")
		side := func(label string) *tensor.Tensor {
			shape := slices.Clone(common)
			for axis := range shape {
				if rapid.Bool().Draw(t, label+" repeats") {
					shape[axis] = 1
				}
			}
			skip := rapid.IntRange(0, len(shape)).Draw(t, label+" skips")
			return count(shape[skip:]...)
		}
		x, y := side("x"), tensor.Affine(side("y"), 10, 0.5)
		wide := make([]int, len(common)) // what the two have in common
		for axis := range wide {
			wide[axis] = 1
			for _, s := range [][]int{x.Shape(), y.Shape()} {
				if from := len(common) - len(s); axis >= from {
					wide[axis] = max(wide[axis], s[axis-from])
				}
			}
		}
		wide = wide[len(wide)-max(x.Dims(), y.Dims()):]

		sum, quotient := tensor.Add(x, y), tensor.Div(x, y)
		require.Equal(t, tensor.Shape(wide), sum.Shape())
		index(wide, func(i int, at []int) {
			require.Equal(t, element(x, at)+element(y, at), tensor.Floats(sum)[i])
			require.Equal(t, element(x, at)/element(y, at), tensor.Floats(quotient)[i])
		})

		repeated := tensor.BroadcastTo(x, common...)
		index(common, func(i int, at []int) {
			require.Equal(t, element(x, at), tensor.Floats(repeated)[i])
		})
	})
}

func TestPermuting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := shapes().Draw(t, "shape")
		x := count(shape...)
		axes := make([]int, len(shape))
		for i := range axes {
			axes[i] = i
		}
		axes = rapid.Permutation(axes).Draw(t, "axes")
		y := tensor.Permute(x, axes...)

		from := make([]int, len(shape))
		index(y.Shape(), func(i int, at []int) {
			for axis, a := range axes {
				from[a] = at[axis]
			}
			require.Equal(t, element(x, from), tensor.Floats(y)[i])
		})

		back := make([]int, len(axes))
		for i, a := range axes {
			back[a] = i
		}
		z := tensor.Permute(y, back...)
		require.Equal(t, x.Shape(), z.Shape())
		require.Equal(t, tensor.Floats(x), tensor.Floats(z))

		// gorgonia's T makes a view of the same.
		turned := tensor.Clone(x)
		require.NoError(t, turned.T(axes...))
		if slices.Equal([]int(turned.Shape()), []int(y.Shape())) { // gorgonia takes some orders of axes of 1 for none
			require.Equal(t, tensor.Floats(y), tensor.Floats(turned))
		}
	})
}

func TestCuttingAndJoining(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := shapes().Draw(t, "shape")
		axis := rapid.IntRange(0, len(shape)-1).Draw(t, "axis")
		parts := rapid.IntRange(1, 4).Draw(t, "parts")
		shape[axis] *= parts
		x := count(shape...)
		z := tensor.Concat(axis, tensor.Split(x, axis, parts)...)
		require.Equal(t, x.Shape(), z.Shape())
		require.Equal(t, tensor.Floats(x), tensor.Floats(z))

		cut := rapid.IntRange(1, shape[axis]).Draw(t, "cut")
		pieces := []*tensor.Tensor{tensor.Slice(x, axis, 0, cut)}
		if cut < shape[axis] {
			pieces = append(pieces, tensor.Slice(x, axis, cut, shape[axis]))
		}
		require.Equal(t, tensor.Floats(x), tensor.Floats(tensor.Concat(axis, pieces...)))

		from := rapid.IntRange(0, shape[axis]-1).Draw(t, "from")
		to := rapid.IntRange(from+1, shape[axis]).Draw(t, "to")
		y := tensor.Slice(x, axis, from, to)
		index(y.Shape(), func(i int, at []int) {
			at = slices.Clone(at)
			at[axis] += from
			require.Equal(t, element(x, at), tensor.Floats(y)[i])
		})
	})
}

func TestReshaping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := shapes().Draw(t, "shape")
		x := count(shape...)
		other := rapid.Permutation(shape).Draw(t, "other")
		y := tensor.Reshape(x, other...)
		require.Equal(t, tensor.Shape(other), y.Shape())
		require.Equal(t, tensor.Floats(x), tensor.Floats(y))

		free := slices.Clone(other)
		free[rapid.IntRange(0, len(free)-1).Draw(t, "free")] = -1
		require.Equal(t, tensor.Shape(other), tensor.Reshape(x, free...).Shape())
		require.Equal(t, tensor.Shape{shape[0], size(shape) / shape[0]}, tensor.Flatten(x).Shape())
	})
}

func TestReducing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := shapes().Draw(t, "shape")
		axis := rapid.IntRange(0, len(shape)-1).Draw(t, "axis")
		x := count(shape...)
		rest := append(slices.Clone(shape[:axis]), shape[axis+1:]...)
		sum, least, most := make([]float32, size(rest)), slices.Repeat([]float32{math.MaxFloat32}, size(rest)), make([]float32, size(rest))
		index(shape, func(i int, at []int) {
			to := 0
			for a, d := range shape {
				if a != axis {
					to = to*d + at[a]
				}
			}
			v := tensor.Floats(x)[i]
			sum[to], least[to], most[to] = sum[to]+v, min(least[to], v), max(most[to], v)
		})
		want := map[string][]float32{"sum": sum, "min": least, "max": most}
		got := map[string]*tensor.Tensor{"sum": tensor.Sum(x, axis), "min": tensor.ReduceMin(x, axis), "max": tensor.ReduceMax(x, axis)}
		for name, y := range got {
			if len(rest) > 0 {
				require.Equal(t, tensor.Shape(rest), y.Shape())
			}
			require.Equal(t, want[name], tensor.Floats(y), name)
		}
		n := float32(size(shape)) // of 0 … n-1 the sum is n(n-1)/2
		require.Equal(t, []float32{n * (n - 1) / 2}, tensor.Floats(tensor.Sum(x, -1)))
		require.Equal(t, []float32{(n - 1) / 2}, tensor.Floats(tensor.Mean(x, -1)))
	})
}

// TestProducts: the three ways to a matrix product are one.
func TestProducts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, k, n := rapid.IntRange(1, 20).Draw(t, "m"), rapid.IntRange(1, 20).Draw(t, "k"), rapid.IntRange(1, 40).Draw(t, "n")
		batch := rapid.IntRange(1, 3).Draw(t, "batch")
		a, b := count(batch, m, k), tensor.Affine(count(n, k), -1, 7) // whole numbers: every sum is exact
		want := tensor.Linear(a, tensor.PackLinear(b), tensor.Epilogue{})
		require.Equal(t, tensor.Floats(want), tensor.Floats(tensor.MatMulT(a, b)))
		require.Equal(t, tensor.Floats(want), tensor.Floats(tensor.MatMul(a, tensor.Permute(b, 1, 0))))
		stack := tensor.BroadcastTo(tensor.Reshape(b, 1, n, k), batch, n, k)
		require.Equal(t, tensor.Floats(want), tensor.Floats(tensor.MatMulT(a, stack)))
		picture := tensor.Conv2D(tensor.Reshape(a, batch, m, 1, k), tensor.PackConv(tensor.Reshape(b, n, k, 1, 1)), tensor.Epilogue{}, 1, tensor.Pad(0))
		require.Equal(t, tensor.Floats(want), tensor.Floats(picture))
	})
}
