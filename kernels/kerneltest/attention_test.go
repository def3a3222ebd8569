package kerneltest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/kerneltest"
)

// attentionTol is what float32 loses: a logit is off by a few roundings of its size (here up to about 6), so a probability by
// that share of itself, and values are about 1.
const attentionTol = 32 * 6 * kerneltest.Epsilon

func run(t *testing.T, s kernels.AttnShape, q, k, v []float32, r *kernels.Regions) (out, mass []float32) {
	t.Helper()
	dst, check := guarded(len(q))
	if r != nil {
		labels := len(r.Rules)
		mass = threads(t, func() []float32 {
			m, checkMass := guarded(s.N * s.Heads * labels * labels)
			clear(m)
			kernels.Attention(dst, q, k, v, s, r, m)
			checkMass(t)
			return m
		})
		check(t)
	}
	withMass := slices.Clone(dst)
	out = threads(t, func() []float32 {
		kernels.Attention(dst, q, k, v, s, r, nil)
		return dst
	})
	check(t)
	if r != nil {
		for i := range out {
			require.InDelta(t, float64(withMass[i]), float64(out[i]), attentionTol, "with and without masses")
		}
	}
	return out, mass
}

func TestAttentionPlain(t *testing.T) {
	shapes := []kernels.AttnShape{
		{N: 1, Heads: 1, HeadDim: 1, Queries: 1, Keys: 1, Scale: 1},
		{N: 1, Heads: 1, HeadDim: 8, Queries: 5, Keys: 3, Scale: .3},
		{N: 2, Heads: 3, HeadDim: 13, Queries: 33, Keys: 77, Scale: .28},
		{N: 1, Heads: 2, HeadDim: 32, Queries: 256, Keys: 256, Scale: .177},
		{N: 1, Heads: 2, HeadDim: 64, Queries: 150, Keys: 300, Scale: .125},
		{N: 1, Heads: 1, HeadDim: 160, Queries: 40, Keys: 129, Scale: .08},
		{N: 2, Heads: 2, HeadDim: 24, Queries: 77, Keys: 77, Scale: .2, Causal: true},
		{N: 1, Heads: 1, HeadDim: 16, Queries: 300, Keys: 300, Scale: .25, Causal: true},
		{N: 1, Heads: 1, HeadDim: 16, Queries: 10, Keys: 200, Scale: .25, Causal: true},
		{N: 1, Heads: 1, HeadDim: 16, Queries: 200, Keys: 10, Scale: .25, Causal: true},
		{N: 1, Heads: 2, HeadDim: 4, Queries: 9, Keys: 0, Scale: .5},
	}
	each(t, func(t *testing.T) {
		for i, s := range shapes {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				width := s.Heads * s.HeadDim
				q, k, v := random(s.N*s.Queries*width), randomSeed(s.N*s.Keys*width, 2), randomSeed(s.N*s.Keys*width, 3)
				got, _ := run(t, s, q, k, v, nil)
				want, _ := kerneltest.Attention(q, k, v, s, nil)
				near(t, got, want, attentionTol)
				inPlace := slices.Clone(q)
				kernels.Attention(inPlace, inPlace, k, v, s, nil, nil)
				require.Equal(t, got, inPlace)
			})
		}
	})
}

// labels gives n tokens a label each, in blocks and then mixed.
func labels(n, count int) []uint8 {
	l := make([]uint8, n)
	for i := range l {
		l[i] = uint8((i*i/7 + i/5) % count)
	}
	return l
}

