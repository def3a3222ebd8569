//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// What the suite of engines does not reach, on the emulated driver: the formats of 16 bits at odd shapes, the parts of an epilogue that no
// layer asks for, and heads wider than a tile.

// bench is a device and the memory of a test on it.
type bench struct {
	*testing.T
	*Device
	rand *rand.Rand
}

func newBench(t *testing.T) bench {
	d, err := Open(0)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() }) // a failure has left memory behind
	return bench{t, d, rand.New(rand.NewPCG(1, 2))}
}

func (b bench) random(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(b.rand.NormFloat64())
	}
	return x
}

// on puts x on the device; nil is null.
func on[T float32 | int32 | uint16](b bench, x []T) Pointer {
	if x == nil {
		return 0
	}
	p, err := b.Alloc(max(4, 4*len(x)))
	require.NoError(b, err)
	b.Cleanup(func() { b.Free(p) })
	require.NoError(b, Upload(b.Device, p, x))
	return p
}

// room is memory for n float32, NaN to begin with.
func (b bench) room(n int) Pointer {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return on(b, x)
}

func (b bench) read(p Pointer, n int) []float32 {
	x := make([]float32, n)
	require.NoError(b, Download(b.Device, x, p))
	return x
}

// rounded is x as a format has it.
func (f Format) rounded(x []float32) []float32 {
	h, y := make([]uint16, len(x)), make([]float32, len(x))
	switch f {
	case F16:
		kernels.F32ToF16(h, x)
		kernels.F16ToF32(y, h)
	case BF16:
		kernels.F32ToBF16(h, x)
		kernels.BF16ToF32(y, h)
	default:
		return x
	}
	return y
}

// unit is the unit roundoff.
func (f Format) unit() float64 {
	return map[Format]float64{F32: 0x1p-24, F16: 0x1p-11, BF16: 0x1p-8}[f]
}

var formats = []Format{F32, F16, BF16}

// near compares with bounds of each value; NaN fails.
func (b bench) near(got []float32, want []float64, bound func(i int) float64) {
	b.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= bound(i)) {
			b.Fatalf("element %d of %d: got %v, want %v: off by %.3g, want ≤ %.3g", i, len(want), got[i], w, d, bound(i))
		}
	}
}

func TestFormats(t *testing.T) {
	b := newBench(t)
	x := b.random(1001)
	for i := range x {
		x[i] *= []float32{1, 1e-5, 1e-7, 1e4, 1e5, 6e-8}[i%6]
	}
	x[7], x[8], x[9] = float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())
	for i, bits := range []uint32{0x7f800001, 0x7fffffff, 0xffffffff} { // of which rounding could make an infinity or a zero
		x[10+i] = math.Float32frombits(bits)
	}
	for _, f := range formats[1:] {
		for _, s := range [][2]int{{1, 1}, {1, 1001}, {7, 143}, {40, 24}} { // rows, columns
			rows, columns, pitch := s[0], s[1], (s[1]+7)/8*8
			narrow, wide := b.room(rows*pitch/2), b.room(rows*pitch)
			b.Launch(f.Narrow(narrow, on(b, x), rows, columns), f.Widen(wide, narrow, rows*pitch))
			want := f.rounded(x)
			for i, v := range b.read(wide, rows*pitch) {
				if i%pitch >= columns {
					require.Zero(t, v)
					continue
				}
				at := i/pitch*columns + i%pitch
				require.True(t, v == want[at] || v != v && want[at] != want[at], "%v of %v: %v, want %v", f, x[at], v, want[at])
			}
		}
	}
}

