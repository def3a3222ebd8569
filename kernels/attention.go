package kernels

import (
	"math"

	"github.com/sowgen/sowgen/kernels/ref"
)

// AttnShape is the geometry of an attention.
type AttnShape struct {
	N, Heads, HeadDim, Queries, Keys int
	Scale                            float32 // of the logits, as a rule 1/√HeadDim
	Causal                           bool    // query i reads the keys 0 … i only
	BF16                             bool    // products of bfloat16, see Attention
}

// Attention is multi-head attention of q [n, queries, heads·d] on k and v [n, keys, heads·d], into dst [n, queries, heads·d]:
//
//	L[i,j]   = Scale·Σ_c q[i,c]·k[j,c]                  for each picture and head
//	dst[i,c] = Σ_j softmax_j(rules(L[i,j]))·v[j,c]
//
// r says how regions read each other (see Rule); nil is plain attention, and rules that change nothing give the same bytes as
// nil. A row that reads nothing, because there are no keys or all are blocked, is 0.
//
// With BF16, q, k, v and the exponentials of the softmax are rounded to bfloat16 before they are multiplied; sums stay float32. The
// implementation avx512bf16 multiplies by VDPBF16PS, to which denormal numbers are zeros, and so are products and sums below 2^-126.
//
// mass, if not nil, is [n, heads, R, R] for R labels: to the entry of query label a and key label c it adds the mean, over the
// queries labelled a, of the share of attention that goes to the keys labelled c.
//
// dst must not overlap k or v; it may be q.
func Attention(dst, q, k, v []float32, s AttnShape, r *Regions, mass []float32) {
	sizes("Attention", s.N, s.Heads, s.HeadDim, s.Queries, s.Keys)
	width := s.Heads * s.HeadDim
	need("Attention", "dst", len(dst), s.N*s.Queries*width)
	need("Attention", "q", len(q), s.N*s.Queries*width)
	need("Attention", "k", len(k), s.N*s.Keys*width)
	need("Attention", "v", len(v), s.N*s.Keys*width)
	if !(s.Scale >= 0) || math.IsInf(float64(s.Scale), 0) {
		fail("Attention", "scale %v: want a finite one, not negative", s.Scale)
	}
	if r != nil {
		r.check(s)
	}
	if mass != nil {
		if r == nil {
			fail("Attention", "masses are asked for without regions")
		}
		need("Attention", "mass", len(mass), s.N*s.Heads*len(r.Rules)*len(r.Rules))
	}
	if s.N*s.Queries*width == 0 {
		return
	}
	if s.Keys == 0 {
		clear(dst[:s.N*s.Queries*width])
		return
	}
	at := attentions.get()
	at.AttnShape, at.dst, at.q, at.k, at.v, at.wantMass = s, dst, q, k, v, mass != nil
	at.words = s.BF16 && active.Load().Dot != nil
	at.plan(r)
	work := s.N * s.Heads * s.Queries * s.Keys * s.HeadDim
	spread(work, ceilDiv(s.N*s.Heads*at.places, gatherRows), (*gather)(at))
	spread(work, s.N*s.Heads*len(at.groups), at)
	if mass != nil {
		at.addMass(mass, r)
	}
	at.dst, at.q, at.k, at.v, at.readings = nil, nil, nil, nil, nil
	attentions.put(at)
}

// A task is up to groupPanels panels of 32 queries of one label and one head. It goes through the keys in blocks, so that a
// block of logits (keyBlock × 32, 16 KiB) stays in the first-level cache and a block of keys and values serves all its panels. So do
// headBlock rows of a panel's queries while the keys of a block go by. keyBlock and gatherRows are even.
const (
	groupPanels = 4
	keyBlock    = 128
	headBlock   = 192
	gatherRows  = 512
)

