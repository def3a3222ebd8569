//go:build cuda

package cuda

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSend: more than there is room for at once goes in pieces, each to its place, and what is asked for afterwards comes after it. The emulated
// driver copies as late as a GPU may: what did not wait for that would send what is written next.
func TestSend(t *testing.T) {
	d := open(t)
	const n = (mostSlots+9)*slotBytes/2 + 77
	to, err := d.Alloc(4 * n)
	require.NoError(t, err)
	send := func(from uint16) error {
		return Send(d, to, n, func(dst []uint16, first int) error {
			for i := range dst {
				dst[i] = from + uint16(first+i) + uint16((first+i)>>16) // the same place of two pieces differs
			}
			return nil
		})
	}
	require.NoError(t, send(0))
	require.NoError(t, send(1))
	got := make([]uint16, n)
	require.NoError(t, Download(d, got, to))
	for i, v := range got {
		if want := 1 + uint16(i) + uint16(i>>16); v != want {
			t.Fatalf("number %d: %d, want %d", i, v, want)
		}
	}
	require.NoError(t, Send(d, to, 3, func(dst []float32, first int) error { require.Len(t, dst, 3); dst[2] = 0.5; return nil }))
	wide := make([]float32, 3)
	require.NoError(t, Download(d, wide, to))
	require.EqualValues(t, 0.5, wide[2])

	unreadable := errors.New("unreadable")
	require.Equal(t, unreadable, Send(d, to, n, func(_ []uint16, first int) error {
		if first == 0 {
			return nil
		}
		return unreadable
	}))
	require.NoError(t, d.Wait(), "the device is none the worse for it")
	require.NoError(t, d.Close())
	require.ErrorIs(t, send(0), errClosed)
}

// TestSendOutOfMemory: the host may have no memory of that kind left.
func TestSendOutOfMemory(t *testing.T) {
	t.Setenv("SOWGEN_EMULATOR_FAIL", "alloc:2")
	d := open(t)
	to, err := d.Alloc(4)
	require.NoError(t, err)
	one := func(dst []float32, _ int) error { dst[0] = 1; return nil }
	require.ErrorIs(t, Send(d, to, 1, one), ErrOutOfMemory)
	require.NoError(t, Send(d, to, 1, one))
	require.NoError(t, d.Close())
}