func TestAttentionRegions(t *testing.T) {
	type rule = kernels.Rule
	rules := map[string][][]rule{
		"alpha":        {{{Alpha: .5}, {}, {Alpha: -.7}}, {{Alpha: 1}, {Alpha: -1}, {}}, {{}, {Beta: 1.5}, {Alpha: .3, Beta: -2}}},
		"block":        {{{}, {Block: true}, {}}, {{Block: true}, {}, {Block: true, Target: .4}}, {{Alpha: .5}, {Alpha: -.5}, {Block: true}}},
		"all blocked":  {{{Block: true}, {Block: true}, {Block: true}}, {{}, {}, {}}, {{Beta: float32(math.Inf(-1))}, {Block: true}, {Block: true}}},
		"target":       {{{}, {Target: .3}, {}}, {{Target: .9}, {}, {Alpha: .5}}, {{Target: .25}, {Target: .5}, {Beta: 1}}},
		"too much":     {{{Target: .7}, {Target: .5}, {}}, {{Target: .2}, {Target: .2}, {Target: .4}}, {{Target: .3}, {Block: true}, {Block: true}}},
		"target+alpha": {{{Alpha: .5, Target: .3}, {}, {}}, {{}, {Alpha: -.5, Target: .6}, {Alpha: .2}}, {{}, {}, {}}},
		"one row":      {{{}, {}, {}}, {{}, {}, {}}, {{Target: .5}, {}, {}}},
	}
	shapes := []kernels.AttnShape{
		{N: 1, Heads: 1, HeadDim: 8, Queries: 7, Keys: 7, Scale: .35},
		{N: 2, Heads: 2, HeadDim: 13, Queries: 64, Keys: 64, Scale: .28},
		{N: 1, Heads: 1, HeadDim: 32, Queries: 400, Keys: 401, Scale: .177},
	}
	each(t, func(t *testing.T) {
		for name, table := range rules {
			for i, s := range shapes {
				t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
					width := s.Heads * s.HeadDim
					q, k, v := random(s.N*s.Queries*width), randomSeed(s.N*s.Keys*width, 2), randomSeed(s.N*s.Keys*width, 3)
					r := &kernels.Regions{Query: labels(s.Queries, 3), Key: labels(s.Keys, 3), Rules: table}
					got, mass := run(t, s, q, k, v, r)
					want, wantMass := kerneltest.Attention(q, k, v, s, r)
					near(t, got, want, attentionTol)
					near(t, mass, wantMass, attentionTol)
				})
			}
		}
	})
}

// TestAttentionPerHead: each head of each picture goes by its own rules, one without any by the common ones.
func TestAttentionPerHead(t *testing.T) {
	type rule = kernels.Rule
	s := kernels.AttnShape{N: 2, Heads: 3, HeadDim: 13, Queries: 64, Keys: 65, Scale: .28}
	width := s.Heads * s.HeadDim
	q, k, v := random(s.N*s.Queries*width), randomSeed(s.N*s.Keys*width, 2), randomSeed(s.N*s.Keys*width, 3)
	common := [][]rule{{{}, {Target: .3}}, {{}, {}}}
	neutral := [][]rule{{{}, {}}, {{}, {}}}
	block := [][]rule{{{Block: true}, {Block: true}}, {{Block: true}, {}}}
	mixed := [][]rule{{{Alpha: .5}, {}}, {{Beta: 1}, {Alpha: -1}}}
	each(t, func(t *testing.T) {
		for _, perHead := range [][][][]rule{{nil, block, mixed}, {mixed, nil, neutral, nil, block, mixed}, {neutral, mixed, nil}} {
			r := &kernels.Regions{Query: labels(s.Queries, 2), Key: labels(s.Keys, 2), Rules: common, PerHead: perHead}
			got, mass := run(t, s, q, k, v, r)
			want, wantMass := kerneltest.Attention(q, k, v, s, r)
			near(t, got, want, attentionTol)
			near(t, mass, wantMass, attentionTol)
		}
		r := &kernels.Regions{Query: labels(s.Queries, 2), Key: labels(s.Keys, 2), Rules: neutral, PerHead: [][][]rule{neutral, nil, neutral}}
		plain, _ := run(t, s, q, k, v, nil)
		got, _ := run(t, s, q, k, v, r)
		require.Equal(t, plain, got, "neutral rules give the same bytes")
	})
}

