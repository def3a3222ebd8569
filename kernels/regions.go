package kernels

import (
	"math"
	"slices"
)

// Regions labels the tokens of an attention and says how strongly the queries of one region read the keys of another. Rules of
// a row never need an N×N mask: each is affine in the logit for its pair of regions.
type Regions struct {
	Query, Key []uint8  // the label of each query and each key token
	Rules      [][]Rule // [query label][key label], square; at most 256 labels
	// PerHead, if not empty, has the rules of single heads: [heads], or [n·heads] where pictures of the batch differ too. A nil table
	// stands for Rules.
	PerHead [][][]Rule
}

// Rule changes the logits L of the queries of one region on the keys of another. With mx and mn the largest and the smallest
// logit of the row over all its keys, blocked ones included,
//
//	Alpha ≥ 0, enhance:   L + Alpha·(mx - L) + Beta
//	Alpha < 0, suppress:  L - |Alpha|·(L - mn) + Beta
//	Block:                -Inf
//
// Target fixes, after all this, how much of the row's attention goes to the region: its mass becomes Target, and the regions
// without one share the rest in proportion to their own masses. Inside the region the proportions stay, so for one target this
// is the bias logit(Target) - logit(mass). A blocked or empty region's target is void. If the targets of a row sum to 1 or more,
// or no region without one is left to take the rest, they are divided by their sum and the others get nothing.
//
// The zero value changes nothing.
type Rule struct {
	Alpha  float32 // in [-1, 1]
	Beta   float32
	Block  bool
	Target float32 // in [0, 1); 0 means none
}

func (r *Regions) check(s AttnShape) {
	if len(r.Query) != s.Queries || len(r.Key) != s.Keys {
		fail("Attention", "regions label %d queries and %d keys, want %d and %d", len(r.Query), len(r.Key), s.Queries, s.Keys)
	}
	if s.Causal {
		fail("Attention", "causal attention takes no regions")
	}
	if n := len(r.PerHead); n != 0 && n != s.Heads && n != s.N*s.Heads {
		fail("Attention", "rules for %d heads, want %d or %d", n, s.Heads, s.N*s.Heads)
	}
	for _, table := range r.tables() {
		if len(table) != len(r.Rules) {
			fail("Attention", "a head has rules for %d labels, want %d", len(table), len(r.Rules))
		}
		for a, row := range table {
			if len(row) != len(table) {
				fail("Attention", "rules have %d rows but row %d has %d", len(table), a, len(row))
			}
			for c, rule := range row {
				if !(rule.Alpha >= -1 && rule.Alpha <= 1) || !(rule.Target >= 0 && rule.Target < 1) ||
					rule.Beta != rule.Beta || math.IsInf(float64(rule.Beta), 1) {
					fail("Attention", "rule %d→%d is %+v: want alpha in [-1, 1], target in [0, 1), beta finite or -Inf", a, c, rule)
				}
			}
		}
	}
	for _, labels := range [][]uint8{r.Query, r.Key} {
		for i, l := range labels {
			if int(l) >= len(r.Rules) {
				fail("Attention", "token %d has label %d, but there are rules for %d labels", i, l, len(r.Rules))
			}
		}
	}
}

// tables returns the rules by head; one table serves all heads if none has its own.
func (r *Regions) tables() [][][]Rule {
	if len(r.PerHead) == 0 {
		return [][][]Rule{r.Rules}
	}
	tables := slices.Clone(r.PerHead)
	for i, t := range tables {
		if t == nil {
			tables[i] = r.Rules
		}
	}
	return tables
}

// extent is where the tokens of a label are in the sorted order.
type extent struct{ from, to int }

func (e extent) n() int { return e.to - e.from }

// order sorts tokens by label, keeping their order within one: it returns the tokens and where each label's are. These begin at multiples of
// align; where that leaves gaps, which may be at the end too, the token is -1.
func order(tokens []int32, at []extent, labels []uint8, n, align int) ([]int32, []extent) {
	tokens, at = tokens[:0], append(at[:0], make([]extent, n)...)
	for _, l := range labels {
		at[l].to++
	}
	for l := range at {
		from := len(tokens)
		for range ceilDiv(at[l].n(), align) * align {
			tokens = append(tokens, -1)
		}
		at[l] = extent{from, from}
	}
	for i, l := range labels {
		tokens[at[l].to] = int32(i)
		at[l].to++
	}
	return tokens, at
}

// alike gives for each label the first one whose queries go by the same rules in every table. These read in the same way, so they need not be
// kept apart, and fill panels together.
func alike(tables [][][]Rule) []uint8 {
	as := make([]uint8, len(tables[0]))
	for a := range as {
		first := 0
		for slices.ContainsFunc(tables, func(rules [][]Rule) bool { return !slices.Equal(rules[first], rules[a]) }) {
			first++ // up to a itself
		}
		as[a] = uint8(first)
	}
	return as
}

