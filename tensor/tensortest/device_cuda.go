//go:build cuda

package tensortest

import (
	"sync"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// gpu is open as long as a test uses it.
var gpu struct {
	sync.Mutex
	engine *tensor.CUDA
	users  int
}

// Device returns the engine on which tests of models run: the CPU; with -tags cuda a GPU, which in CI is the emulated one. The last test that
// uses it closes it, and fails if that goes wrong.
func Device(t testing.TB) tensor.Engine {
	t.Helper()
	gpu.Lock()
	defer gpu.Unlock()
	if gpu.users == 0 {
		e, err := tensor.OpenCUDA(0, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		gpu.engine = e
	}
	gpu.users++
	t.Cleanup(func() {
		gpu.Lock()
		defer gpu.Unlock()
		if gpu.users--; gpu.users > 0 {
			return
		}
		if err := gpu.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return gpu.engine
}
