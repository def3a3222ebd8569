package cuda

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
)

// Attention is an attention, worked out: its shape and what the kernels are told about regions.
type Attention struct {
	kernels.AttnShape
	Plan   []int32 // what Launches expects on the device, or nil. It depends on the regions alone, not on the shape.
	Labels int     // of the regions
	Format Format  // what q, k, v and the probabilities are rounded to; F32 unless set. The rest is float32
	tasks  int
}

// NewAttention works out an attention. regions may be nil; masses says whether those of regions are wanted.
func NewAttention(s kernels.AttnShape, regions *kernels.Regions, masses bool) Attention {
	a := Attention{AttnShape: s}
	a.Plan, a.tasks = plan(regions, masses)
	if a.Plan == nil {
		a.tasks = ceilDiv(s.Queries, queryTile)
	} else {
		a.Labels = len(regions.Rules)
	}
	return a
}

// Masses is the number of float32 in the result of masses, and Scratch the number that Launches wants to work in for them.
func (a Attention) Masses() int  { return a.N * a.Heads * a.Labels * a.Labels }
func (a Attention) Scratch() int { return a.N * a.Heads * a.tasks * a.Labels }

// work is both products of every query with every key, whatever rules leave out.
func (a Attention) work() Work {
	heads := a.N * a.Heads
	w := product(a.Format, heads*a.Queries, a.HeadDim, a.Keys, 2*heads*a.Queries*a.HeadDim, 2*heads*a.Keys*a.HeadDim)
	w.FLOP *= 2
	return w
}

// Launches is dst [n, queries, heads·d] from q of that shape and k, v [n, keys, heads·d], see kernels.Attention. plan is where Plan is on the
// device. If masses were asked for, mass [n, heads, labels, labels] becomes the mean over the queries of the first label of the share that
// goes to the keys of the second; else mass and scratch are null. dst must not overlap the others.
func (a Attention) Launches(dst, q, k, v, plan, mass, scratch Pointer) []Launch {
	count(a.N, a.Queries, a.Heads, a.HeadDim)
	count(a.N, a.Keys, a.Heads, a.HeadDim)
	if a.N*a.Heads > maxGrid {
		panic(fmt.Errorf("cuda: attention of %d pictures of %d heads: at most %d heads together", a.N, a.Heads, maxGrid))
	}
	columns := 160
	for _, c := range [][]int{F32: {96, 64}, F16: {80, 64}, BF16: {80, 64}}[a.Format] {
		if a.HeadDim <= c {
			columns = c
		}
	}
	kernel := fmt.Sprintf("attention_%v_%d", a.Format, columns)
	l := Launch{"attention", kernel, Dim{a.tasks, ceilDiv(a.HeadDim, columns), a.N * a.Heads}, Dim{128, 1, 1}, 0, params(
		dst, q, k, v, plan, scratch, count(a.Queries), count(a.Keys), count(a.Heads), count(a.HeadDim), count(a.Labels), a.Scale, a.Causal), a.work()}
	if mass == 0 {
		return []Launch{l}
	}
	const words = 2 * 4 * queryTile // that a segment leaves behind: the top and the sum of each row
	l.Shared = words * a.Labels
	return []Launch{l, {"attention", "attention_mass", Dim{ceilDiv(int(count(a.Masses())), threads), 1, 1}, Dim{threads, 1, 1}, 0, params(
		mass, scratch, plan, count(a.N*a.Heads), count(a.Labels)), moved(a.Masses(), a.Scratch())}}
}