// reading is how the queries of one label read the sorted keys: stretches of keys without gaps, each of one class. A class has one softmax
// accumulator; regions under the same rule share it.
type reading struct {
	stretches []stretch
	classes   []class
	extremes  bool    // some class needs the row's largest or smallest logit
	rest      float64 // what the targets leave for the other classes
}

type stretch struct {
	from, to int // keys
	class    int // -1: blocked, looked at for the extremes only
}

type class struct {
	Rule
	label int     // the key label, or the first of those that share the class
	share float64 // the target, after division by their sum if they leave nothing
}

// readings works out each label's reading under a table of rules; apart keeps every region in a class of its own, to know its mass.
func readings(table [][]Rule, keyAt []extent, apart bool) []reading {
	all := make([]reading, len(table))
	for a, rules := range table {
		rd := &all[a]
		for c, rule := range rules {
			s := stretch{keyAt[c].from, keyAt[c].to, -1}
			if s.from == s.to {
				continue
			}
			if !rule.Block && !math.IsInf(float64(rule.Beta), -1) {
				s.class = slices.IndexFunc(rd.classes, func(k class) bool { return k.Rule == rule && rule.Target == 0 && !apart })
				if s.class < 0 {
					s.class = len(rd.classes)
					rd.classes = append(rd.classes, class{rule, c, float64(rule.Target)})
				}
				rd.extremes = rd.extremes || rule.Alpha != 0
			}
			if n := len(rd.stretches); n > 0 && rd.stretches[n-1].class == s.class && rd.stretches[n-1].to == s.from {
				rd.stretches[n-1].to = s.to
			} else {
				rd.stretches = append(rd.stretches, s)
			}
		}
		rd.settle()
	}
	return all
}

// neutral says whether the reading is plain attention. Beta and Target of the only class there is change nothing.
func (rd *reading) neutral() bool {
	blocked := func(s stretch) bool { return s.class < 0 }
	return len(rd.classes) == 1 && rd.classes[0].Alpha == 0 && !slices.ContainsFunc(rd.stretches, blocked)
}

// settle works out what the targets come to.
func (rd *reading) settle() {
	var targets float64
	others := false
	for _, k := range rd.classes {
		targets += k.share
		others = others || k.Target == 0
	}
	rd.rest = 1 - targets
	if targets > 0 && (rd.rest <= 0 || !others) {
		rd.rest = 0
		for c := range rd.classes {
			rd.classes[c].share /= targets
		}
	}
}

// merge finds what each class's accumulator is multiplied with before they are added up, and its share of the attention, for
// every query of a panel. The accumulators hold Σ 2^(L'/ln 2 - top) of L' = (1-|Alpha|)·L; the rest of the rule is the same for all
// keys of the class, and joins them as a softmax:
//
//	share[c] = sum[c]·e[c] / Σ sum·e,   e[c] = e^(top[c]·ln 2 + |Alpha|·(mx or mn) + Beta),   factor[c] = share[c] / sum[c]
//
// over the classes without a target, whose shares come to rest.
func (rd *reading) merge(m *implementation, st *state, w *attnWork, scale float32) {
	var top, total [panel]float64
	for j := range top {
		top[j] = math.Inf(-1)
	}
	for c, k := range rd.classes {
		if k.Target > 0 {
			continue
		}
		ext := &st.hi
		if k.Alpha < 0 {
			ext = &st.lo
		}
		alpha, e := float64(abs(k.Alpha))*float64(scale), &w.shares[c]
		for j, t := range st.acc[c].top {
			e[j] = float64(t)*math.Ln2 + float64(k.Beta)
			if alpha != 0 {
				e[j] += alpha * float64(ext[j])
			}
			top[j] = max(top[j], e[j])
		}
	}
	for c, k := range rd.classes {
		if k.Target > 0 {
			continue
		}
		e, f := &w.shares[c], &w.factors[c]
		for j := range f {
			f[j] = float32(e[j] - top[j])
		}
		m.Exp(f[:], f[:])
		for j, s := range st.acc[c].sum {
			e[j] = float64(f[j]) * float64(s)
			total[j] += e[j]
		}
	}
	for c, k := range rd.classes {
		share, f, sum := &w.shares[c], &w.factors[c], &st.acc[c].sum
		for j := range f {
			if k.Target > 0 {
				share[j] = k.share
				f[j] = float32(k.share / float64(sum[j]))
			} else {
				r := rd.rest / total[j]
				share[j] *= r
				f[j] *= float32(r)
			}
		}
	}
}

func abs(x float32) float32 { return max(x, -x) }
