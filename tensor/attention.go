package tensor

import (
	"fmt"
	"math"
	"slices"
)

// AttnParams says how attention is computed. The zero value of everything but Heads is plain scaled dot-product attention.
type AttnParams struct {
	Heads   int      // the last axis of q, k and v is cut into this many heads
	Scale   float32  // of the logits, > 0; 0 means 1/√(head size)
	Causal  bool     // token i reads tokens 0 … i only; not with Regions
	Regions *Regions // who may read whom; nil: everybody everybody
	// Mass, if not nil, receives the attention mass each region gives each other: [n, heads, R, R], R = len(Regions.Rules), the mean
	// over the queries of the first region of what they give the keys of the second; a region without queries gives 0. It falls out of
	// the computation at no cost, and needs Regions.
	Mass []float32
}

// Attention returns softmax(scale·q·kᵀ)·v for each head: [n, queries, c] for q [n, queries, c], k [n, keys, c], v [n, keys, c], with
// head i in channels i·c/heads … (i+1)·c/heads-1. With Regions it is the region-modulated attention described there. The matrix of
// logits is never made: the softmax runs online over blocks of keys (Milakov & Gimelshein 2018).
func Attention(q, k, v *Tensor, p AttnParams) *Tensor {
	e := home("Attention", q, k, v)
	wantDims("Attention", q, 3, "q [n, queries, c]")
	wantDims("Attention", k, 3, "k [n, keys, c]")
	s, ks := q.Shape(), k.Shape()
	if !slices.Equal(ks, v.Shape()) || ks[0] != s[0] || ks[2] != s[2] {
		fail("Attention", "want q [n, queries, c] and k, v [n, keys, c]", q, k, v)
	}
	if p.Heads < 1 || s[2]%p.Heads != 0 {
		fail("Attention", fmt.Sprintf("%d channels do not fall into %d heads", s[2], p.Heads), q, k, v)
	}
	if p.Scale == 0 {
		p.Scale = float32(1 / math.Sqrt(float64(s[2]/p.Heads)))
	}
	if !(p.Scale > 0 && p.Scale <= math.MaxFloat32) {
		fail("Attention", fmt.Sprintf("scale %v: want a finite one above 0", p.Scale), q, k, v)
	}
	if reason := p.misfit(s[0], s[1], ks[1]); reason != "" {
		fail("Attention", reason, q, k, v)
	}
	clear(p.Mass)
	y := alloc("Attention", e, s)
	e.Attention(y, Contiguous(q), Contiguous(k), Contiguous(v), p)
	return y
}

// misfit is what is wrong with the regions for n pictures of that many queries and keys, or "".
func (p *AttnParams) misfit(n, queries, keys int) string {
	r := p.Regions
	if r == nil {
		if p.Mass != nil {
			return "Mass is asked for without Regions"
		}
		return ""
	}
	if p.Causal {
		return "causal attention takes no regions"
	}
	if len(r.Labels) != queries || len(r.Labels) != keys {
		return fmt.Sprintf("regions label %d tokens", len(r.Labels))
	}
	if reason := r.invalid(); reason != "" {
		return reason
	}
	if h := len(r.PerHead); h != 0 && h != p.Heads && h != n*p.Heads {
		return fmt.Sprintf("regions have rules for %d heads, want %d or %d", h, p.Heads, n*p.Heads)
	}
	if want := n * p.Heads * len(r.Rules) * len(r.Rules); p.Mass != nil && len(p.Mass) != want {
		return fmt.Sprintf("Mass has %d places, want %d", len(p.Mass), want)
	}
	return ""
}
