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
)

// TestUnaligned: kernels that read four numbers at a time where they lie well for that do without where they do not. An engine's tensors begin at
// multiples of 256 bytes, so here each operand in turn begins 4 bytes later; the result must stay what it was.
func TestUnaligned(t *testing.T) {
	s := kernels.AttnShape{N: 1, Heads: 2, HeadDim: 20, Queries: 9, Keys: 40, Scale: 0.2}
	// Elements of the pointers among the parameters, the result first; 0 for one that is null, less than 0 for zeros that always lie well.
	type operands = []int
	tests := []struct {
		Launch
		operands
	}{
		{F16.Narrow(0, 0, 3, 16), operands{-24, 48}},
		{BF16.Widen(0, 0, 101), operands{101, 51}},
		{Place(0, 0, 3, 8, 12, 4), operands{40, 24}},
		{Unary(SiLU, 0, 0, 101, 0, 0), operands{101, 101}},
		{Binary(Add, 0, 0, 0, []int{101}, []int{1}, []int{1})[0], operands{101, 101, 101}},
		{ScaleChannels(0, 0, 0, 0, 2, 5, 8, true, Rounded{}), operands{80, 80, 16, 16}},
		{GroupNorm{2, 5, 8, 2, 1e-5}.Launches(0, 0, 0, 0, 0, 0)[0], operands{16, 16, 80, 8, 8}},
		{Linear{1, Packed{F16, 5, 9, 1, false}, Hardware{}}.Launches(0, 0, 0, 0, Epilogue{})[0], operands{5, 9, -40, 5, 5}},
		{LayerNorm(0, 0, 0, 0, 3, 140, 1e-5, Rounded{}), operands{420, 420, 140, 140}},
		{UpsampleNearest(0, 0, 1, 3, 3, 4, 6, 6), operands{144, 36}},
		{Gemm{Batch: 1, M: 70, K: 12, N: 68, TransB: true}.Launch(0, 0, 0, Epilogue{}), operands{70 * 68, 70 * 12, 68 * 12}},
		{Gemm{Batch: 1, M: 70, K: 12, N: 68}.Launch(0, 0, 0, Epilogue{}), operands{70 * 68, 70 * 12, 68 * 12}},
		{Linear{70, Packed{F16, 68, 12, 1, false}, Hardware{}}.launches(0, 0, 0, 0, Epilogue{}, newHalfOf(F16, 70, 68, 16, smallHalf, 1))[1],
			operands{70 * 68, 0, -70 * 8, -68 * 8, 68, 70 * 68}},
		{newHalfOf(F16, 9, 10, 128, smallHalf, 2).finish(nil, 0, 0, Epilogue{}, 10)[0], operands{90, -180, 10, 90}},
		{Conv{1, 5, 5, 4, 8, 3, 3, 1, 1, 1, 5, 5, F32, Hardware{}}.Launches(0, 0, 0, 0, Epilogue{})[0], operands{200, 100, 8 * 36}},
	}
	for _, f := range formats {
		tests = append(tests, struct {
			Launch
			operands
		}{NewAttention(f, s, nil, false).Launches(0, 0, 0, 0, 0, 0, 0)[0], operands{360, 360, 1600, 1600}})
	}
	long := s
	long.Keys = 200
	for _, f := range formats[1:] {
		l := newAttention(attentionKernels(f, long, true)[0], f, long, nil, false).Launches(0, 0, 0, 0, 0, 0, 0)
		tests = append(tests, struct {
			Launch
			operands
		}{l[0], operands{2 * 200 * 64, 200 * 40, 200 * 40}})
	}
	wide := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 162, Queries: 9, Keys: 20, Scale: 0.2}
	l := NewAttention(F16, wide, nil, false).Launches(0, 0, 0, 0, 0, 0, 0)[1]
	tests = append(tests, struct {
		Launch
		operands
	}{l, operands{9 * 162, -9 * 192 / 2, -20 * 192 / 2, -20 * 192 / 2}})
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s", test.Module, test.Kernel), func(t *testing.T) {
			b := newBench(t)
			var want []float32
			for shifted := -1; shifted < len(test.operands); shifted++ {
				if shifted >= 0 && test.operands[shifted] <= 0 || shifted == 0 && strings.HasSuffix(test.Kernel, "_rows") {
					continue // working memory always lies well
				}
				b.rand = rand.New(rand.NewPCG(3, 4)) // the same numbers each time
				l := test.Launch
				l.Params = append([]Param{}, l.Params...)
				for i, n := range test.operands {
					if n == 0 {
						continue
					}
					x := b.random(max(0, n))
					if n < 0 {
						x = make([]float32, -n)
					}
					if i == shifted {
						x = append([]float32{0}, x...)
					}
					at := on(b, x)
					if i == shifted {
						at += 4
					}
					l.Params[i].Bits = uint64(at)
				}
				b.Launch(l)
				got := b.read(Pointer(l.Params[0].Bits), max(test.operands[0], -test.operands[0]))
				if shifted < 0 {
					want = got
					continue
				}
				for i, v := range got {
					near := math.Abs(float64(v)-float64(want[i])) <= 1e-6*(1+math.Abs(float64(want[i])))
					require.True(t, near || v != v && want[i] != want[i], "operand %d: element %d: %v, want %v", shifted, i, v, want[i])
				}
			}
		})
	}
}
