//go:build cuda

package tensortest

import (
	"sync"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// gpus are those that tests use, each with a precision of its own: they are open as long as a test uses them.
var gpus struct {
	sync.Mutex
	open map[tensor.Precision]*gpu
}

type gpu struct {
	engine *tensor.CUDA
	users  int
}

// Device returns the engine on which tests of models run: the CPU; with -tags cuda a GPU, which in CI is the emulated one. The last test that
// uses it closes it, and fails if that goes wrong.
func Device(t testing.TB) tensor.Engine { return DeviceIn(t, tensor.F32) }

// DeviceIn is [Device] in a precision.
func DeviceIn(t testing.TB, p tensor.Precision) tensor.Engine {
	t.Helper()
	gpus.Lock()
	defer gpus.Unlock()
	g := gpus.open[p]
	if g == nil {
		e, err := tensor.OpenCUDA(0, p)
		if err != nil {
			t.Fatal(err)
		}
		g = &gpu{engine: e}
		if gpus.open == nil {
			gpus.open = map[tensor.Precision]*gpu{}
		}
		gpus.open[p] = g
	}
	g.users++
	t.Cleanup(func() {
		gpus.Lock()
		defer gpus.Unlock()
		if g.users--; g.users > 0 {
			return
		}
		delete(gpus.open, p)
		if err := g.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return g.engine
}

// TwoDevices returns two engines that work side by side: the CPU twice; with -tags cuda two GPUs, which must be the emulated ones.
func TwoDevices(t testing.TB) (engines [2]tensor.Engine) {
	t.Helper()
	t.Setenv("SOWGEN_EMULATOR_DEVICES", "2")
	for i := range engines {
		e, err := tensor.OpenCUDA(i, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		engines[i] = e
	}
	return engines
}
