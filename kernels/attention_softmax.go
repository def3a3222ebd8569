package kernels

import (
	"math"

	"github.com/sowgen/sowgen/kernels/ref"
)

// softmax is the running softmax of one panel of queries over one class of keys: sum is Σ 2^(L-top) and out Σ 2^(L-top)·v, a
// [d, 32] panel, for logits L in units of ln 2. top is the largest of them or up to slack below it.
type softmax struct {
	top, sum ref.Lanes
	out      []float32
	begun    bool
}

// online takes a block of logits into the accumulator of its class: online softmax on logits scaled by 1-|Alpha|.
func (at *attention) online(m *implementation, t *ref.Tile, w *attnWork, logits []float32, st *state, rd *reading, class, head, from, n int) {
	hi, lo := &w.hi, &w.lo
	for j := range hi {
		hi[j], lo[j] = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	m.PanelRange(logits, n, hi, lo)
	if rd.extremes {
		for j := range hi {
			st.hi[j], st.lo[j] = max(st.hi[j], hi[j]), min(st.lo[j], lo[j])
		}
	}
	if class < 0 {
		return
	}
	acc, mul := &st.acc[class], float32(float64(at.Scale)*(1-math.Abs(float64(rd.classes[class].Alpha)))*math.Log2E)
	if !acc.begun {
		for j, v := range hi {
			acc.top[j] = max(v*mul, -math.MaxFloat32) // a block of -Inf: 2^(-Inf - top) shall be 0, not 2^(-Inf + Inf)
		}
	} else if raise(&acc.top, hi, mul, &w.factor) {
		m.Exp(w.factor[:], w.factor[:])
		m.Mul(acc.sum[:], acc.sum[:], w.factor[:])
		m.PanelScale(acc.out, at.HeadDim, &w.factor)
	}
	m.PanelExp2(logits, n, mul, &acc.top, &acc.sum)

	d, from := at.HeadDim, head*at.places+from
	switch {
	case at.words:
		if n%2 != 0 { // before a gap
			clear(logits[n*panel:][:panel])
		}
		n, from = ceilDiv(n, 2), from/2
		m.PanelPairs(logits, n)
	case at.BF16:
		m.RoundBF16(logits[:n*panel], logits)
	}
	*t = ref.Tile{
		Rows: d, Cols: st.columns(), K: n, Segs: 1,
		A: at.vh[from*d:], ARow: 1, ACol: d, B: logits, InitStride: panel, Dst: acc.out, DstStride: panel,
	}
	if acc.begun {
		t.Init = acc.out
	}
	at.multiply(m, t)
	acc.begun = true
}

// slack is how far a logit may lie above top, in powers of two, before top is lifted and what was summed is scaled down. Sums stay
// far from overflow, and after the first blocks of keys hardly anything is ever scaled.
const slack = 8

// raise lifts top to hi·mul where that is more than slack higher, and sets diff to how far down the old one lies, times ln 2. It says
// whether any rose.
func raise(top, hi *ref.Lanes, mul float32, diff *ref.Lanes) bool {
	rose := false
	for j, old := range top {
		diff[j] = 0
		if v := hi[j] * mul; v > old+slack {
			top[j], diff[j], rose = v, (old-v)*math.Ln2, true
		}
	}
	return rose
}

// merge joins the classes of a panel into the first accumulator.
func (at *attention) merge(m *implementation, w *attnWork, st *state, rd *reading, task int, first bool) {
	switch len(rd.classes) {
	case 0:
		return
	case 1:
		for j, sum := range st.acc[0].sum {
			w.factors[0][j], w.shares[0][j] = 1/sum, 1
		}
	default:
		rd.merge(m, st, w, at.Scale)
	}
	out := st.acc[0].out
	for c := range st.acc {
		m.PanelScale(st.acc[c].out, at.HeadDim, &w.factors[c])
		if c > 0 {
			m.Add(out, out, st.acc[c].out)
		}
	}
	if at.wantMass {
		sums := at.masses[task*at.labels:][:at.labels]
		if first {
			clear(sums)
		}
		for c, k := range rd.classes {
			for _, share := range w.shares[c][:st.n] {
				sums[k.label] += share
			}
		}
	}
}

// addMass adds up what the groups found.
func (at *attention) addMass(mass []float32, r *Regions) {
	labels := len(r.Rules)
	for i := range at.N * at.Heads * len(at.groups) {
		g := at.groups[i%len(at.groups)]
		if len(at.reading(i/len(at.groups), g.label).classes) == 0 {
			continue
		}
		queries := at.queryAt[g.label].n()
		dst := mass[(i/len(at.groups)*labels+g.label)*labels:]
		for c, sum := range at.masses[i*labels:][:labels] {
			dst[c] += float32(sum / float64(queries))
		}
	}
}
