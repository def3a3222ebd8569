package tensortest

import (
	"fmt"
	"math"
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

func (s suite) attention(t *testing.T) {
	for _, test := range []struct {
		n, queries, keys, heads, d int
		causal                     bool
	}{
		{1, 1, 1, 1, 1, false}, {2, 7, 3, 2, 5, false}, {1, 77, 77, 3, 13, false}, {1, 33, 1, 1, 8, false}, {1, 3, 300, 2, 40, false},
		{2, 100, 77, 8, 8, false}, {1, 77, 77, 2, 16, true}, {1, 13, 200, 1, 7, true}, {1, 200, 13, 1, 7, true}, {1, 5, 5, 1, 160, false},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			p := tensor.AttnParams{Heads: test.heads, Scale: float32(1 / math.Sqrt(float64(test.d))), Causal: test.causal}
			for _, bad := range []bool{false, true} {
				s.attend(t, test.n, test.queries, test.keys, test.d, p, bad)
			}
		})
	}
}

// attend compares an attention and its masses with the dense formula; bad puts a NaN into one query.
func (s suite) attend(t *testing.T, n, queries, keys, d int, p tensor.AttnParams, bad bool) {
	t.Helper()
	c := p.Heads * d
	q, k, v := random(23, n*queries*c), random(24, n*keys*c), random(25, n*keys*c)
	for i := range q {
		q[i] *= 2
	}
	if bad {
		q[len(q)/2] = nan
	}
	out, mass := attention(q, k, v, n, queries, keys, d, p)
	qt, kt, vt := s.on(q, n, queries, c), s.on(k, n, keys, c), s.on(v, n, keys, c)
	if p.Regions != nil {
		p.Mass = make([]float32, len(mass.want))
	}
	s.check(t, out, []int{n, queries, c}, []*tensor.Tensor{qt, kt, vt}, func(dst *tensor.Tensor) { s.e.Attention(dst, qt, kt, vt, p) })
	if p.Mass != nil {
		if !bad {
			mass.check(t, p.Mass)
		}
		p.Mass = nil
		s.check(t, out, []int{n, queries, c}, nil, func(dst *tensor.Tensor) { s.e.Attention(dst, qt, kt, vt, p) })
	}
}

func (s suite) regions(t *testing.T) {
	type rules = [][]tensor.Rule
	block := tensor.Rule{Block: true}
	for name, rules := range map[string]rules{
		"one":      {{{}}},
		"neutral":  {{{}, {}, {}}, {{}, {}, {}}, {{}, {}, {}}},
		"enhance":  {{{}, {Alpha: 0.5}, {}}, {{}, {}, {Alpha: 1}}, {{Alpha: 0.25, Beta: 1}, {}, {}}},
		"suppress": {{{}, {Alpha: -0.5}, {}}, {{}, {}, {Alpha: -1}}, {{Alpha: -0.25, Beta: -1}, {}, {}}},
		"block":    {{{}, block, {}}, {block, {}, block}, {block, block, block}},
		"target":   {{{}, {Target: 0.3}, {}}, {{Target: 0.5}, {Target: 0.25}, {}}, {{Target: 0.5}, block, block}},
		"too much": {{{Target: 0.8}, {Target: 0.6}, {}}, {{Target: 0.5}, {Target: 0.25}, {Target: 0.1}}, {{}, {Target: 0.5}, {Target: 0.5}}},
		"all":      {{{Alpha: 0.5, Beta: 1, Target: 0.3}, {Alpha: -0.5}, block}, {block, {Beta: 2}, {Target: 0.1}}, {{}, {}, {Alpha: 1}}},
	} {
		for _, side := range []int{1, 3, 7, 13} {
			t.Run(fmt.Sprint(name, side), func(t *testing.T) {
				r := &tensor.Regions{Height: side, Width: side, Rules: rules, Labels: make([]uint8, side*side)}
				for i := range r.Labels {
					r.Labels[i] = uint8(i * i % 7 % len(rules))
				}
				for _, bad := range []bool{false, true} {
					s.attend(t, 2, side*side, side*side, 8, tensor.AttnParams{Heads: 2, Scale: 0.35, Regions: r}, bad)
				}
			})
		}
	}
}

// regionsPerHead: each head goes by its own rules, one without any by the common ones.
func (s suite) regionsPerHead(t *testing.T) {
	r := &tensor.Regions{Height: 7, Width: 7, Labels: make([]uint8, 49), Rules: [][]tensor.Rule{{{}, {Target: 0.3}}, {{}, {}}}}
	for i := range r.Labels {
		r.Labels[i] = uint8(i * i % 7 % 2)
	}
	neutral := [][]tensor.Rule{{{}, {}}, {{}, {}}}
	block := [][]tensor.Rule{{{}, {Block: true}}, {{Block: true}, {Block: true}}}
	enhance := [][]tensor.Rule{{{}, {Alpha: 0.5}}, {{Alpha: -1, Beta: 1}, {}}}
	for name, perHead := range map[string][][][]tensor.Rule{
		"head":             {nil, block},
		"head and picture": {enhance, nil, neutral, block, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r.PerHead = perHead
			for _, bad := range []bool{false, true} {
				s.attend(t, 3, 49, 49, 8, tensor.AttnParams{Heads: 2, Scale: 0.35, Regions: r}, bad)
			}
		})
	}
}
