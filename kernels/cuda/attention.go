package cuda

import (
	"fmt"
	"slices"

	"github.com/sowgen/sowgen/kernels"
)

// Attention is an attention, worked out: its shape and what the kernels are told about regions.
type Attention struct {
	kernels.AttnShape
	Format Format  // what q, k, v and the probabilities are rounded to; F32 for none. The rest is float32
	Plan   []int32 // what Launches expects on the device, or nil. It depends on the regions and the kernel alone
	Labels int     // of the regions
	kernel attentionKernel
	tasks  int
}

// attentionKernel is one of attention.cu's.
type attentionKernel struct {
	name    string // behind the format's
	columns int    // of v that a block has
	queries int    // of a block, at most
	threads int
	rows    bool // whether it reads what the kernel of rows makes of k and v
	plain   bool // whether it knows no rules
}

// attentionKernels has those for heads of up to so many columns, the last for all wider ones too. Of several, attentionKernelsFor's first is the one that is
// launched; a benchmark compares them.
var (
	floatAttentions = []attentionKernel{
		{"64", 64, 64, 128, false, false},
		{"96", 96, 64, 128, false, false},
		{"160", 160, 64, 128, false, false},
	}
	halfAttentions = []attentionKernel{
		{"few", 64, 64, 128, false, true},
		{"48", 48, 128, 128, true, true},
		{"64", 64, 128, 128, true, true},
		{"64_rules", 64, 128, 128, true, false},
		{"64_small", 64, 64, 128, true, true},
		{"64_small_rules", 64, 64, 128, true, false},
		{"80", 80, 128, 256, true, false},
		{"160", 160, 128, 256, true, false},
		{"wide", 512, 64, 256, true, false},
	}
)

// As BenchmarkAttention has them on an H200, of 132 multiprocessors. Queries are counted over all heads.
const (
	fewKeys      = 128   // up to so many keys are not worth a pass that rounds them once for all blocks,
	fewQueries   = 20480 // which are as few as these queries are
	smallQueries = 65536 // fewer of them fill the GPU better in blocks of 64
	smallNarrow  = 16384 // the same where the other kernel is that for heads of 48
)

// attentionKernels returns the kernels that may do it, the one that is launched first.
func attentionKernels(f Format, s kernels.AttnShape, rules bool) []attentionKernel {
	var able []attentionKernel
	add := func(does bool, of ...string) {
		for _, k := range halfAttentions {
			if does && slices.Contains(of, k.name) && !(rules && k.plain) {
				able = append(able, k)
			}
		}
	}
	d := s.HeadDim
	switch {
	case f == F32:
		for _, k := range floatAttentions {
			if d <= k.columns || k.columns == 160 {
				return []attentionKernel{k}
			}
		}
	case d > 160:
		add(true, "wide")
	case d > 80:
		add(true, "160")
	case d > 64:
		add(true, "80")
	default:
		queries := s.N * s.Heads * s.Queries
		few := s.Keys <= fewKeys && queries <= fewQueries
		small := queries < smallQueries && d > 48 || queries < smallNarrow
		add(few, "few")
		add(small, "64_small", "64_small_rules")
		add(d <= 48, "48")
		add(true, "64", "64_rules")
		add(!small, "64_small", "64_small_rules")
		add(!few, "few")
	}
	return able
}

// NewAttention works out an attention. regions may be nil; masses says whether those of regions are wanted.
func NewAttention(f Format, s kernels.AttnShape, regions *kernels.Regions, masses bool) Attention {
	if regions != nil {
		if a := newAttention(attentionKernels(f, s, true)[0], f, s, regions, masses); a.Plan != nil {
			return a
		}
	}
	return newAttention(attentionKernels(f, s, false)[0], f, s, nil, false)
}

// newAttention does it for a given kernel.
func newAttention(k attentionKernel, f Format, s kernels.AttnShape, regions *kernels.Regions, masses bool) Attention {
	a := Attention{AttnShape: s, Format: f, kernel: k}
	a.Plan, a.tasks = plan(regions, masses, k.queries)
	if a.Plan == nil {
		a.tasks = ceilDiv(s.Queries, k.queries)
	} else {
		a.Labels = len(regions.Rules)
	}
	return a
}

// Masses is the number of float32 in the result of masses, and Scratch the number that Launches wants to work in.
func (a Attention) Masses() int  { return a.N * a.Heads * a.Labels * a.Labels }
func (a Attention) Scratch() int { return a.rows() + a.notes() }

