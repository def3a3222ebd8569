package experiment

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDigestFiles: files on a disk are known by their sizes and times, those in the program by what is in them.
func TestDigestFiles(t *testing.T) {
	of := func(content string, at time.Time) string {
		sum, err := digestFiles(fstest.MapFS{"unet/config.json": {Data: []byte(content), ModTime: at}})
		require.NoError(t, err)
		return sum
	}
	none, then := time.Time{}, time.Unix(1, 0)
	require.Equal(t, of("a", none), of("a", none))
	require.NotEqual(t, of("a", none), of("b", none))
	require.Equal(t, of("a", then), of("b", then))
	require.NotEqual(t, of("a", then), of("a", then.Add(1)))
	require.NotEqual(t, of("a", then), of("ab", then))
}

// TestKeysOfTimes: what measures time is made anew by another program, nothing else is.
func TestKeysOfTimes(t *testing.T) {
	one := []treatment{{arm: []string{"a"}, unit: "1"}}
	keys := func(alone bool) string {
		keys, err := (&Experiment{Name: "e", alone: alone}).keys(flatLab(), one)
		require.NoError(t, err)
		return keys[0]
	}
	require.Equal(t, keys(true), keys(true))
	require.NotEqual(t, keys(true), keys(false), "the program is in it")
}