func TestProducts(t *testing.T) {
	for _, f := range formats {
		for _, s := range []kernels.ConvShape{
			{N: 1, H: 1, W: 1, C: 1, Out: 1, KH: 1, KW: 1, Stride: 1},
			{N: 3, H: 5, W: 13, C: 77, Out: 67, KH: 1, KW: 1, Stride: 1},
			{N: 2, H: 7, W: 13, C: 3, Out: 33, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
			{N: 1, H: 8, W: 9, C: 12, Out: 13, KH: 3, KW: 3, Stride: 2, PadBottom: 1, PadRight: 1},
			{N: 1, H: 6, W: 5, C: 3, Out: 4, KH: 4, KW: 2, Stride: 1, PadTop: 5, PadBottom: 5},
			{N: 1, H: 15, W: 13, C: 8, Out: 131, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		} {
			t.Run(fmt.Sprint(f, s), func(t *testing.T) {
				b := newBench(t)
				x, w := f.rounded(b.random(s.N*s.H*s.W*s.C)), f.rounded(b.random(s.Out*s.C*s.KH*s.KW))
				n := s.N * s.OutH() * s.OutW() * s.Out
				ep := kernels.Epilogue{Bias: b.random(s.Out), Residual: b.random(n), Act: kernels.SiLUAct}
				c := Conv{s.N, s.H, s.W, s.C, s.Out, s.KH, s.KW, s.Stride, s.PadTop, s.PadLeft, s.OutH(), s.OutW(), f, Hardware{}}
				packed, input, bias := b.room(c.Packed().Bytes()/4+1), on(b, x), on(b, ep.Bias)
				b.Launch(c.Packed().Launch(packed, on(b, w)))
				for i, launches := range b.ways(c, n/s.Out) {
					dst, ep, on := b.room(n), ep, Epilogue{}
					if i%2 == 0 {
						require.NoError(b, Upload(b.Device, dst, ep.Residual)) // the residual may be dst
						on = Epilogue{Bias: bias, Act: kernels.SiLUAct, Residual: dst}
					} else {
						ep = kernels.Epilogue{}
					}
					want := kerneltest.Conv2D(x, w, s, ep)
					b.Launch(launches(dst, input, packed, on)...)
					roundings := float64(s.C*s.KH*s.KW + 12)
					b.near(b.read(dst, n), want.Want, func(i int) float64 { return roundings * 0x1p-23 * want.Size[i] })
				}
			})
		}
	}
}

// ways is c on all tiles, twice each; in 16 bits also in two parts and in as many as there are. Large products have the large one of themselves.
func (b bench) ways(c Conv, m int) (all []func(dst, x, w Pointer, ep Epilogue) []Launch) {
	if c.Format == F32 {
		for _, tile := range []tile{smallTile, smallTile, largeTile, largeTile} {
			all = append(all, func(dst, x, w Pointer, ep Epilogue) []Launch {
				l := c.Launches(dst, x, w, 0, ep)[0]
				require.True(b, strings.HasSuffix(l.Kernel, smallTile.name))
				l.Kernel = strings.TrimSuffix(l.Kernel, smallTile.name) + tile.name
				l.Grid, l.Block.X = tile.grid(m, c.Out, 1), tile.threads
				return []Launch{l}
			})
		}
		return all
	}
	for _, tile := range halfTiles {
		for _, split := range []int{1, 1, 2, 2, 99, 99} {
			all = append(all, func(dst, x, w Pointer, ep Epilogue) []Launch {
				h := newHalfOf(c.Format, m, c.Out, c.Packed().Pitch(), tile, split)
				if c.own() {
					l := Linear{m, c.Packed(), Hardware{}}
					return l.launches(dst, x, w, b.room(h.scratch(l.Rows*l.W.Pitch())), ep, h)
				}
				return c.launches(dst, x, w, b.room(h.scratch(c.N*c.H*c.W*c.Packed().wide())), ep, h)
			})
		}
	}
	return all
}

// TestActivations: each in the epilogue, and the gate of a gated weight, in tiles that are full and that are not.
func TestActivations(t *testing.T) {
	for _, f := range formats {
		for _, s := range []struct{ rows, in, out int }{{1, 1, 1}, {5, 7, 3}, {67, 40, 65}, {130, 33, 96}} {
			for _, test := range []struct {
				act   kernels.Activation
				gated bool
			}{{kernels.GELUAct, false}, {kernels.QuickGELUAct, false}, {kernels.None, true}} {
				t.Run(fmt.Sprint(f, s, test), func(t *testing.T) {
					b := newBench(t)
					l := Linear{s.rows, Packed{f, s.out, s.in, 1, test.gated}, Hardware{}}
					if test.gated {
						l.W.Out *= 2
					}
					x, w, bias := f.rounded(b.random(s.rows*s.in)), f.rounded(b.random(l.W.Out*s.in)), b.random(l.W.Out)
					n := s.rows * s.out
					packed, dst := b.room(l.W.Bytes()/4+1), b.room(n)
					b.Launch(l.W.Launch(packed, on(b, w)))
					b.Launch(l.Launches(dst, on(b, x), packed, b.room(l.Scratch()), Epilogue{Bias: on(b, bias), Act: test.act})...)
					want := kerneltest.Gemm(x, w, s.rows, s.in, l.W.Out, true, kernels.Epilogue{Bias: bias, Act: test.act})
					if test.gated {
						want = kerneltest.Gated(x, w, s.rows, s.in, s.out, bias)
					}
					b.near(b.read(dst, n), want.Want, func(i int) float64 { return float64(s.in+12) * 0x1p-23 * want.Size[i] })
				})
			}
		}
	}
}

// TestNaNStaysInItsWindow: where the taps of a filter end, what fills up a step of the inner index is zero and no pixel further on: 0·NaN would not be.
func TestNaNStaysInItsWindow(t *testing.T) {
	for _, f := range formats {
		for _, channels := range []int{3, 4} { // one at a time, and four
			t.Run(fmt.Sprint(f, channels), func(t *testing.T) {
				b := newBench(t)
				const side, out = 9, 5
				x := b.random(side * side * channels)
				x[(4*side+4)*channels] = float32(math.NaN())
				c := Conv{1, side, side, channels, out, 3, 3, 1, 1, 1, side, side, f, Hardware{}}
				packed, dst := b.room(c.Packed().Bytes()/4+1), b.room(side*side*out)
				b.Launch(c.Packed().Launch(packed, on(b, b.random(out*channels*9))))
				b.Launch(c.Launches(dst, on(b, x), packed, b.room(c.Scratch()), Epilogue{})...)
				for i, v := range b.read(dst, side*side*out) {
					down, across := i/out/side-4, i/out%side-4
					require.Equal(t, down*down <= 1 && across*across <= 1, v != v, "pixel %d, %d from the one", down, across)
				}
			})
		}
	}
}

func TestAttentions(t *testing.T) {
	labels := make([]uint8, 77)
	for i := range labels {
		labels[i] = uint8(i * i % 7 % 3)
	}
	block := kernels.Rule{Block: true}
	regions := &kernels.Regions{Query: labels, Key: labels, Rules: [][]kernels.Rule{
		{{Alpha: 0.5, Beta: 1, Target: 0.3}, {Alpha: -0.5}, block}, {{}, {Beta: 2}, {Target: 0.1}}, {{}, block, {Alpha: 1}},
	}}
	regions.PerHead = [][][]kernels.Rule{nil, {{{}, {Target: 0.5}, {Target: 0.6}}, {block, block, block}, {{Alpha: -1}, {}, {}}}}
	targets := &kernels.Regions{Query: labels, Key: labels, Rules: [][]kernels.Rule{ // no extremes, and keys that come first in no order of tokens
		{{}, {Target: 0.3}, {}}, {{}, {}, {Target: 0.5, Beta: 1}}, {block, {Beta: -1}, {}},
	}}
	long := &kernels.Regions{Query: []uint8{0, 1, 0, 1, 1}, Key: make([]uint8, 150), Rules: [][]kernels.Rule{ // segments of several tiles, the second far above the first
		{{Alpha: 0.5}, {Beta: 10}}, {{Target: 0.3}, {}},
	}}
	for i := range long.Key {
		long.Key[i] = uint8(i % 3 / 2)
	}
	blocked := &kernels.Regions{Query: labels[:1], Key: labels[:1], Rules: [][]kernels.Rule{{block}}}
	alone := &kernels.Regions{Query: make([]uint8, 5), Key: make([]uint8, 5), Rules: [][]kernels.Rule{{{}}}}
	for _, f := range formats {
		for _, test := range []struct {
			kernels.AttnShape
			r *kernels.Regions
		}{
			{kernels.AttnShape{N: 2, Heads: 2, HeadDim: 5, Queries: 7, Keys: 3}, nil},
			{kernels.AttnShape{N: 1, Heads: 2, HeadDim: 40, Queries: 66, Keys: 130}, nil},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 64, Queries: 70, Keys: 70, Causal: true}, nil},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 8, Queries: 70, Keys: 13, Causal: true}, nil}, // queries behind the last key
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 80, Queries: 65, Keys: 33}, nil},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 160, Queries: 9, Keys: 65}, nil},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 330, Queries: 9, Keys: 40}, nil},
			{kernels.AttnShape{N: 2, Heads: 1, HeadDim: 600, Queries: 66, Keys: 81}, nil}, // in two parts
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 161, Queries: 70, Keys: 67, Causal: true}, nil},
			{kernels.AttnShape{N: 2, Heads: 2, HeadDim: 5, Queries: 1, Keys: 1}, blocked},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 520, Queries: 1, Keys: 1}, blocked},
			{kernels.AttnShape{N: 2, Heads: 2, HeadDim: 5, Queries: 5, Keys: 5}, alone}, // a plan shorter than a tile
			{kernels.AttnShape{N: 2, Heads: 2, HeadDim: 8, Queries: 77, Keys: 77}, regions},
			{kernels.AttnShape{N: 1, Heads: 2, HeadDim: 170, Queries: 77, Keys: 77}, regions},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 170, Queries: 77, Keys: 77}, targets},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 8, Queries: 5, Keys: 150}, long},
			{kernels.AttnShape{N: 1, Heads: 1, HeadDim: 520, Queries: 5, Keys: 150}, long},
		} {
			for _, masses := range []bool{false, true} {
				if masses && test.r == nil {
					continue
				}
				t.Run(fmt.Sprint(f, test.AttnShape, masses), func(t *testing.T) {
					b, c := newBench(t), test.Heads*test.HeadDim
					q, k, v := b.random(test.N*test.Queries*c), b.random(test.N*test.Keys*c), b.random(test.N*test.Keys*c)
					b.attend(f, test.AttnShape, test.r, masses, f.rounded(q), f.rounded(k), f.rounded(v))
				})
			}
		}
	}
}