// attention is one attention in work. The panels hold transposes: queries are the columns, so the logits of a block of keys are
// computed as the panel K·Qᵀ, are reduced down the columns, and are as they stand the B side of Oᵀ = Vᵀ·P.
//
// Where the loops for products of bfloat16 do both products, words are pairs along what is summed over: K and Q have two channels of a token
// in a word, V and P a channel of two keys. Keys of two labels are never in one word: each label's begin at an even place, which leaves gaps.
type attention struct {
	AttnShape
	dst, q, k, v []float32
	words        bool      // the products go through Dot
	kh, vh       []float32 // keys and values by head, [n, heads, places, d], in the order of keys; as words half as much
	places       int       // of a head's keys, with the gaps
	gap          []float32 // the values where there is no key: d zeros
	readers      []uint8   // the label whose queries read as each query does
	queries      []int32   // tokens sorted by that label; empty: as they come
	keys         []int32   // tokens sorted by label, -1 where there is a gap; empty: as they come
	queryAt      []extent  // by label
	keyAt        []extent
	groups       []group
	readings     []reading  // by table and query label
	tables       int        // of rules: head i goes by table i mod tables
	plain        [1]reading // every key in one class under the rule that changes nothing
	wantMass     bool
	masses       []float64 // [n, heads, groups, labels]: summed over the group's queries
	labels       int
}

// group is the queries of a task: n of one label from from on, in sorted order.
type group struct{ label, from, n int }

var attentions stock[attention]

// everything is the classes of a plain reading.
var everything = []class{{}}

// plan sorts the tokens by label and cuts the queries into groups.
func (at *attention) plan(r *Regions) {
	at.queries, at.keys, at.groups, at.labels, at.tables = at.queries[:0], at.keys[:0], at.groups[:0], 1, 1
	align := 1
	if at.words {
		align = 2
	}
	if r != nil {
		at.labels = len(r.Rules)
		tables := r.tables()
		at.tables = len(tables)
		as := alike(tables)
		at.readers = at.readers[:0]
		for _, label := range r.Query {
			if !at.wantMass { // which is of every label by itself
				label = as[label]
			}
			at.readers = append(at.readers, label)
		}
		at.queries, at.queryAt = order(at.queries, at.queryAt, at.readers, at.labels, 1)
		at.keys, at.keyAt = order(at.keys, at.keyAt, r.Key, at.labels, align)
		for _, table := range tables {
			at.readings = append(at.readings, readings(table, at.keyAt, at.wantMass)...)
		}
		neutral := !at.wantMass
		for i := range at.readings {
			a := i % at.labels
			neutral = neutral && (at.queryAt[a].n() == 0 || at.readings[i].neutral())
		}
		if neutral {
			r, at.queries, at.keys, at.labels, at.tables = nil, at.queries[:0], at.keys[:0], 1, 1
		}
	}
	if r == nil {
		at.readings, at.plain[0].classes = at.plain[:], everything
		at.plain[0].stretches = append(at.plain[0].stretches[:0], stretch{0, at.Keys, 0})
		at.queryAt = append(at.queryAt[:0], extent{0, at.Queries})
	}
	for a := range at.labels {
		for from, to := at.queryAt[a].from, at.queryAt[a].to; from < to; from += groupPanels * panel {
			at.groups = append(at.groups, group{a, from, min(groupPanels*panel, to-from)})
		}
	}
	at.places = ceilDiv(max(at.Keys, len(at.keys)), align) * align
	rows := at.N * at.Heads * at.places
	if n := rows * at.depth(); len(at.kh) < n {
		at.kh = aligned[float32](n)
	}
	if n := rows / align * at.HeadDim; len(at.vh) < n {
		at.vh = aligned[float32](n)
	}
	if len(at.gap) < at.HeadDim {
		at.gap = make([]float32, at.HeadDim)
	}
	if n := at.N * at.Heads * len(at.groups) * at.labels; at.wantMass && len(at.masses) < n {
		at.masses = make([]float64, n)
	}
}

// depth is how many numbers, or words, a token's channels of one head are.
func (at *attention) depth() int {
	if at.words {
		return ceilDiv(at.HeadDim, 2)
	}
	return at.HeadDim
}

