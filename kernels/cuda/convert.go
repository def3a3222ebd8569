package cuda

// Format is how the numbers of a weight are kept, and to what precision the products round the other side; they sum in float32.
type Format int

// The formats. BF16 needs a GPU of compute capability 8.0.
const (
	F32 Format = iota
	F16
	BF16
)

func (f Format) String() string { return [...]string{"f32", "f16", "bf16"}[f] }

// Size is the bytes of a number.
func (f Format) Size() int {
	if f == F32 {
		return 4
	}
	return 2
}

// Narrow is x [rows, columns] rounded to F16 or BF16, as the products read it: rows begin pitch(columns) numbers apart, with zeros between.
func (f Format) Narrow(dst, x Pointer, rows, columns int) Launch {
	pitch, n := f.pitch(columns), float64(rows*columns)
	count(rows, columns)
	return Launch{"convert", "f32_to_" + f.String(), spread((count(rows, pitch) + 7) / 8), Dim{threads, 1, 1}, 0, params(
		dst, x, count(rows), count(columns), count(pitch)), Work{Floats: 1.5 * n}}
}

// pitch is n filled up to 16 bytes.
func (f Format) pitch(n int) int {
	step := 16 / f.Size()
	return ceilDiv(n, step) * step
}

// Widen is n numbers of F16 or BF16 at x as float32.
func (f Format) Widen(dst, x Pointer, n int) Launch {
	return Launch{"convert", f.String() + "_to_f32", spread((count(n) + 3) / 4), Dim{threads, 1, 1}, 0, params(dst, x, count(n)), Work{Floats: 1.5 * float64(n)}}
}

// Packed is a weight [out, in, taps] as the products read it: [out, pitch], the numbers of a row in the order of taps and then channels.
type Packed struct {
	Format        Format
	Out, In, Taps int // Taps is kh·kw of a convolution, 1 of a linear layer
	// Gated says that of a linear layer's rows the first half makes values and the second their gates. Its products store value·GELU(gate),
	// half as many columns as there are rows.
	Gated bool
}

// K is the inner index of the products.
func (p Packed) K() int { return p.In * p.Taps }

// wide is the numbers from tap to tap: in 16 bits those of a tap, too, begin at multiples of 16 bytes.
func (p Packed) wide() int {
	if p.Format == F32 {
		return p.In
	}
	return p.Format.pitch(p.In)
}

// Pitch is the numbers from row to row: they begin at multiples of 16 bytes.
func (p Packed) Pitch() int { return p.Format.pitch(p.wide() * p.Taps) }

// Bytes is the memory that it takes.
func (p Packed) Bytes() int { return p.Out * p.Pitch() * p.Format.Size() }

// Launch packs a float32 weight [out, in, taps].
func (p Packed) Launch(dst, w Pointer) Launch { return p.LaunchFrom(F32, dst, w) }

// LaunchFrom packs a weight [out, in, taps] whose numbers are kept in the format stored.
func (p Packed) LaunchFrom(stored Format, dst, w Pointer) Launch {
	work := Work{Weight: float64(p.Out*p.K()*stored.Size() + p.Bytes())}
	return Launch{"pack", "pack_" + p.Format.String(), spread(count(p.Out, p.Pitch())), Dim{threads, 1, 1}, 0, params(
		dst, w, uint32(stored), count(p.Out), count(p.In), count(p.wide()), count(p.Taps), count(p.Pitch()), p.Gated), work}
}
