package kerneltest_test

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

func ExampleGemm() {
	want := kerneltest.Gemm([]float32{1, 2}, []float32{3, -4}, 1, 2, 1, false, kernels.Epilogue{Bias: []float32{.5}})
	fmt.Println(want.Want, want.Size)
	// Output: [-4.5] [11.5]
}
