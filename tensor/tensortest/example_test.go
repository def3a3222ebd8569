package tensortest_test

import (
	"testing"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// In a test of a model, got comes from the model and want from a file of goldens.
func ExampleClose() {
	var t testing.TB = new(testing.T)
	got := tensor.Scale(tensor.FromSlice([]float32{1, 2, 3}, 3), 1.0/3)
	tensortest.Close(t, got, []float32{0.33333333, 0.66666667, 1}, 1e-6)
	// Output:
}

// The test of an engine is one line: func TestCPU(t *testing.T) { tensortest.RunEngine(t, tensor.CPU{}) }
func ExampleRunEngine() {
	_ = func(t *testing.T) { tensortest.RunEngine(t, tensor.CPU{}) }
}