// TestAttentionLarge: rules on the 4096 tokens of a picture of 512×512 agree with the dense formula in float64 to 1e-5, and a target is met
// to 1e-4. Every fourth token asks, all are read.
func TestAttentionLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("the dense formula takes seconds")
	}
	s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 40, Queries: 1024, Keys: 4096, Scale: float32(1 / math.Sqrt(40))}
	q, k, v := random(1024*40), randomSeed(4096*40, 2), randomSeed(4096*40, 3)
	label := make([]uint8, 4096) // a face of 32×32 cells at the middle of the top, a body below it, the background
	for i := range label {
		switch y, x := i/64, i%64; {
		case y < 32 && x >= 16 && x < 48:
			label[i] = 2
		case y >= 32 && x >= 8 && x < 56:
			label[i] = 1
		}
	}
	r := &kernels.Regions{Key: label, Rules: [][]kernels.Rule{
		{{}, {Alpha: -.5}, {Block: true}}, {{Beta: -1}, {}, {Target: .3}}, {{Alpha: .5}, {}, {}},
	}}
	for i := range s.Queries {
		r.Query = append(r.Query, label[4*i])
	}
	want, wantMass := kerneltest.Attention(q, k, v, s, r)
	each(t, func(t *testing.T) {
		dst, mass := make([]float32, len(q)), make([]float32, 9)
		kernels.Attention(dst, q, k, v, s, r, mass)
		near(t, dst, want, 1e-5)
		near(t, mass, wantMass, 1e-5)
		require.InDelta(t, .3, mass[1*3+2], 1e-4)
	})
}

func TestAttentionEmptyRegions(t *testing.T) {
	s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 8, Queries: 20, Keys: 20, Scale: .35}
	q, k, v := random(160), randomSeed(160, 2), randomSeed(160, 3)
	table := [][]kernels.Rule{{{}, {Target: .5}, {Alpha: .5}}, {{}, {}, {}}, {{}, {}, {}}}
	each(t, func(t *testing.T) {
		r := &kernels.Regions{Query: make([]uint8, 20), Key: make([]uint8, 20), Rules: table} // only label 0 occurs
		got, mass := run(t, s, q, k, v, r)
		plain, _ := run(t, s, q, k, v, nil)
		require.Equal(t, plain, got)
		require.Equal(t, []float32{1, 0, 0, 0, 0, 0, 0, 0, 0}, mass)
	})
}

func TestAttentionNeutralRulesAreFree(t *testing.T) {
	s := kernels.AttnShape{N: 1, Heads: 2, HeadDim: 16, Queries: 100, Keys: 100, Scale: .25}
	q, k, v := random(3200), randomSeed(3200, 2), randomSeed(3200, 3)
	r := &kernels.Regions{Query: labels(100, 2), Key: labels(100, 2), Rules: [][]kernels.Rule{{{}, {}}, {{}, {}}}}
	each(t, func(t *testing.T) {
		plain, _ := run(t, s, q, k, v, nil)
		got, _ := run(t, s, q, k, v, r)
		require.Equal(t, plain, got, "the same bytes")
	})
}

func TestAttentionMassAccumulates(t *testing.T) {
	s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 8, Queries: 20, Keys: 20, Scale: .35}
	q, k, v := random(160), randomSeed(160, 2), randomSeed(160, 3)
	r := &kernels.Regions{Query: labels(20, 2), Key: labels(20, 2), Rules: [][]kernels.Rule{{{}, {}}, {{}, {}}}}
	mass, dst := make([]float32, 4), make([]float32, 160)
	kernels.Attention(dst, q, k, v, s, r, mass)
	once := slices.Clone(mass)
	kernels.Attention(dst, q, k, v, s, r, mass)
	for i := range mass {
		require.Equal(t, 2*once[i], mass[i])
	}
}

func TestAttentionGolden(t *testing.T) {
	var g struct {
		N           int
		D           int `json:"d"`
		Reg         []uint8Number
		Q, K, V     [][]float64
		Alpha, Beta [][]float32
		Block       [][]bool
		Out         [][]float64
	}
	raw, err := os.ReadFile("../testdata/region-attention-golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &g))
	r := &kernels.Regions{}
	for _, l := range g.Reg {
		r.Query = append(r.Query, uint8(l))
	}
	r.Key = r.Query
	for a := range g.Alpha {
		r.Rules = append(r.Rules, nil)
		for c := range g.Alpha[a] {
			r.Rules[a] = append(r.Rules[a], kernels.Rule{Alpha: g.Alpha[a][c], Beta: g.Beta[a][c], Block: g.Block[a][c]})
		}
	}
	s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: g.D, Queries: g.N, Keys: g.N, Scale: float32(1 / math.Sqrt(float64(g.D)))}
	want, _ := kerneltest.Attention(flat32(g.Q), flat32(g.K), flat32(g.V), s, r)
	for i, w := range slices.Concat(g.Out...) {
		require.InDelta(t, w, want[i], 8*kerneltest.Epsilon*6, "the reference itself, on inputs rounded to float32")
	}
	each(t, func(t *testing.T) {
		got, _ := run(t, s, flat32(g.Q), flat32(g.K), flat32(g.V), r)
		near(t, got, slices.Concat(g.Out...), attentionTol)
	})
}

