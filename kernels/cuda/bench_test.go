//go:build cuda

package cuda

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// measured is a GPU on which kernels are timed, and normal numbers for them.
type measured struct {
	*Device
	b       *testing.B
	numbers []float32
}

func onGPU(b *testing.B) measured {
	d, err := Open(0)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, d.Close()) })
	random, numbers := rand.New(rand.NewPCG(1, 2)), make([]float32, 1<<20)
	for i := range numbers {
		numbers[i] = float32(random.NormFloat64())
	}
	return measured{d, b, numbers}
}

// room is memory for so many float32.
func (d measured) room(floats int) Pointer {
	at, err := d.Alloc(4 * max(1, floats))
	require.NoError(d.b, err)
	return at
}

// normal is n normal numbers, the same again after a million.
func (d measured) normal(n int) Pointer {
	x := make([]float32, n)
	for i := 0; i < n; i += len(d.numbers) {
		copy(x[i:], d.numbers)
	}
	at := d.room(n)
	require.NoError(d.b, Upload(d.Device, at, x))
	return at
}

// report times launches of so many operations, after they have been launched once.
func (d measured) report(b *testing.B, flop float64, launches []Launch) {
	seconds, err := d.Time(func() error {
		for range b.N {
			d.Launch(launches...)
		}
		return nil
	})
	require.NoError(b, err)
	each := seconds / float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(each*1e6, "µs")
	b.ReportMetric(flop/each/1e12, "TFLOP/s")
}
