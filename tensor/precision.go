package tensor

import "fmt"

// Precision is how an engine multiplies matrices. All else is float32 in any.
type Precision uint8

const (
	// F32 multiplies float32 by float32.
	F32 Precision = iota
	// Mixed rounds both sides to bfloat16 in linear layers, 1×1 convolutions and attention; the products are exact and summed in float32.
	// Larger convolutions stay float32 on the CPU, where Winograd's algorithm is faster than bfloat16; a GPU, whose tensor cores multiply no
	// float32, rounds in them too.
	Mixed
	// F16 rounds both sides to IEEE half floats in linear layers, convolutions and attention; the products are exact and summed in float32. What
	// is beyond 65504 becomes infinite. Only GPUs have it.
	F16
)

var precisions = [...]string{F32: "f32", Mixed: "mixed", F16: "f16"}

// Precisions returns all there are.
func Precisions() []Precision { return []Precision{F32, Mixed, F16} }

func (p Precision) String() string { return precisions[p] }

// MarshalText implements [encoding.TextMarshaler].
func (p Precision) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Precision) UnmarshalText(text []byte) error {
	for _, q := range Precisions() {
		if string(text) == q.String() {
			*p = q
			return nil
		}
	}
	return fmt.Errorf("tensor: precision %q: want %v, %v or %v", text, F32, Mixed, F16)
}
