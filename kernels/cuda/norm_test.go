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
			l := ScaleChannels(at, at, on(b, scale), on(b, shift), s.n, s.hw, s.c, false, Rounded{})
			l.Grid.X, l.Params[9] = 1, params(count(s.hw))[0] // one slab, as large as those of large pictures
			b.Launch(l)
			b.near(b.read(at, len(x)), want, func(i int) float64 { return 2 * 0x1p-23 * size[i] })
		})
	}
}

// TestNormsRound: what a norm writes in 16 bits is its result rounded, whether or not the result itself is wanted, in rows that a warp keeps and in
// wider ones.
func TestNormsRound(t *testing.T) {
	for _, f := range formats[1:] {
		for _, c := range []int{8, 40, 1288} {
			t.Run(fmt.Sprint(f, c), func(t *testing.T) {
				b := newBench(t)
				const n, hw = 2, 7
				size := n * hw * c
				x, gamma, beta := on(b, b.random(size)), on(b, b.random(n*c)), on(b, b.random(n*c))
				dst, half, alone, wide := b.room(size), b.room(size/2), b.room(size/2), b.room(size)
				rounded := func(at Pointer) []float32 {
					b.Launch(f.Widen(wide, at, size))
					return b.read(wide, size)
				}
				same := func(half Pointer) {
					got := rounded(half)
					for i, v := range f.rounded(b.read(dst, size)) {
						if got[i] != v {
							t.Fatalf("element %d: %v, want %v", i, got[i], v)
						}
					}
				}
				b.Launch(ScaleChannels(dst, x, gamma, beta, n, hw, c, true, Rounded{f, half}), ScaleChannels(0, x, gamma, beta, n, hw, c, true, Rounded{f, alone}))
				same(half)
				same(alone)
				b.Launch(LayerNorm(dst, x, gamma, beta, n*hw, c, 1e-5, Rounded{f, half}))
				same(half)
			})
		}
	}
}
