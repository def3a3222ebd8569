//go:build cuda

package cuda

import (
	"fmt"
	"testing"
)

// TestGatedRounds: what a gated layer leaves in 16 bits is its result rounded, whether a block has the whole inner index or parts of it are joined.
func TestGatedRounds(t *testing.T) {
	for _, f := range formats[1:] {
		for _, split := range []int{1, 2} {
			t.Run(fmt.Sprint(f, split), func(t *testing.T) {
				b := newBench(t)
				const rows, in, out = 67, 130, 40
				l := Linear{rows, Packed{f, 2 * out, in, 1, true}, Hardware{}}
				h := newHalfOf(f, rows, 2*out, l.W.Pitch(), smallHalf, split)
				packed, x, bias, scratch := b.room(l.W.Bytes()/4), on(b, b.random(rows*in)), on(b, b.random(2*out)), b.room(h.scratch(rows*l.W.Pitch()))
				b.Launch(l.W.Launch(packed, on(b, b.random(2*out*in))))
				dst, half, wide := b.room(rows*out), b.room(rows*out/2), b.room(rows*out)
				b.Launch(l.launches(dst, x, packed, scratch, Epilogue{Bias: bias}, h)...)
				b.Launch(l.launches(half, x, packed, scratch, Epilogue{Bias: bias, Rounded: true}, h)...)
				b.Launch(f.Widen(wide, half, rows*out))
				got := b.read(wide, rows*out)
				for i, v := range f.rounded(b.read(dst, rows*out)) {
					if got[i] != v {
						t.Fatalf("element %d: %v, want %v", i, got[i], v)
					}
				}
			})
		}
	}
}