// gather is the first half of the work: it lays out keys and values by head, each head's sorted by label.
type gather attention

func (at *gather) do(i int) {
	m, d, depth := active.Load(), at.HeadDim, (*attention)(at).depth()
	for place, end := i*gatherRows, min((i+1)*gatherRows, at.N*at.Heads*at.places); place < end; place++ {
		head, i := place/at.places, place%at.places
		k, v := at.key(head, i)
		if k == nil {
			continue
		}
		key := at.kh[place*depth:][:depth]
		switch {
		case at.words:
			m.Pairs(key, k)
			if i%2 == 0 {
				_, next := at.key(head, i+1)
				if next == nil {
					next = at.gap
				}
				m.Join(at.vh[place/2*d:][:d], v, next)
			}
		case at.BF16:
			m.RoundBF16(key, k)
			m.RoundBF16(at.vh[place*d:][:d], v)
		default:
			copy(key, k)
			copy(at.vh[place*d:][:d], v)
		}
	}
}

// key gives the channels of a head's key and of its value at a place of the sorted order, nil in a gap.
func (at *gather) key(head, place int) (k, v []float32) {
	token := place
	if len(at.keys) > 0 {
		token = int(at.keys[place])
	}
	if token < 0 || token >= at.Keys {
		return nil, nil
	}
	d := at.HeadDim
	from := ((head/at.Heads*at.Keys+token)*at.Heads + head%at.Heads) * d
	return at.k[from:][:d], at.v[from:][:d]
}

// state is what a task keeps for a panel of queries.
type state struct {
	q      []float32 // [depth, 32]
	n      int       // queries; the other lanes are idle, whatever is in them
	hi, lo ref.Lanes // the largest and smallest q·k so far
	acc    []softmax // by class
}

// columns is how many of a panel's the products compute: half of them do for few queries.
func (st *state) columns() int {
	if st.n <= panel/2 {
		return panel / 2
	}
	return panel
}

func (at *attention) do(i int) {
	head, g := i/len(at.groups), at.groups[i%len(at.groups)]
	rd := at.reading(head, g.label)
	d, panels := at.HeadDim, ceilDiv(g.n, panel)
	s := getScratch(padded(keyBlock*panel) + (panels*(1+len(rd.classes))+1)*padded(d*panel))
	w := getAttnWork(len(rd.classes))
	m := active.Load()
	logits, rows := s.take(keyBlock*panel), s.take(d*panel)
	for p := range panels {
		st := &w.states[p]
		*st = state{q: s.take(at.depth() * panel), n: min(panel, g.n-p*panel), acc: st.acc[:len(rd.classes)]}
		for j := range st.hi {
			st.hi[j], st.lo[j] = float32(math.Inf(-1)), float32(math.Inf(1))
		}
		for c := range st.acc {
			st.acc[c] = softmax{out: s.take(d * panel)}
		}
		at.loadQueries(m, st, head, g.from+p*panel, rows)
	}
	for _, run := range rd.stretches {
		if run.class < 0 && !rd.extremes {
			continue
		}
		for from := run.from; from < run.to; from += keyBlock {
			n := min(keyBlock, run.to-from)
			for p := range panels {
				st := &w.states[p]
				if query := g.from + p*panel; at.Causal && from > query+st.n-1 {
					continue
				}
				at.logits(m, &s.tile, logits, st, head, from, n)
				if at.Causal {
					mask(logits, n, from, g.from+p*panel)
				}
				at.online(m, &s.tile, w, logits, st, rd, run.class, head, from, n)
			}
		}
	}
	for p := range panels {
		st := &w.states[p]
		at.merge(m, w, st, rd, i, p == 0)
		at.storeQueries(m, st, head, g.from+p*panel, rows)
	}
	w.put()
	s.put()
}

// reading is how the queries of a label read in head i of all pictures.
func (at *attention) reading(head, label int) *reading {
	return &at.readings[head%at.tables*at.labels+label]
}

