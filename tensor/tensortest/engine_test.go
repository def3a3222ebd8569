package tensortest_test

import (
	"testing"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

func TestCPU(t *testing.T) {
	for name, threads := range map[string]int{"one thread": 1, "three threads": 3} {
		t.Run(name, func(t *testing.T) {
			defer kernels.SetThreads(kernels.Threads())
			kernels.SetThreads(threads)
			tensortest.RunEngine(t, tensor.CPU{})
		})
	}
}
