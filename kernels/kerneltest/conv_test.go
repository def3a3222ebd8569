package kerneltest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// winogradUlps is how many roundings Winograd's algorithm makes on the way to a value beside those of the sum over channels: three in
// each of the two passes of the input's transform, four (one of them of a constant) in each of the weights', and four in each of the
// outputs'; and one each for the product, bias, and residual.
const winogradUlps = 2*3 + 2*4 + 2*4 + 3

// convs is the ways to compute a convolution, and the check of each against float64.
var convs = map[string]struct {
	conv  func(dst, x []float32, s kernels.ConvShape, w *kernels.Packed, ep kernels.Epilogue)
	check func(t *testing.T, got, x, w []float32, s kernels.ConvShape, ep kernels.Epilogue)
}{
	"direct": {kernels.Conv2DDirect, func(t *testing.T, got, x, w []float32, s kernels.ConvShape, ep kernels.Epilogue) {
		sums(t, got, kerneltest.Conv2D(x, w, s, ep), s.KH*s.KW*s.C, 8)
	}},
	"winograd": {kernels.Conv2DWinograd, func(t *testing.T, got, x, w []float32, s kernels.ConvShape, ep kernels.Epilogue) {
		sums(t, got, kerneltest.Winograd(x, w, s, ep), s.C, winogradUlps)
	}},
}

// conv runs a convolution every way it can go.
func conv(t *testing.T, s kernels.ConvShape, act kernels.Activation, bias, residual bool) {
	x, w := random(s.N*s.H*s.W*s.C), randomSeed(s.Out*s.C*s.KH*s.KW, 2)
	size := s.N * s.OutH() * s.OutW() * s.Out
	ep := kernels.Epilogue{Act: act}
	if bias {
		ep.Bias = randomSeed(s.Out, 3)
	}
	if residual {
		ep.Residual = randomSeed(size, 4)
	}
	packed := kernels.PackConv(w, s.Out, s.C, s.KH, s.KW)
	for name, way := range convs {
		if name == "winograd" && (s.KH != 3 || s.KW != 3 || s.Stride != 1) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dst, check := guarded(size)
			got := threads(t, func() []float32 {
				way.conv(dst, x, s, packed, ep)
				return dst
			})
			check(t)
			way.check(t, got, x, w, s, ep)
			if residual { // in place
				copy(dst, ep.Residual)
				in := ep
				in.Residual = dst
				way.conv(dst, x, s, packed, in)
				require.Equal(t, got, slices.Clone(dst))
				check(t)
			}
			if s.Winograd() == (name == "winograd") {
				kernels.Conv2D(dst, x, s, packed, ep)
				require.Equal(t, got, slices.Clone(dst))
			}
		})
	}
}

func pad1(n, h, w, c, out int) kernels.ConvShape {
	return kernels.ConvShape{N: n, H: h, W: w, C: c, Out: out, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
}

func TestConv2D(t *testing.T) {
	shapes := []kernels.ConvShape{
		{N: 1, H: 5, W: 5, C: 1, Out: 1, KH: 1, KW: 1, Stride: 1},
		pad1(2, 7, 5, 3, 5),
		{N: 1, H: 9, W: 13, C: 4, Out: 33, KH: 3, KW: 3, Stride: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		{N: 1, H: 8, W: 8, C: 16, Out: 16, KH: 3, KW: 3, Stride: 2, PadBottom: 1, PadRight: 1}, // the VAE's downsampler
		{N: 2, H: 6, W: 7, C: 13, Out: 31, KH: 1, KW: 1, Stride: 1},
		{N: 1, H: 8, W: 6, C: 13, Out: 7, KH: 1, KW: 1, Stride: 2},
		{N: 1, H: 28, W: 28, C: 3, Out: 20, KH: 14, KW: 14, Stride: 14},
		pad1(1, 12, 130, 5, 40),
		pad1(1, 6, 6, 150, 35),
		pad1(3, 8, 8, 32, 64),
		pad1(1, 16, 16, 96, 48),
		pad1(1, 4, 4, 390, 33), // two blocks of channels
		pad1(2, 47, 46, 16, 17),
		pad1(1, 1, 1, 2, 2),
		{N: 1, H: 11, W: 9, C: 17, Out: 15, KH: 3, KW: 3, Stride: 1},
		{N: 2, H: 5, W: 6, C: 8, Out: 40, KH: 3, KW: 3, Stride: 1, PadTop: 4, PadLeft: 3, PadBottom: 5, PadRight: 7},
		{N: 1, H: 3, W: 4, C: 410, Out: 6, KH: 2, KW: 1, Stride: 1, PadTop: 3, PadRight: 2},
		{N: 1, H: 2, W: 2, C: 3, Out: 3, KH: 2, KW: 2, Stride: 1, PadTop: 4, PadLeft: 3, PadBottom: 5, PadRight: 6},
		pad1(1, 4, 4, 0, 5),
	}
	if testing.Short() {
		shapes = slices.DeleteFunc(shapes, func(s kernels.ConvShape) bool { return s.N*s.OutH()*s.OutW()*s.C*s.Out > 1<<17 })
	}
	each(t, func(t *testing.T) {
		for i, s := range shapes {
			for act := kernels.None; act <= kernels.SiLUAct; act++ {
				t.Run(fmt.Sprintf("%d/act%d", i, act), func(t *testing.T) { conv(t, s, act, true, true) })
			}
			t.Run(fmt.Sprintf("%d/bias", i), func(t *testing.T) { conv(t, s, kernels.None, true, false) })
			t.Run(fmt.Sprintf("%d/plain", i), func(t *testing.T) { conv(t, s, kernels.None, false, false) })
		}
	})
}

func TestConv2DRandom(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 6
	}
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range rounds {
			s := kernels.ConvShape{
				N: 1 + r.IntN(3), H: 1 + r.IntN(20), W: 1 + r.IntN(40), C: 1 + r.IntN(40), Out: 1 + r.IntN(70),
				KH: 1 + r.IntN(4), KW: 1 + r.IntN(4), Stride: 1 + r.IntN(3),
				PadTop: r.IntN(4), PadLeft: r.IntN(4), PadBottom: r.IntN(4), PadRight: r.IntN(4),
			}
			if i%2 == 0 {
				s.KH, s.KW, s.Stride = 3, 3, 1
			}
			if s.H+s.PadTop+s.PadBottom < s.KH || s.W+s.PadLeft+s.PadRight < s.KW {
				continue
			}
			t.Run(fmt.Sprint(i, s), func(t *testing.T) { conv(t, s, kernels.None, false, false) })
		}
	})
}

