package tensor_test

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// newArenaEngine returns an engine whose arenas no other test has.
func newArenaEngine(t *testing.T) tensor.Engine {
	e := arenaEngine{test: t}
	t.Cleanup(func() { tensor.ReleaseArenas(e) })
	return e
}

type arenaEngine struct {
	tensor.CPU
	test *testing.T
}

// chain returns 4x after a few operators, one of them in a scope.
func chain(x *tensor.Tensor) (y *tensor.Tensor) {
	defer tensor.Tidy(x).Keep(&y)
	double := func(x *tensor.Tensor) (y *tensor.Tensor) {
		defer tensor.Tidy(x).Keep(&y)
		zero := tensor.Sub(x, x)
		return tensor.Add(tensor.Add(x, zero), tensor.Add(x, zero))
	}
	return tensor.Reshape(double(double(x)), x.Shape()...)
}

func TestArenaIsReused(t *testing.T) {
	e := newArenaEngine(t)
	const n, block = 1000, 1024 * 4 // bytes of one result, with its padding
	x := tensor.To(e, count(n))
	want := tensor.Floats(tensor.Scale(count(n), 4))

	for range 100 {
		arena := tensor.Borrow(e)
		in := arena.Enter(x)
		require.Equal(t, e, tensor.Device(in))
		require.Same(t, &tensor.Floats(x)[0], &tensor.Floats(in)[0], "what lives there already is not copied")
		y, z := chain(in), chain(in)
		require.Equal(t, want, tensor.Floats(y))
		arena.Return(&y, &z)
		require.Equal(t, tensor.CPU{}, y.Engine(), "results lie in ordinary memory")
		require.Equal(t, want, tensor.Floats(y))
		require.Equal(t, want, tensor.Floats(z))
	}
	require.EqualValues(t, 6*block, tensor.ArenaPeak(e), "y, and in the second half of z: its first half, three temporaries, the result")
	tensor.ReleaseArenas(e)
	require.Zero(t, tensor.ArenaPeak(e))
}

// TestArenaAllocatesNothing: from the second evaluation on, only headers come from the heap.
func TestArenaAllocatesNothing(t *testing.T) {
	e := newArenaEngine(t)
	x := tensor.To(e, tensor.New(1<<20))
	var before, after runtime.MemStats
	for range 3 {
		runtime.ReadMemStats(&before)
		arena := tensor.Borrow(e)
		chain(arena.Enter(x))
		arena.Return()
		runtime.ReadMemStats(&after)
	}
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "one result has 4 MB; headers and what the runtime does meanwhile are not meant")
}

// TestArenaIsPoisoned: what is read after it was given back, or before it was written, is seen.
func TestArenaIsPoisoned(t *testing.T) {
	tensor.PoisonArenas(true)
	defer tensor.PoisonArenas(false)
	e := newArenaEngine(t)
	arena := tensor.Borrow(e)
	x := arena.Enter(tensor.To(e, count(3)))
	scope := tensor.Tidy(x)
	y := tensor.Scale(x, 2)
	memory := tensor.Floats(y)
	require.Equal(t, []float32{0, 2, 4}, memory)
	require.Equal(t, []float32{0, 0, 0}, tensor.Floats(tensor.NewOn(x.Engine().(tensor.Engine), 3)), "what is asked to be zero is")
	scope.Keep()
	for _, v := range memory {
		require.True(t, math.IsNaN(float64(v)))
	}
	arena.Return()
}

func TestArenaRefuses(t *testing.T) {
	e := newArenaEngine(t)
	arena := tensor.Borrow(e)
	x := tensor.To(e, count(3))
	in := arena.Enter(x)
	scope := tensor.Tidy(in)
	y := tensor.Scale(in, 2)
	view := tensor.Reshape(y, 1, 3)
	scope.Keep()
	const gone = "memory that was given back: the tensor is used after its Tidy or its Borrow has ended"
	require.ErrorContains(t, caught(func() { tensor.Add(in, y) }), "tensor: Add [3], [3]: "+gone)
	require.ErrorContains(t, caught(func() { tensor.Floats(view) }), "tensor: Floats [1 3]: "+gone)

	other := tensor.Borrow(e)
	require.NotSame(t, arena, other, "evaluations at the same time")
	require.ErrorContains(t, caught(func() { tensor.Add(in, other.Enter(x)) }), "tensor: Add [3], [3]: tensors of two evaluations")
	other.Return()
	arena.Return()
	require.ErrorContains(t, caught(func() { tensor.Scale(in, 2) }), "tensor: Scale [3]: "+gone)
	require.Equal(t, []float32{0, 2, 4}, tensor.Floats(tensor.Scale(x, 2)), "what was brought in lives on")
	require.Nil(t, tensor.Borrow(e).Enter(nil))
}

// TestArenaSettles: blocks taken and given back in any order never overlap, and what had to be allocated piece by piece is one piece the
// second time.
func TestArenaSettles(t *testing.T) {
	e := newArenaEngine(t)
	sizes := []int{5 << 20, 1, 3 << 20, 6 << 20, 64, 2 << 20, 9 << 20, 65, 4 << 20}
	evaluate := func() {
		arena := tensor.Borrow(e)
		x := arena.Enter(tensor.To(e, tensor.New(1)))
		var all []*tensor.Tensor
		for i, n := range slices.Concat(sizes, sizes) {
			scope := tensor.Tidy(x)
			v := tensor.BroadcastTo(tensor.Affine(x, 1, float32(i)), n)
			scope.Keep(&v)
			all = append(all, v)
		}
		for i, v := range all {
			data := tensor.Floats(v)
			require.Equal(t, [2]float32{float32(i), float32(i)}, [2]float32{data[0], data[len(data)-1]})
		}
		arena.Return()
	}
	evaluate()
	once := tensor.ArenaPeak(e)
	evaluate()
	require.LessOrEqual(t, tensor.ArenaPeak(e), once)
}
