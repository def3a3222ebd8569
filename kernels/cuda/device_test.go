//go:build cuda

package cuda

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"
)

// The tests of a Device run on the emulated driver: see docs/cuda.md.

func open(t *testing.T) *Device {
	t.Helper()
	d, err := Open(0)
	require.NoError(t, err)
	if !strings.HasPrefix(d.Name, "emulated") {
		d.Close()
		t.Skip("not the emulated driver")
	}
	return d
}

// faulty launches a kernel of emu/testdata on 256 floats, one block of as many threads.
func faulty(t *testing.T, kernel string, change func(l *Launch)) (y []float32, err error) {
	t.Helper()
	d := open(t)
	text, err := os.ReadFile("emu/testdata/ptx/faulty.sm_75.ptx")
	require.NoError(t, err)
	require.NoError(t, d.wait(func() (err error) {
		d.modules["faulty"], err = cu.LoadData(string(text))
		return err
	}))
	x := make([]float32, 256)
	for i := range x {
		x[i] = float32(i)
	}
	from, err := d.Alloc(4 * len(x))
	require.NoError(t, err)
	to, err := d.Alloc(4 * len(x))
	require.NoError(t, err)
	require.NoError(t, Upload(d, from, x))
	l := Launch{"faulty", kernel, Dim{1, 1, 1}, Dim{256, 1, 1}, 0, params(to, from, uint32(256)), Work{}}
	if change != nil {
		change(&l)
	}
	d.Launch(l)
	y = make([]float32, len(x))
	err = Download(d, y, to)
	if closed := d.Close(); err == nil {
		require.NoError(t, closed)
	}
	return y, err
}

func TestKernelsRunOnTheEmulator(t *testing.T) {
	y, err := faulty(t, "double_reversed", nil)
	require.NoError(t, err)
	for i, v := range y {
		require.EqualValues(t, 2*(255-i), v)
	}
}

// TestEmulatorNotices: what a GPU may forgive, or turn into a wrong number now and then, ends in an error.
func TestEmulatorNotices(t *testing.T) {
	for _, kernel := range []string{
		"no_barrier", "early_writes", "unwritten", "reads_behind", "writes_before", "misaligned", "null_pointer", "dynamic_shared_overrun", "half_a_shuffle",
		"no_wait", "same_place",
	} {
		t.Run(kernel, func(t *testing.T) {
			_, err := faulty(t, kernel, nil)
			require.ErrorIs(t, err, ErrLost)
		})
	}
	t.Run("of_another_block", func(t *testing.T) {
		_, err := faulty(t, "of_another_block", func(l *Launch) { l.Grid.X = 2 })
		require.ErrorIs(t, err, ErrLost)
	})
	for name, change := range map[string]func(l *Launch){
		"too many threads":      func(l *Launch) { l.Block.X = 513 },
		"an empty grid":         func(l *Launch) { l.Grid.Y = 0 },
		"too high a grid":       func(l *Launch) { l.Grid.Z = 65536 },
		"too much shared":       func(l *Launch) { l.Shared = 164 << 10 },
		"a kernel not there":    func(l *Launch) { l.Kernel = "triple" },
		"memory given back":     func(l *Launch) { l.Params[1] = params(Pointer(1 << 20))[0] },
		"memory of the program": func(l *Launch) { l.Params[0] = params(Pointer(4096))[0] },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := faulty(t, "double_reversed", change)
			require.Error(t, err)
		})
	}
}

func TestHardware(t *testing.T) {
	t.Setenv("SOWGEN_EMULATOR_HARDWARE", "132,1980000,2619000,5120")
	t.Setenv("SOWGEN_EMULATOR_CAPABILITY", "90")
	d := open(t)
	require.Equal(t, Hardware{Name: "emulated GPU", Capability: 90, Processors: 132, Clock: 1980000, MemoryClock: 2619000, BusWidth: 5120}, d.Hardware)
	require.NoError(t, d.Close())
}

// TestTime: the time of what is asked for is told, and which launches it was.
func TestTime(t *testing.T) {
	d := open(t)
	p, err := d.Alloc(4096)
	require.NoError(t, err)
	var seen []Launch
	require.NoError(t, d.Watch(func(l Launch) { seen = append(seen, l) }))
	asked := []Launch{Unary(Exp, p, p, 1024, 0, 0), Unary(Abs, p, p, 1024, 0, 0)}
	d.Launch(asked...) // the first loads the kernels
	once, err := d.Time(func() error { d.Launch(asked...); return nil })
	require.NoError(t, err)
	require.Positive(t, once)
	require.NoError(t, d.Watch(nil))
	many, err := d.Time(func() error {
		for range 100 {
			d.Launch(asked...)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, many, once)
	require.Equal(t, append(asked, asked...), seen)

	_, err = d.Time(func() error { return errClosed })
	require.Equal(t, errClosed, err)
	_, err = d.Time(func() error { d.Free(p + 1); return nil })
	require.ErrorContains(t, err, "giving memory back")
	require.Error(t, d.Close())
	_, err = d.Time(func() error { return nil })
	require.Error(t, err)
}

func TestUseAfterFree(t *testing.T) {
	d := open(t)
	p, err := d.Alloc(1024)
	require.NoError(t, err)
	d.Free(p)
	require.ErrorContains(t, Upload(d, p, make([]float32, 256)), "copying to the GPU")
	d.Free(p)
	require.ErrorContains(t, d.Wait(), "giving memory back")
	require.Error(t, d.Close())
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open(1)
	require.ErrorIs(t, err, ErrNoDevice)
	for variable, want := range map[string]error{"SOWGEN_EMULATOR_VERSION=10020": ErrOldDriver, "SOWGEN_EMULATOR_DEVICES=0": ErrNoDevice} {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
		_, err := Open(0)
		require.ErrorIs(t, err, want)
		os.Unsetenv(name)
	}
	t.Setenv("SOWGEN_EMULATOR_CAPABILITY", "61")
	_, err = Open(0)
	require.ErrorContains(t, err, "compute capability 6.1; 7.5 is the least; it is the emulated GPU")
}

func TestOutOfMemory(t *testing.T) {
	d := open(t)
	_, err := d.Alloc(16 << 30)
	require.ErrorIs(t, err, ErrOutOfMemory)
	require.ErrorContains(t, err, "17179869184 bytes on emulated GPU, of which 8192 MiB of 8192 are free")
	p, err := d.Alloc(16)
	require.NoError(t, err, "a smaller wish is granted")
	d.Clear(p, 16)
	x := []float32{1, 2, 3, 4}
	require.NoError(t, Download(d, x, p))
	require.Equal(t, []float32{0, 0, 0, 0}, x)
	require.NoError(t, d.Close())
	require.ErrorIs(t, d.Wait(), errClosed)
	d.Free(p)
}
