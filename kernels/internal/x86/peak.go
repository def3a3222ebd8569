//go:build amd64 && !purego

package x86

// peakAdds is how many instructions a round of the peak loops has, as ../gen/peak.go writes them.
const peakAdds = 12

// peak counts the operations of a loop whose instructions do so many multiply-adds each.
func peak(f func(rounds int), multiplyAdds int) func(rounds int) (flop float64) {
	return func(rounds int) float64 {
		f(rounds)
		return 2 * float64(multiplyAdds) * peakAdds * float64(rounds)
	}
}
