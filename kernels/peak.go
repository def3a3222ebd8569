package kernels

// Peak does rounds of the implementation's widest float32 multiply-adds between registers, in the calling goroutine alone, and returns how
// many floating-point operations these were. Timed, it is the roof over every product: some 10⁷ rounds take a tenth of a second.
func Peak(rounds int) (flop float64) { return active.Load().Peak(rounds) }

// PeakBF16 is Peak for sums of products of bfloat16; ok is false where the implementation has no instruction for them.
func PeakBF16(rounds int) (flop float64, ok bool) {
	if f := active.Load().PeakBF16; f != nil {
		return f(rounds), true
	}
	return 0, false
}
