//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
)

// BenchmarkAttention times, on a GPU, every kernel that could do an attention of the models, first the one that is launched:
//
//	go test -tags cuda -run '^$' -bench Attention -benchtime 30x ./kernels/cuda
func BenchmarkAttention(b *testing.B) {
	d := onGPU(b)
	shape := func(n, heads, size, queries, keys int) kernels.AttnShape {
		return kernels.AttnShape{N: n, Heads: heads, HeadDim: size, Queries: queries, Keys: keys, Scale: float32(1 / math.Sqrt(float64(size)))}
	}
	var shapes []kernels.AttnShape
	for _, n := range []int{1, 2, 4} {
		shapes = append(shapes, shape(n, 5, 64, 4096, 4096), shape(n, 10, 64, 1024, 1024), shape(n, 20, 64, 256, 256), shape(n, 20, 64, 64, 64))
		shapes = append(shapes, shape(n, 5, 64, 4096, 77), shape(n, 10, 64, 1024, 77), shape(n, 20, 64, 256, 77))
	}
	shapes = append(shapes, shape(1, 8, 40, 4096, 4096), shape(1, 8, 80, 1024, 1024), shape(1, 8, 160, 256, 256), shape(1, 1, 512, 4096, 4096))
	for _, s := range shapes {
		kv := d.normal(s.N * s.Keys * s.Heads * s.HeadDim)
		q := d.normal(s.N * s.Queries * s.Heads * s.HeadDim)
		dst := d.normal(s.N * s.Queries * s.Heads * s.HeadDim)
		for _, rules := range []bool{false, true} {
			if rules && s.Queries != s.Keys {
				continue
			}
			for _, k := range attentionKernels(F16, s, rules) {
				if !rules && strings.HasSuffix(k.name, "_rules") {
					continue
				}
				var r *kernels.Regions
				if rules {
					r = bands(s.Queries)
				}
				a := newAttention(k, F16, s, r, false)
				plan, scratch := Pointer(0), d.room(a.Scratch())
				if a.Plan != nil {
					plan = d.room(len(a.Plan))
					require.NoError(b, Upload(d.Device, plan, a.Plan))
				}
				name := fmt.Sprintf("%dx%dx%d_%dx%d", s.N, s.Heads, s.HeadDim, s.Queries, s.Keys)
				if rules {
					name += "_rules"
				}
				b.Run(name+"/"+k.name, func(b *testing.B) {
					launches := a.Launches(dst, q, kv, kv, plan, 0, scratch)
					d.Launch(launches...)
					d.report(b, a.work().FLOP, launches)
				})
				d.Free(scratch)
			}
		}
		d.Free(kv)
		d.Free(q)
		d.Free(dst)
	}
}

// bands is the rules of a picture in three bands: one gives another 30 % of its attention, and another looks at itself; the same as sowgen bench's.
func bands(tokens int) *kernels.Regions {
	r := &kernels.Regions{Query: make([]uint8, tokens), Rules: [][]kernels.Rule{{{}, {}, {}}, {{Target: 0.3}, {}, {}}, {{}, {}, {Alpha: 0.5}}}}
	for i := range r.Query {
		r.Query[i] = uint8(3 * i / tokens)
	}
	r.Key = r.Query
	return r
}
