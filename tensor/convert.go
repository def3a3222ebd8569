package tensor

import "github.com/sowgen/sowgen/kernels"

// ToF16 returns the elements of t as IEEE half floats, rounded to nearest even.
func ToF16(t *Tensor) []uint16 {
	x := Floats(t)
	h := make([]uint16, len(x))
	kernels.F32ToF16(h, x)
	return h
}

// FromF16 returns IEEE half floats as a tensor of the given shape.
func FromF16(h []uint16, shape ...int) *Tensor {
	x := make([]float32, len(h))
	kernels.F16ToF32(x, h)
	return FromSlice(x, shape...)
}

// ToBF16 returns the elements of t as bfloat16, rounded to nearest even.
func ToBF16(t *Tensor) []uint16 {
	x := Floats(t)
	h := make([]uint16, len(x))
	kernels.F32ToBF16(h, x)
	return h
}

// FromBF16 returns bfloat16 numbers as a tensor of the given shape.
func FromBF16(h []uint16, shape ...int) *Tensor {
	x := make([]float32, len(h))
	kernels.BF16ToF32(x, h)
	return FromSlice(x, shape...)
}
