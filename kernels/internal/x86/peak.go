//go:build amd64 && !purego

package x86

// How many instructions a round of the peak loops has, as ../gen/peak.go writes them.
const (
	peakAddsAVX512 = 24
	peakAddsAVX2   = 12
)

// peak counts the operations of a loop of so many multiply-adds a round.
func peak(f func(rounds int), multiplyAdds int) func(rounds int) (flop float64) {
	return func(rounds int) float64 {
		f(rounds)
		return 2 * float64(multiplyAdds) * float64(rounds)
	}
}
