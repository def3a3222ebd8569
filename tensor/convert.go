package tensor

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
)

// ToF16 returns the elements of t as IEEE half floats, rounded to nearest even. Magnitudes of 65520 and more become Inf.
func ToF16(t *Tensor) []uint16 { return narrow(t, kernels.F32ToF16) }

// FromF16 returns IEEE half floats as a CPU tensor of the given shape. Every half is a float32, so nothing is lost.
func FromF16(h []uint16, shape ...int) *Tensor { return widen("FromF16", h, shape, kernels.F16ToF32) }

// ToBF16 returns the elements of t as bfloat16, rounded to nearest even.
func ToBF16(t *Tensor) []uint16 { return narrow(t, kernels.F32ToBF16) }

// FromBF16 returns bfloat16 numbers as a CPU tensor of the given shape. Every bfloat16 is a float32, so nothing is lost.
func FromBF16(h []uint16, shape ...int) *Tensor {
	return widen("FromBF16", h, shape, kernels.BF16ToF32)
}

func narrow(t *Tensor, convert func(dst []uint16, src []float32)) []uint16 {
	x := Floats(t)
	h := make([]uint16, len(x))
	convert(h, x)
	return h
}

func widen(op string, h []uint16, shape []int, convert func(dst []float32, src []uint16)) *Tensor {
	if n := checkShape(op, shape); n != len(h) {
		panic(&Error{Op: op, Shapes: []Shape{shape}, Reason: fmt.Sprintf("want %d values, got %d", n, len(h))})
	}
	x := make([]float32, len(h))
	convert(x, h)
	return onHost(cpu, x, shape)
}
