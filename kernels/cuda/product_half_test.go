package cuda

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTilesFit: a GPU is given no tile that its shared memory does not hold.
func TestTilesFit(t *testing.T) {
	for capability, tiles := range map[int][]string{75: {"64"}, 89: {"64", "128"}, 80: {"64", "128", "160"}, 90: {"64", "128", "160"}, 0: {"64", "128", "160"}} {
		used := map[string]bool{}
		for _, s := range [][3]int{{16384, 320, 2880}, {262144, 128, 1152}, {64, 1280, 1280}, {4096, 320, 320}, {256, 1280, 11520}} {
			h := newHalf(F16, s[0], s[1], s[2], Hardware{Capability: capability, Processors: 132})
			used[h.tile.name] = true
			require.Contains(t, tiles, h.tile.name, capability)
			require.LessOrEqual(t, h.tile.shared(), Hardware{Capability: capability}.sharedMemory())
		}
		require.Len(t, used, len(tiles), capability)
	}
}

// TestFewTilesAreSplit: as BenchmarkProduct has it on an H200; parts are of whole steps, and together they are all of them.
func TestFewTilesAreSplit(t *testing.T) {
	for _, test := range []struct {
		m, n, pitch int
		tile        string
		split       bool
	}{
		{16384, 320, 2880, "160", false}, {262144, 128, 1152, "128", false}, {4096, 320, 320, "64", false}, {64, 1280, 11520, "64", true}, {1024, 1280, 11520, "160", true},
	} {
		h := newHalf(F16, test.m, test.n, test.pitch, Hardware{})
		require.Equal(t, test.tile, h.tile.name, test)
		require.Equal(t, test.split, h.split > 1, test)
		require.GreaterOrEqual(t, h.split*h.steps*h.tile.k, test.pitch, test)
		require.Less(t, (h.split-1)*h.steps*h.tile.k, test.pitch, test)
		require.Equal(t, h, newHalf(F16, test.m, test.n, test.pitch, Hardware{}), "the second time it is remembered")
	}
}
