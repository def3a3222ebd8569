//go:build cuda

package cuda

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// TestRow: one row, of widths that eights and warps fill and do not, with and without an epilogue.
func TestRow(t *testing.T) {
	for _, f := range formats[1:] {
		for _, s := range []struct{ in, out int }{{1, 1}, {7, 3}, {40, 65}, {1100, 33}} {
			t.Run(fmt.Sprint(f, s), func(t *testing.T) {
				b := newBench(t)
				l := Linear{1, Packed{f, s.out, s.in, 1, false}, Hardware{}}
				x, w := f.rounded(b.random(s.in)), f.rounded(b.random(s.out*s.in))
				ep := kernels.Epilogue{Bias: b.random(s.out), Residual: b.random(s.out), Act: kernels.SiLUAct}
				packed := b.room(l.W.Bytes()/4 + 1)
				b.Launch(l.W.Launch(packed, on(b, w)))
				for _, ep := range []kernels.Epilogue{{}, ep} {
					dst, on := on(b, make([]float32, s.out)), on(b, x)
					bound := Epilogue{Act: ep.Act}
					if ep.Bias != nil {
						bound.Bias = b.room(s.out)
						require.NoError(t, Upload(b.Device, bound.Bias, ep.Bias))
						bound.Residual = dst // which may be dst
						require.NoError(t, Upload(b.Device, dst, ep.Residual))
					}
					b.Launch(l.Launches(dst, on, packed, 0, bound)...)
					want := kerneltest.Gemm(x, w, 1, s.in, s.out, true, ep)
					b.near(b.read(dst, s.out), want.Want, func(i int) float64 { return float64(s.in+12) * 0x1p-23 * want.Size[i] })
				}
			})
		}
	}
}
