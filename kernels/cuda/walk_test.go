package cuda

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestWalk holds that collapsing and cutting a walk, and finding one's place in it as kernels do, visits what the plain loops visit.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.IntRange(0, 9).Draw(t, "dims")
		shape := rapid.SliceOfN(rapid.IntRange(1, 3), dims, dims).Draw(t, "shape")
		stride := rapid.SliceOfN(rapid.IntRange(0, 9), dims, dims)
		w := walk{shape, [][]int{stride.Draw(t, "x"), stride.Draw(t, "y")}}
		var want [][]int
		total := 1
		for _, d := range shape {
			total *= d
		}
		for i := range total {
			places, rest := []int{0, 0}, i
			for axis := dims - 1; axis >= 0; axis-- {
				for o := range places {
					places[o] += rest % shape[axis] * w.strides[o][axis]
				}
				rest /= shape[axis]
			}
			want = append(want, places)
		}
		var got [][]int
		w.collapse().each(func(at int, from []int, n uint32, extents axes, strides []axes) {
			require.Equal(t, len(got), at)
			for i := range n {
				places, rest := slices.Clone(from), i
				for axis := len(extents) - 1; axis >= 0; axis-- {
					place := rest
					if axis > 0 {
						place, rest = rest%extents[axis], rest/extents[axis]
					}
					for o := range places {
						places[o] += int(place * strides[o][axis])
					}
				}
				got = append(got, places)
			}
		})
		require.Equal(t, want, got)
	})
}