// rows is how many of them the rows of keys and values have, and of queries where the kernel is for wide heads; notes the sums for masses: of each task one for
// each label, and the top and the part of each of its rows for each segment.
func (a Attention) rows() int {
	if !a.kernel.rows {
		return 0
	}
	n := count(a.N, a.Heads, a.Keys, a.rowColumns()) // two of each, of 16 bits
	if a.wide() {
		n += count(a.N, a.Heads, a.Queries, a.rowColumns()/2)
	}
	return int(n)
}

func (a Attention) wide() bool { return a.kernel.name == "wide" }

// rowColumns is how many numbers a row has: a multiple of what the kernel reads at a time.
func (a Attention) rowColumns() int {
	if a.wide() {
		return ceilDiv(a.HeadDim, 64) * 64
	}
	return a.kernel.columns
}

func (a Attention) notes() int {
	return int(count(a.N, a.Heads, a.tasks, a.Labels, 1+2*a.kernel.queries))
}

// work is both products of every query with every key, whatever rules leave out.
func (a Attention) work() Work {
	heads := a.N * a.Heads
	moved := []int{2 * heads * a.Queries * a.HeadDim, 2 * heads * a.Keys * a.HeadDim}
	switch {
	case a.wide():
		moved = []int{heads * a.Queries * a.HeadDim, a.rows()}
	case a.kernel.rows:
		moved[1] = a.rows()
	}
	w := product(a.Format, heads*a.Queries, a.HeadDim, a.Keys, moved...)
	w.FLOP *= 2
	return w
}

// Launches is dst [n, queries, heads·d] from q of that shape and k, v [n, keys, heads·d], see kernels.Attention. plan is where Plan is on the
// device, scratch has room for Scratch, and is aligned to 16 bytes. If masses were asked for, mass [n, heads, labels, labels] becomes the mean over the
// queries of the first label of the share that goes to the keys of the second; else it is null. dst must not overlap the others.
func (a Attention) Launches(dst, q, k, v, plan, mass, scratch Pointer) (all []Launch) {
	count(a.N, a.Queries, a.Heads, a.HeadDim)
	read := 2 * int(count(a.N, a.Keys, a.Heads, a.HeadDim))
	if a.N*a.Heads > maxGrid {
		panic(fmt.Errorf("cuda: attention of %d pictures of %d heads: at most %d heads together", a.N, a.Heads, maxGrid))
	}
	module := "attention"
	if a.Format != F32 {
		module = fmt.Sprintf("attention_%v", a.Format)
	}
	notes := scratch + Pointer(4*a.rows())
	if a.kernel.rows {
		each := a.N * a.Heads * a.Keys * a.rowColumns()
		grid := spread(uint32(each / 8))
		grid.Y = 2
		if a.wide() {
			grid.Y = 3
			read += a.N * a.Queries * a.Heads * a.HeadDim
		}
		all = append(all, Launch{module, fmt.Sprintf("attention_%v_rows", a.Format), grid, Dim{threads, 1, 1}, 0, params(
			scratch, k, v, q, plan, count(a.N), count(a.Keys), count(a.Queries), count(a.Heads), count(a.HeadDim), count(a.rowColumns())),
			moved(read, a.rows())})
		k, v = scratch, scratch+Pointer(2*each)
		if a.wide() {
			q = v + Pointer(2*each)
		}
	}
	if mass == 0 {
		notes = 0
	}
	all = append(all, Launch{module, fmt.Sprintf("attention_%v_%s", a.Format, a.kernel.name),
		Dim{a.tasks, ceilDiv(a.HeadDim, a.kernel.columns), a.N * a.Heads}, Dim{a.kernel.threads, 1, 1}, 0, params(
			dst, q, k, v, plan, notes, count(a.Queries), count(a.Keys), count(a.Heads), count(a.HeadDim), count(a.Labels), a.Scale, a.Causal), a.work()})
	if mass != 0 {
		all = append(all, Launch{"attention", "attention_mass", Dim{ceilDiv(int(count(a.Masses())), threads), 1, 1}, Dim{threads, 1, 1}, 0, params(
			mass, notes, plan, count(a.N*a.Heads), count(a.Labels)), moved(a.Masses(), a.N*a.Heads*a.tasks*a.Labels)})
	}
	return all
}
