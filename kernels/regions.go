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
	for a, row := range r.Rules {
		if len(row) != len(r.Rules) {
			fail("Attention", "rules have %d rows but row %d has %d", len(r.Rules), a, len(row))
		}
		for c, rule := range row {
			if !(rule.Alpha >= -1 && rule.Alpha <= 1) || !(rule.Target >= 0 && rule.Target < 1) ||
				rule.Beta != rule.Beta || math.IsInf(float64(rule.Beta), 1) {
				fail("Attention", "rule %d→%d is %+v: want alpha in [-1, 1], target in [0, 1), beta finite or -Inf", a, c, rule)
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

// order sorts tokens by label, keeping their order within one: it returns the tokens, and for each label where its own begin
// (and, at the end, how many there are).
func order(tokens []int32, from []int, labels []uint8, n int) ([]int32, []int) {
	from = append(from[:0], make([]int, n+1)...)
	for _, l := range labels {
		from[l+1]++
	}
	for l := range n {
		from[l+1] += from[l]
	}
	tokens = slices.Grow(tokens[:0], len(labels))[:len(labels)]
	next := slices.Clone(from)
	for i, l := range labels {
		tokens[next[l]] = int32(i)
		next[l]++
	}
	return tokens, from
}

// reading is how the queries of one label read the sorted keys: stretches of keys, each of one class. A class has one softmax
// accumulator; regions under the same rule share it.
type reading struct {
	stretches []stretch
	classes   []class
	extremes  bool // some class needs the row's largest or smallest logit
}

type stretch struct {
	from, to int // keys
	class    int // -1: blocked, looked at for the extremes only
}

type class struct {
	Rule
	label int // the key label, or the first of those that share the class
}

// readings works out each label's reading; apart keeps every region in a class of its own, to know its mass.
func (r *Regions) readings(keyFrom []int, apart bool) []reading {
	all := make([]reading, len(r.Rules))
	for a, rules := range r.Rules {
		rd := &all[a]
		for c, rule := range rules {
			s := stretch{keyFrom[c], keyFrom[c+1], -1}
			if s.from == s.to {
				continue
			}
			if !rule.Block && !math.IsInf(float64(rule.Beta), -1) {
				s.class = slices.IndexFunc(rd.classes, func(k class) bool { return k.Rule == rule && rule.Target == 0 && !apart })
				if s.class < 0 {
					s.class = len(rd.classes)
					rd.classes = append(rd.classes, class{rule, c})
				}
				rd.extremes = rd.extremes || rule.Alpha != 0
			}
			if n := len(rd.stretches); n > 0 && rd.stretches[n-1].class == s.class {
				rd.stretches[n-1].to = s.to
			} else {
				rd.stretches = append(rd.stretches, s)
			}
		}
	}
	return all
}

// neutral says whether the reading is plain attention. Beta and Target of the only class there is change nothing.
func (rd *reading) neutral() bool {
	return len(rd.stretches) == 1 && len(rd.classes) == 1 && rd.classes[0].Alpha == 0
}

// share turns the log of each class's sum of exponentials into its share of the row's attention, in place: the softmax of the
// classes, then the targets.
func (rd *reading) share(w []float64) {
	var targets float64
	top := math.Inf(-1) // of the classes without a target
	for c, k := range rd.classes {
		if k.Target > 0 {
			targets += float64(k.Target)
		} else {
			top = math.Max(top, w[c])
		}
	}
	rest := 1 - targets
	if rest <= 0 || math.IsInf(top, -1) {
		rest = 0
	}
	var sum float64
	for c, k := range rd.classes {
		switch {
		case k.Target > 0 && rest == 0:
			w[c] = float64(k.Target) / targets
		case k.Target > 0:
			w[c] = float64(k.Target)
		case math.IsInf(w[c], -1) || rest == 0:
			w[c] = 0
		default:
			w[c] = math.Exp(w[c] - top)
			sum += w[c]
		}
	}
	for c, k := range rd.classes {
		if k.Target == 0 && w[c] != 0 {
			w[c] *= rest / sum
		}
	}
}