// token is the query at place i of the sorted order.
func (at *attention) token(i int) int {
	if len(at.queries) > 0 {
		return int(at.queries[i])
	}
	return i
}

// row is where query token of head begins in q and dst.
func (at *attention) row(head, token int) int {
	return (head/at.Heads*at.Queries+token)*at.Heads*at.HeadDim + head%at.Heads*at.HeadDim
}

// loadQueries makes the [depth, 32] panel of the queries from place from on; idle lanes are 0.
func (at *attention) loadQueries(m *implementation, st *state, head, from int, rows []float32) {
	d, depth := at.HeadDim, at.depth()
	if st.n < panel {
		clear(st.q)
	}
	if len(at.queries) == 0 && !at.words {
		m.Transpose(st.q, panel, at.q[at.row(head, from):], at.Heads*d, st.n, d)
	} else {
		for i := range st.n {
			q := at.q[at.row(head, at.token(from+i)):][:d]
			if at.words {
				m.Pairs(rows[i*depth:][:depth], q)
			} else {
				copy(rows[i*d:][:d], q)
			}
		}
		m.Transpose(st.q, panel, rows, depth, st.n, depth)
	}
	if at.BF16 && !at.words {
		m.RoundBF16(st.q, st.q)
	}
}

// storeQueries writes the result, which merge left in the first accumulator, to the queries from place from on.
func (at *attention) storeQueries(m *implementation, st *state, head, from int, rows []float32) {
	d := at.HeadDim
	if len(st.acc) == 0 { // all blocked
		for i := range st.n {
			clear(at.dst[at.row(head, at.token(from+i)):][:d])
		}
		return
	}
	out := st.acc[0].out
	if len(at.queries) == 0 {
		m.Transpose(at.dst[at.row(head, from):], at.Heads*d, out, panel, d, st.n)
		return
	}
	m.Transpose(rows, d, out, panel, d, st.n)
	for i := range st.n {
		copy(at.dst[at.row(head, at.token(from+i)):][:d], rows[i*d:])
	}
}

// logits computes n rows of K·Qᵀ, not scaled, for the keys from from on.
func (at *attention) logits(m *implementation, t *ref.Tile, dst []float32, st *state, head, from, n int) {
	depth := at.depth()
	k := at.kh[(head*at.places+from)*depth:]
	*t = ref.Tile{Cols: st.columns(), Segs: 1, ARow: depth, ACol: 1, InitStride: panel, DstStride: panel}
	t.Rows, t.Dst = n, dst
	for c := 0; c < depth; c += headBlock {
		t.K, t.A, t.B = min(headBlock, depth-c), k[c:], st.q[c*panel:]
		if c > 0 {
			t.Init = dst
		}
		at.multiply(m, t)
	}
}

// multiply runs one of the two products.
func (at *attention) multiply(m *implementation, t *ref.Tile) {
	if at.words {
		m.Dot(t)
	} else {
		m.Matrix(t)
	}
}

// mask hides from each query the keys behind it, of n keys from key on.
func mask(logits []float32, n, key, query int) {
	for i := range n {
		row := (*ref.Lanes)(logits[i*panel:])
		for j := range min(panel, key+i-query) {
			row[j] = float32(math.Inf(-1))
		}
	}
}

// attnWork is the small state of a task.
type attnWork struct {
	states         [groupPanels]state
	hi, lo, factor ref.Lanes
	factors        []ref.Lanes      // by class
	shares         [][panel]float64 // by class
}

var attnWorks stock[attnWork]

func getAttnWork(classes int) *attnWork {
	w := attnWorks.get()
	if len(w.factors) < classes {
		w.factors, w.shares = make([]ref.Lanes, classes), make([][panel]float64, classes)
		for p := range w.states {
			w.states[p].acc = make([]softmax, classes)
		}
	}
	return w
}

func (w *attnWork) put() { attnWorks.put(w) }
