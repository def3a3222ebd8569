//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"testing"
)

// The template of a kernel (notes/template.cu), its launch and its test. A kernel of the package has its launch in a .go file without a tag, a line in
// launches of launch_test.go, and its test, where an engine calls it, in the suite of tensor/tensortest.

// TemplateRMSNorm is dst = x·gain/√(mean(x²) + eps) for each row of x [rows, columns] and gain [columns]. dst may be x.
func TemplateRMSNorm(dst, x, gain Pointer, rows, columns int, eps float32) Launch {
	n := int(count(rows, columns)) // panics if it is too large
	return Launch{"template", "template_rms_norm", warpEach(rows), Dim{threads, 1, 1}, 0, params(
		dst, x, gain, count(rows), count(columns), eps), moved(n, n)}
}

// TestTemplate: one element, rows that do not fill a block, columns that do not fill a warp or a tile, in place, and NaN that stays in its row.
func TestTemplate(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {3, 40}, {17, 33}, {9, 1100}} {
		for _, inPlace := range []bool{false, true} {
			t.Run(fmt.Sprint(s, inPlace), func(t *testing.T) {
				b := newBench(t)
				b.load("template")
				rows, columns := s[0], s[1]
				x, gain := b.random(rows*columns), b.random(columns)
				if rows > 1 {
					x[columns] = float32(math.NaN())
				}
				const eps = 1e-3
				want := rmsNorm(x, gain, rows, columns, eps)
				from, dst := on(b, x), b.room(len(x))
				if inPlace {
					dst = from
				}
				b.Launch(TemplateRMSNorm(dst, from, on(b, gain), rows, columns, eps))
				got := b.read(dst, len(x))
				if rows > 1 { // the row of the NaN is one of NaN, and no other
					for c := range columns {
						if v := got[columns+c]; v == v {
							t.Fatalf("row 1, column %d: %v, want NaN", c, v)
						}
						got[columns+c], want[columns+c] = 0, 0
					}
				}
				b.near(got, want, func(i int) float64 { return float64(columns+8) * 0x1p-24 * math.Abs(want[i]) })
			})
		}
	}
}

// rmsNorm is the formula in float64.
func rmsNorm(x, gain []float32, rows, columns int, eps float64) []float64 {
	y := make([]float64, len(x))
	for r := range rows {
		sum := 0.0
		for _, v := range x[r*columns:][:columns] {
			sum += float64(v) * float64(v)
		}
		for c := range columns {
			y[r*columns+c] = float64(x[r*columns+c]) * float64(gain[c]) / math.Sqrt(sum/float64(columns)+eps)
		}
	}
	return y
}
