package kernels

// Format is how numbers are stored.
type Format uint8

const (
	F32  Format = iota
	F16         // IEEE 754 half precision
	BF16        // bfloat16: the upper half of a float32
)

func (f Format) String() string { return [...]string{"f32", "f16", "bf16"}[f] }

// number is a float32, or the bits of a 16-bit number.
type number interface{ float32 | uint16 }

// Stored is a weight where it is stored, as its numbers in a row.
type Stored struct {
	Format Format
	// F32 fills dst with the numbers from number first on, if Format is F32; if not, Half does so with their bits. Several
	// goroutines call it at once.
	F32  func(dst []float32, first int) error
	Half func(dst []uint16, first int) error
}

// Read fills dst with the numbers from the first on, as float32.
func (w Stored) Read(dst []float32) error {
	if w.Format == F32 {
		return w.F32(dst, 0)
	}
	half := make([]uint16, len(dst))
	if err := w.Half(half, 0); err != nil {
		return err
	}
	active.Load().widen(w.Format, dst, half)
	return nil
}

// widen is F16ToF32 or BF16ToF32.
func (m *implementation) widen(f Format, dst []float32, src []uint16) {
	if f == F16 {
		m.F16ToF32(dst, src)
	} else {
		m.BF16ToF32(dst, src)
	}
}

// narrow is F32ToF16 or F32ToBF16.
func (m *implementation) narrow(f Format, dst []uint16, src []float32) {
	if f == F16 {
		m.F32ToF16(dst, src)
	} else {
		m.F32ToBF16(dst, src)
	}
}

// transpose is ref.Transpose for numbers of either size.
func transpose[T number](dst []T, ldd int, src []T, lds, rows, cols int) {
	m := active.Load()
	switch dst := any(dst).(type) {
	case []float32:
		m.Transpose(dst, ldd, any(src).([]float32), lds, rows, cols)
	case []uint16:
		m.Transpose16(dst, ldd, any(src).([]uint16), lds, rows, cols)
	}
}