// TestExtremes: a row's largest and smallest logit are of keys that there are. All logits have the sign with which a zero, of what fills up a tile, would be one;
// and a bias is as large as e^100 would not be a float32.
func TestExtremes(t *testing.T) {
	for _, f := range formats {
		for _, size := range []int{8, 170} {
			for _, sign := range []float32{1, -1} {
				t.Run(fmt.Sprint(f, size, sign), func(t *testing.T) {
					b := newBench(t)
					s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: size, Queries: 3, Keys: 3}
					r := &kernels.Regions{Query: []uint8{0, 1, 0}, Key: []uint8{1, 0, 1}, Rules: [][]kernels.Rule{{{Alpha: -0.5 * sign, Beta: 100}, {}}, {{}, {Alpha: -1 * sign}}}}
					q, k, v := b.random(3*size), b.random(3*size), b.random(3*size)
					for i := range q {
						q[i], k[i] = max(q[i], -q[i]), sign*max(k[i], -k[i])
					}
					b.attend(f, s, r, false, f.rounded(q), f.rounded(k), f.rounded(v))
				})
			}
		}
	}
}

// TestTopRises: logits grow from tile to tile, so that all before has to be scaled.
func TestTopRises(t *testing.T) {
	for _, f := range formats {
		for _, size := range []int{8, 170} {
			t.Run(fmt.Sprint(f, size), func(t *testing.T) {
				b := newBench(t)
				s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: size, Queries: 3, Keys: 150}
				q, k, v := b.random(s.Queries*size), b.random(s.Keys*size), b.random(s.Keys*size)
				for i := range q {
					q[i] = 1
				}
				for i := range k {
					k[i] = k[i]/8 + float32(i/size)/float32(s.Keys)*20/float32(math.Sqrt(float64(size)))
				}
				b.attend(f, s, nil, false, f.rounded(q), f.rounded(k), f.rounded(v))
			})
		}
	}
}

