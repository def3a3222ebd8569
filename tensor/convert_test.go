package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// format is a binary floating point format of 16 bits.
type format struct {
	name           string
	exponent, bits int // of the exponent and of the fraction
	from           func(h []uint16, shape ...int) *tensor.Tensor
	to             func(t *tensor.Tensor) []uint16
}

var formats = []format{
	{"f16", 5, 10, tensor.FromF16, tensor.ToF16},
	{"bf16", 8, 7, tensor.FromBF16, tensor.ToBF16},
}

// value is what the pattern h stands for, by the definition of IEEE 754.
func (f format) value(h uint16) float64 {
	bias := 1<<(f.exponent-1) - 1
	e, fraction := int(h)>>f.bits&(1<<f.exponent-1), float64(int(h)&(1<<f.bits-1))/float64(int(1)<<f.bits)
	sign := 1 - 2*float64(h>>15)
	switch {
	case e == 1<<f.exponent-1 && fraction != 0:
		return math.NaN()
	case e == 1<<f.exponent-1:
		return math.Inf(int(sign))
	case e == 0:
		return math.Copysign(math.Ldexp(fraction, 1-bias), sign)
	}
	return sign * math.Ldexp(1+fraction, e-bias)
}

// TestAll65536Patterns widens every pattern to the number it stands for and narrows it back to itself; NaN only has to stay NaN.
func TestAll65536Patterns(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			all := make([]uint16, 1<<16)
			for i := range all {
				all[i] = uint16(i)
			}
			x := f.from(all, 256, 256)
			back := f.to(x)
			for i, v := range tensor.Floats(x) {
				want := f.value(all[i])
				if math.IsNaN(want) {
					require.True(t, v != v, "%#04x became %v", all[i], v)
					require.True(t, math.IsNaN(f.value(back[i])), "%#04x came back as %#04x", all[i], back[i])
					continue
				}
				require.Equal(t, math.Float64bits(want), math.Float64bits(float64(v)), "%#04x became %v, want %v", all[i], v, want)
				require.Equal(t, all[i], back[i])
			}
		})
	}
}

// nearest is the pattern nearest to v, to even in a tie, found among the two neighbours of v in the order of the patterns.
func (f format) nearest(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 1<<15, -v
	}
	infinite := uint16((1<<f.exponent - 1) << f.bits)
	low, high := uint16(0), infinite // value(low) ≤ v, value(high) > v; the patterns of positive numbers are in order
	for high-low > 1 {
		if middle := low + (high-low)/2; f.value(middle) <= v {
			low = middle
		} else {
			high = middle
		}
	}
	above := f.value(high)
	if high == infinite { // rounding takes it for the next power of two
		above = 2 * f.value(infinite-1<<f.bits)
	}
	down, up := v-f.value(low), above-v
	if math.IsInf(v, 1) || up < down || up == down && low&1 == 1 {
		return sign | high
	}
	return sign | low
}

func TestRoundsToNearestEven(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			var x []float32
			add := func(v float32) {
				for _, v := range []float32{v, math.Nextafter32(v, 9e9), math.Nextafter32(v, -9e9)} {
					x = append(x, v, -v)
				}
			}
			for h := range uint16((1<<f.exponent-1)<<f.bits - 1) { // every number, and the middle between it and the next
				a, b := f.value(h), f.value(h+1)
				add(float32(a))
				add(float32(a + (b-a)/2))
			}
			add(65504)
			add(65520)
			add(math.MaxFloat32)
			add(math.SmallestNonzeroFloat32)
			r := rand.New(rand.NewPCG(1, 2))
			for range 100000 {
				if v := math.Float32frombits(r.Uint32()); v == v {
					x = append(x, v)
				}
			}
			got := f.to(tensor.FromSlice(x, len(x)))
			for i, v := range x {
				if want := f.nearest(float64(v)); want != got[i] {
					t.Fatalf("%v (%#08x) became %#04x, %v; want %#04x, %v", v, math.Float32bits(v), got[i], f.value(got[i]), want, f.value(want))
				}
			}
		})
	}
}