// uint8Number keeps encoding/json from reading []uint8 as base64.
type uint8Number uint8

func flat32(rows [][]float64) []float32 {
	var x []float32
	for _, v := range slices.Concat(rows...) {
		x = append(x, float32(v))
	}
	return x
}

func TestAttentionNaN(t *testing.T) {
	type rule = kernels.Rule
	s := kernels.AttnShape{N: 1, Heads: 2, HeadDim: 8, Queries: 70, Keys: 150, Scale: .35}
	width := s.Heads * s.HeadDim
	regions := func(rules [][]rule) *kernels.Regions {
		return &kernels.Regions{Query: labels(70, 2), Key: labels(150, 2), Rules: rules}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	// spoilt is the result with something in q, k and v that is no number.
	spoilt := func(r *kernels.Regions, spoil func(q, k, v []float32)) func(query, head, c int) float32 {
		q, k, v := random(70*width), randomSeed(150*width, 2), randomSeed(150*width, 3)
		spoil(q, k, v)
		dst := make([]float32, len(q))
		kernels.Attention(dst, q, k, v, s, r, nil)
		return func(query, head, c int) float32 { return dst[query*width+head*8+c] }
	}
	nans := func(r *kernels.Regions, spoil func(q, k, v []float32)) func(query, head, c int) bool {
		dst := spoilt(r, spoil)
		return func(query, head, c int) bool { x := dst(query, head, c); return x != x }
	}
	each(t, func(t *testing.T) {
		for _, s.BF16 = range []bool{false, true} {
			for _, r := range []*kernels.Regions{nil, regions([][]rule{{{}, {Alpha: .5}}, {{Target: .4}, {}}})} {
				for _, key := range []int{0, 77, 149} {
					inQ := nans(r, func(q, k, v []float32) { q[33*width+3] = nan })
					inK := nans(r, func(q, k, v []float32) { k[key*width+3] = nan })
					inV := nans(r, func(q, k, v []float32) { v[key*width+3] = nan })
					infinite := spoilt(r, func(q, k, v []float32) { v[key*width+3] = inf })
					for query := range 70 {
						require.Equal(t, inf, infinite(query, 0, 3), "an infinite value")
						for c := range 8 {
							require.Equal(t, query == 33, inQ(query, 0, c), "a query")
							require.True(t, inK(query, 0, c), "a key reaches every query")
							require.Equal(t, c == 3, inV(query, 0, c), "a value reaches its channel")
							require.False(t, inQ(query, 1, c) || inK(query, 1, c) || inV(query, 1, c), "not the other head")
						}
					}
				}
			}
			blocked := regions([][]rule{{{}, {Block: true}}, {{Block: true}, {}}})
			for key := 0; key < 150; key += 7 {
				nans := nans(blocked, func(q, k, v []float32) { k[key*width+3], v[key*width+3] = nan, nan })
				for query := range 70 {
					require.Equal(t, blocked.Query[query] == blocked.Key[key], nans(query, 0, 3), "no blocked key reaches a query")
				}
			}
		}
	})
}

func TestAttentionLargeLogits(t *testing.T) {
	s := kernels.AttnShape{N: 1, Heads: 1, HeadDim: 4, Queries: 40, Keys: 200, Scale: 1}
	q, k, v := random(160), randomSeed(800, 2), randomSeed(800, 3)
	for i := range q {
		q[i] *= 100
	}
	for i := range k {
		k[i] *= 100
	}
	each(t, func(t *testing.T) {
		got, _ := run(t, s, q, k, v, nil)
		want, _ := kerneltest.Attention(q, k, v, s, nil)
		near(t, got, want, 4e5*4*kerneltest.Epsilon) // logits of up to 4e5, known to a rounding
	})
}
