package ref_test

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels/ref"
)

// One row of A, [2, 3], by a panel of B whose columns 0 and 1 hold something.
func ExampleMatrix() {
	b, dst := make([]float32, 2*ref.Panel), make([]float32, 16)
	b[0], b[1] = 1, 10
	b[ref.Panel], b[ref.Panel+1] = 1, 100
	ref.Matrix(&ref.Tile{Rows: 1, Cols: 16, K: 2, Segs: 1, A: []float32{2, 3}, ARow: 2, ACol: 1, B: b, Dst: dst, DstStride: 16})
	fmt.Println(dst[:2])
	// Output: [5 320]
}
