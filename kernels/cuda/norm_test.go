//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"testing"
)

// TestScaleChannelsInPlace: each number once, by whichever thread, in tiles whose quads do not fill a block, and in quads that a tile does not fill.
func TestScaleChannelsInPlace(t *testing.T) {
	for _, s := range []struct{ n, hw, c int }{{2, 70, 40}, {1, 301, 33}, {1, 1, 1}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			b := newBench(t)
			x, scale, shift := b.random(s.n*s.hw*s.c), b.random(s.n*s.c), b.random(s.n*s.c)
			want, size := make([]float64, len(x)), make([]float64, len(x))
			for i, v := range x {
				at := i/(s.hw*s.c)*s.c + i%s.c
				want[i] = float64(v)*float64(scale[at]) + float64(shift[at])
				size[i] = math.Abs(float64(v)*float64(scale[at])) + math.Abs(float64(shift[at]))
			}
			at := on(b, x)
			l := ScaleChannels(at, at, on(b, scale), on(b, shift), s.n, s.hw, s.c, false)
			l.Grid.X, l.Params[7] = 1, params(count(s.hw))[0] // one slab, as large as those of large pictures
			b.Launch(l)
			b.near(b.read(at, len(x)), want, func(i int) float64 { return 2 * 0x1p-23 * size[i] })
		})
	}
}