// TestConv2DHalves: weights that are kept in 16 bits give the same bytes as in float32.
func TestConv2DHalves(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []kernels.ConvShape{pad1(1, 8, 8, 40, 70), pad1(2, 9, 5, 385, 33), {N: 1, H: 7, W: 7, C: 5, Out: 6, KH: 2, KW: 3, Stride: 2}} {
			for _, f := range formats[1:] {
				x, wide := random(s.N*s.H*s.W*s.C), kernels.PackConv(stored(randomSeed(s.Out*s.C*s.KH*s.KW, 2), f), s.Out, s.C, s.KH, s.KW)
				narrow := wide.Narrow()
				require.Equal(t, f, narrow.Format())
				for name, way := range convs {
					if name == "winograd" && s.Stride != 1 {
						continue
					}
					size := s.N * s.OutH() * s.OutW() * s.Out
					want, got := make([]float32, size), make([]float32, size)
					way.conv(want, x, s, wide, kernels.Epilogue{})
					way.conv(got, x, s, narrow, kernels.Epilogue{})
					require.Equal(t, want, got, name)
				}
			}
		}
	})
}

// FuzzConv2D takes any shape whose reference is quick to compute.
func FuzzConv2D(f *testing.F) {
	f.Add(uint8(1), uint8(8), uint8(8), uint8(16), uint8(32), uint8(3), uint8(1), uint8(0x11), uint8(1), uint8(3))
	f.Add(uint8(2), uint8(5), uint8(13), uint8(3), uint8(33), uint8(2), uint8(2), uint8(0x21), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, n, h, w, c, out, k, stride, pad, act, ep uint8) {
		s := kernels.ConvShape{N: int(n % 3), H: int(h % 24), W: int(w % 24), C: int(c % 50), Out: int(out % 70), KH: 1 + int(k%4), KW: 1 + int(k/4%4),
			Stride: 1 + int(stride%3), PadTop: int(pad % 4), PadLeft: int(pad / 4 % 4), PadBottom: int(pad / 16 % 4), PadRight: int(pad / 64)}
		if k%2 == 1 {
			s.KH, s.KW, s.Stride = 3, 3, 1
		}
		if s.H+s.PadTop+s.PadBottom < s.KH || s.W+s.PadLeft+s.PadRight < s.KW {
			return
		}
		each(t, func(t *testing.T) { conv(t, s, kernels.Activation(act%4), ep&1 != 0, ep&2 != 0) })
	})
}

// TestConv2DHandsOnNaN holds that a NaN or an Inf reaches every output that reads it, and none beyond the tiles of those.
func TestConv2DHandsOnNaN(t *testing.T) {
	s := pad1(1, 13, 14, 20, 35)
	w := kernels.PackConv(randomSeed(s.Out*s.C*9, 2), s.Out, s.C, 3, 3)
	each(t, func(t *testing.T) {
		for name, way := range convs {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				const y, x0 = 6, 9
				x, dst := random(s.H*s.W*s.C), make([]float32, s.H*s.W*s.Out)
				x[(y*s.W+x0)*s.C+7] = float32(bad)
				way.conv(dst, x, s, w, kernels.Epilogue{})
				for i, v := range dst {
					oy, ox := i/s.Out/s.W, i/s.Out%s.W
					finite := !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
					if reads := max(oy-y, y-oy, ox-x0, x0-ox) <= 1; reads && finite {
						t.Fatalf("%s: %v in the input, %v at (%d, %d), which reads it", name, bad, v, oy, ox)
					}
					if tile := oy/4 == y/4 && ox/4 == x0/4; !tile && !finite {
						t.Fatalf("%s: %v in the input, %v at (%d, %d)", name, bad, v, oy, ox)
					}
				}
			}
		}
	})
}

// TestWorkingMemory: what a convolution works in is known beforehand, and does not grow with the picture.
func TestWorkingMemory(t *testing.T) {
	each, together := pad1(1, 64, 64, 320, 320).WorkingMemory()
	require.Less(t, each, int64(3<<20))
	require.Less(t, together, int64(9<<20)) // a round
	_, large := pad1(1, 2048, 2048, 320, 320).WorkingMemory()
	require.Less(t, large, int64(9<<20))
	_, deep := pad1(4, 16, 16, 2560, 1280).WorkingMemory()
	require.InDelta(t, 36*64*2560*4, deep, 1<<20) // as few tiles as a round may have
	each, together = pad1(1, 64, 64, 4, 320).WorkingMemory()
	require.Zero(t, each+together, "directly")
}
