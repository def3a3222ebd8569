package tensor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// TestSpend: a result takes the place of what was spent on it, and nothing reads that any more.
func TestSpend(t *testing.T) {
	linear, conv := tensor.PackLinear(normal(1, 3, 3)), tensor.PackConv(normal(3, 3, 3, 1, 1))
	norm := tensor.Norm{Groups: 3}
	arena := tensor.Borrow(tensor.CPU{})
	in := arena.Enter(normal(2, 2, 3))
	want := tensor.Floats(tensor.Linear(in, linear, tensor.Epilogue{Residual: tensor.Scale(in, 2)}))

	scope := tensor.Tidy(in)
	x := tensor.Scale(in, 2)
	place, spent := &tensor.Floats(x)[0], tensor.Spend(x)
	y := tensor.Linear(in, linear, tensor.Epilogue{Residual: spent})
	require.Equal(t, want, tensor.Floats(y))
	require.Same(t, place, &tensor.Floats(y)[0])
	const gone = "memory that was given back"
	require.ErrorContains(t, caught(func() { tensor.Scale(x, 2) }), gone)
	require.ErrorContains(t, caught(func() { tensor.Scale(spent, 2) }), gone)

	a, b := tensor.Reshape(tensor.Scale(in, 2), 1, 1, 2, 3), tensor.Reshape(tensor.Scale(in, 3), 1, 1, 2, 3)
	back := &tensor.Floats(b)[0]
	z := tensor.NormConv2D(tensor.Spend(b), norm, conv, tensor.Epilogue{Residual: tensor.Spend(a)}, 1, tensor.Padding{})
	require.Same(t, back, &tensor.Floats(z)[0], "of two, that which lies farther back")

	scope.Keep(&y)
	require.Equal(t, want, tensor.Floats(y), "it is kept as any result")
	tensor.Tidy(in).Keep()
	require.Equal(t, want, tensor.Floats(y))
	scope.Keep()
	require.ErrorContains(t, caught(func() { tensor.Scale(y, 2) }), gone, "and given back as any")

	// What another operator is given, what has another shape, what is repeated and what came in from outside stay where they are.
	spent = tensor.Spend(tensor.Scale(in, 2))
	require.NotSame(t, &tensor.Floats(spent)[0], &tensor.Floats(tensor.Scale(spent, 3))[0])
	row := tensor.Spend(tensor.Slice(in, 0, 0, 1))
	tensor.Linear(in, linear, tensor.Epilogue{Residual: row})
	tensor.Floats(row)
	picture := tensor.Spend(tensor.Reshape(tensor.Scale(in, 2), 1, 1, 2, 3))
	tensor.NormConv2D(picture, norm, conv, tensor.Epilogue{Residual: tensor.Reshape(row, 3)}, 1, tensor.Padding{})
	tensor.Floats(picture)
	require.Same(t, in, tensor.Spend(in))
	arena.Return()

	x = normal(2, 2, 3)
	require.Same(t, x, tensor.Spend(x), "ordinary memory is the garbage collector's")
}