// attend compares an attention with the dense formula of numbers already rounded. What is left is the rounding of each probability, and float32's.
func (b bench) attend(f Format, s kernels.AttnShape, r *kernels.Regions, masses bool, q, k, v []float32) {
	s.Scale = float32(1 / math.Sqrt(float64(s.HeadDim)))
	want, mass := kerneltest.Attention(q, k, v, s, r)
	size := make([]float32, len(v)) // of what is added up
	for i, x := range v {
		size[i] = max(x, -x)
	}
	sizes, _ := kerneltest.Attention(q, k, size, s, r)

	logits := float64(s.HeadDim+64) * 0x1p-24 * 8 // relative: of logits of a few units, thrice where a rule has the extremes
	loss := f.unit() + 3*logits + float64(s.Keys)*0x1p-23
	for _, kernel := range attentionKernels(f, s, r != nil) {
		a := newAttention(kernel, f, s, r, masses)
		var result Pointer
		if masses {
			result = b.room(a.Masses())
		}
		dst := b.room(len(want))
		b.Launch(a.Launches(dst, on(b, q), on(b, k), on(b, v), on(b, a.Plan), result, b.room(a.Scratch()))...)
		b.near(b.read(dst, len(want)), want, func(i int) float64 { return loss*sizes[i] + float64(s.Keys)*0x1p-25 }) // f16 is subnormal below 2^-14
		if masses {
			b.near(b.read(result, len(mass)), mass, func(i int) float64 { return (3*logits + float64(s.Keys)*0x1p-23) * mass[i] })
		}
	}
}
