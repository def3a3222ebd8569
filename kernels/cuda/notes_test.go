//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda/internal/ptx"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// The versions of kernels/cuda/notes, which no program launches, on the emulated driver: so that they stay what they say they are.

// load makes the kernels of notes/NAME.cu known. There is no PTX of them.
func (b bench) load(name string) {
	if !strings.HasPrefix(b.Device.Name, "emulated") {
		b.Skip("not the emulated driver")
	}
	outline, err := ptx.Outline(filepath.Join("notes", name+".cu"))
	require.NoError(b, err)
	require.NoError(b, b.wait(func() (err error) {
		b.modules[name], err = cu.LoadData(outline)
		return err
	}))
}

// TestNotesGemm: a version's tile, a block for each.
func TestNotesGemm(t *testing.T) {
	for _, v := range []struct {
		name                   string
		rows, columns, threads int
		Format
	}{
		{"gemm_1_naive", 8, 32, 256, F32}, {"gemm_2_tiles", 32, 32, 1024, F32}, {"gemm_3_registers", 128, 128, 256, F32}, {"gemm_5_mma", 64, 64, 128, F16},
	} {
		for _, s := range [][3]int{{1, 1, 1}, {70, 40, 67}, {131, 19, 130}} {
			t.Run(fmt.Sprint(v.name, s), func(t *testing.T) {
				b := newBench(t)
				b.load(v.name)
				m, k, n := s[0], s[1], s[2]
				x, w, dst := v.rounded(b.random(m*k)), v.rounded(b.random(n*k)), b.room(m*n)
				b.Launch(Launch{v.name, v.name, Dim{ceilDiv(n, v.columns), ceilDiv(m, v.rows), 1}, Dim{v.threads, 1, 1}, 0, params(
					dst, on(b, x), on(b, w), count(m), count(n), count(k)), Work{}})
				want := kerneltest.Gemm(x, w, m, k, n, true, kernels.Epilogue{})
				b.near(b.read(dst, m*n), want.Want, func(i int) float64 { return float64(k+12) * 0x1p-23 * want.Size[i] })
			})
		}
	}
}

func TestNotesAttention(t *testing.T) {
	const d = 64
	block := func(n int) Dim { return Dim{n, 1, 1} }
	for _, v := range []struct {
		name string
		Format
		launches func(b bench, name string, dst, q, k, v Pointer, queries, keys int, scale float32) []Launch
	}{
		{"attention_1_logits", F32, func(b bench, name string, dst, q, k, v Pointer, queries, keys int, scale float32) []Launch {
			s := b.room(queries * keys)
			return []Launch{
				{name, name, block(ceilDiv(queries*keys, 256)), block(256), 0, params(s, q, k, count(queries), count(keys), scale), Work{}},
				{name, "attention_1_softmax", warpEach(queries), block(256), 0, params(s, count(queries), count(keys)), Work{}},
				{name, "attention_1_values", block(ceilDiv(queries*d, 256)), block(256), 0, params(dst, s, v, count(queries), count(keys)), Work{}},
			}
		}},
		{"attention_2_online", F32, func(_ bench, name string, dst, q, k, v Pointer, queries, keys int, scale float32) []Launch {
			return []Launch{{name, name, block(ceilDiv(queries, 64)), block(64), 0, params(dst, q, k, v, count(queries), count(keys), scale), Work{}}}
		}},
		{"attention_3_mma", F16, func(_ bench, name string, dst, q, k, v Pointer, queries, keys int, scale float32) []Launch {
			return []Launch{{name, name, block(ceilDiv(queries, 64)), block(128), 0, params(dst, q, k, v, count(queries), count(keys), scale), Work{}}}
		}},
	} {
		for _, s := range [][2]int{{1, 1}, {70, 130}, {9, 33}} {
			t.Run(fmt.Sprint(v.name, s), func(t *testing.T) {
				b := newBench(t)
				b.load(v.name)
				shape := kernels.AttnShape{N: 1, Heads: 1, HeadDim: d, Queries: s[0], Keys: s[1], Scale: 0.125}
				q, k, x := v.rounded(b.random(s[0]*d)), v.rounded(b.random(s[1]*d)), v.rounded(b.random(s[1]*d))
				dst := b.room(len(q))
				b.Launch(v.launches(b, v.name, dst, on(b, q), on(b, k), on(b, x), s[0], s[1], shape.Scale)...)
				want, sizes := attended(q, k, x, shape)
				b.near(b.read(dst, len(q)), want, func(i int) float64 { return v.attentionLoss(shape)*sizes[i] + float64(s[1])*0x1p-25 })
			})
		}
	}
}

// attended is the dense formula, and the size of what is added up in it.
func attended(q, k, v []float32, s kernels.AttnShape) (want, sizes []float64) {
	size := make([]float32, len(v))
	for i, x := range v {
		size[i] = float32(math.Abs(float64(x)))
	}
	want, _ = kerneltest.Attention(q, k, v, s, nil)
	sizes, _ = kerneltest.Attention(q, k, size, s, nil)
	return want, sizes
}

// attentionLoss is what the rounding of each probability costs, and float32's, of logits of a few units.
func (f Format) attentionLoss(s kernels.AttnShape) float64 {
	return f.unit() + float64(s.HeadDim+64)*0x1p-24*24 + float64(s.Keys)*0x1p-23
}
