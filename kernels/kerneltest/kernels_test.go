package kerneltest_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// each runs a test under every implementation that this machine has.
func each(t *testing.T, f func(t *testing.T)) {
	was := kernels.Implementation()
	defer func() { require.NoError(t, kernels.SetImplementation(was)) }()
	for _, name := range kernels.Implementations() {
		require.NoError(t, kernels.SetImplementation(name))
		t.Run(name, f)
	}
}

// random gives n normal numbers, the same on every call with the same n.
func random(n int) []float32 { return randomSeed(n, 1) }

func randomSeed(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// guard is a bit pattern that no operation makes.
var guard = math.Float32frombits(0x7fc0dead)

// guarded gives n values between guard words, and a check that those are untouched. The slice ends where its values end.
func guarded(n int) (x []float32, check func(t *testing.T)) {
	const words = 67
	all := make([]float32, n+2*words)
	for i := range all {
		all[i] = guard
	}
	return all[words : words+n : words+n], func(t *testing.T) {
		t.Helper()
		for i, v := range all {
			if (i < words || i >= words+n) && math.Float32bits(v) != math.Float32bits(guard) {
				t.Fatalf("guard word %d of %d values was overwritten with %v", i-words, n, v)
			}
		}
	}
}

// threads runs f on one and on two threads and wants the same bytes.
func threads(t *testing.T, f func() []float32) []float32 {
	t.Helper()
	was := kernels.Threads()
	defer kernels.SetThreads(was)
	kernels.SetThreads(1)
	one := slices.Clone(f())
	kernels.SetThreads(2)
	two := f()
	for i := range one {
		if math.Float32bits(one[i]) != math.Float32bits(two[i]) {
			t.Fatalf("value %d is %v on one thread and %v on two", i, one[i], two[i])
		}
	}
	return one
}

// sums wants got within the error of a sum of k terms in any order: (√k + ulps) roundings of the size of all terms. The roundings
// of a sum are independent enough that √k of them is a wide bound (Higham 2002, §4.2: the rule of thumb n → √n).
func sums(t *testing.T, got []float32, want kerneltest.Result, k int, ulps float64) {
	t.Helper()
	require.Len(t, want.Want, len(got))
	for i, g := range got {
		tol := (math.Sqrt(float64(k)) + ulps) * kerneltest.Epsilon * want.Size[i]
		if diff := math.Abs(float64(g) - want.Want[i]); !(diff <= tol) {
			t.Fatalf("value %d: got %v, want %v within %.2g", i, g, want.Want[i], tol)
		}
	}
}

// near wants got within tol of want.
func near(t *testing.T, got []float32, want []float64, tol float64) {
	t.Helper()
	require.Len(t, want, len(got))
	for i, g := range got {
		if diff := math.Abs(float64(g) - want[i]); !(diff <= tol) {
			t.Fatalf("value %d: got %v, want %v within %.2g", i, g, want[i], tol)
		}
	}
}
