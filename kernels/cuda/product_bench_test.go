//go:build cuda

package cuda

import (
	"fmt"
	"testing"
)

// BenchmarkProduct times, on a GPU, products of the models on every tile and in several numbers of parts, first the way that is launched; rounding the left
// side, which is the same for all, is left out. It is where the times of halfTile come from:
//
//	go test -tags cuda -run '^$' -bench Product -benchtime 20x ./kernels/cuda
func BenchmarkProduct(b *testing.B) {
	d := onGPU(b)
	linear := func(rows, in, out int) Conv {
		return Conv{rows, 1, 1, in, out, 1, 1, 1, 0, 0, 1, 1, F16, d.Hardware}
	}
	conv := func(n, side, in, out int) Conv {
		return Conv{n, side, side, in, out, 3, 3, 1, 1, 1, side, side, F16, d.Hardware}
	}
	for _, c := range []Conv{
		linear(16384, 320, 320), linear(16384, 320, 2560), linear(16384, 1280, 320), linear(4096, 640, 640), linear(4096, 640, 5120), linear(1024, 5120, 1280), linear(256, 1280, 1280), linear(64, 1280, 1280),
		conv(4, 64, 320, 320), conv(4, 32, 640, 640), conv(4, 16, 1280, 1280), conv(4, 8, 1280, 1280), conv(1, 64, 320, 320), conv(1, 16, 1280, 1280), conv(1, 8, 1280, 1280), conv(1, 512, 128, 128), conv(1, 128, 512, 512),
	} {
		m, weight := c.N*c.OH*c.OW, c.Packed()
		x, dst, w := d.normal(c.N*c.H*c.W*c.C), d.room(m*c.Out), d.room(weight.Bytes()/4)
		stored := d.normal(weight.Out * weight.K())
		d.Launch(weight.Launch(w, stored))
		name := fmt.Sprintf("conv_%dx%dx%dx%d_%d", c.N, c.H, c.W, c.C, c.Out)
		chosen := c.half(m)
		if c.own() {
			name = fmt.Sprintf("linear_%dx%d_%d", m, c.C, c.Out)
		}
		ways := []half{chosen}
		for _, t := range halfTiles {
			for _, split := range []int{1, 2, 4, 8, 16} {
				if h := newHalfOf(F16, m, c.Out, weight.Pitch(), t, split); h.split == split && h != chosen && (split == 1 || m*c.Out*split < 1<<25) {
					ways = append(ways, h)
				}
			}
		}
		for _, h := range ways {
			left := c.N * c.H * c.W * weight.wide()
			scratch := d.room(h.scratch(left))
			var launches []Launch
			if c.own() {
				launches = Linear{m, weight, c.On}.launches(dst, x, w, scratch, Epilogue{}, h)
			} else {
				launches = c.launches(dst, x, w, scratch, Epilogue{}, h)
			}
			b.Run(fmt.Sprintf("%s/%s_in_%d", name, h.tile.name, h.split), func(b *testing.B) {
				d.Launch(launches...)
				d.report(b, 2*float64(m)*float64(weight.K())*float64(c.Out), launches[1:])
			})
			d.Free(scratch)
		}
		for _, p := range []Pointer{x, dst, w, stored} {
			d.Free(p)
		}
	}
}
