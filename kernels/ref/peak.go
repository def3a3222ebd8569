package ref

import (
	"math"
	"sync/atomic"
)

// Peak does rounds of float32 multiplications and additions on a few local variables and returns how many operations these were: what plain
// Go can do at most, where neither memory nor the loop is waited for.
func Peak(rounds int) (flop float64) {
	var a, b, c, d, e, f, g, h, i, j, k, l float32
	const x, y = 0.5, 1
	for range rounds {
		a, b, c, d = a*x+y, b*x+y, c*x+y, d*x+y
		e, f, g, h = e*x+y, f*x+y, g*x+y, h*x+y
		i, j, k, l = i*x+y, j*x+y, k*x+y, l*x+y
	}
	used.Store(math.Float32bits(a + b + c + d + e + f + g + h + i + j + k + l))
	return 2 * 12 * float64(rounds)
}

// used keeps the compiler from leaving Peak's sums out.
var used atomic.Uint32
