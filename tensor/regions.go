package tensor

import (
	"errors"
	"fmt"
)

// Rule says how strongly the queries of one region read the keys of another. The zero value changes nothing.
//
// With L the scaled logits of a query and mx, mn their largest and smallest over all its keys, the logits on the region become
//
//	Alpha ≥ 0 (enhance):  L + Alpha·(mx-L)
//	Alpha < 0 (suppress): L - |Alpha|·(L-mn)
//
// plus Beta; Block makes them -∞. Target τ in (0, 1) then shifts them so that the region receives exactly τ of the query's attention, and
// the regions without a target share the rest as they did before. If a query's targets sum to 1 or more, or nothing is left to take the
// rest, they are divided by their sum. The target of a blocked region is void. A query that may read nothing gives 0.
type Rule struct {
	Alpha  float32 // -1 … 1
	Beta   float32
	Target float32 // 0: none
	Block  bool
}

// Neutral reports whether the rule changes nothing.
func (r Rule) Neutral() bool { return r == Rule{} }

// Regions programs where information may flow in a self-attention: a label for each cell of the token grid, and a rule for each
// directed pair of labels, "queries of region a read keys of region c" being Rules[a][c]. Where labels compete for a cell of a
// coarser grid the larger one wins (see [Regions.At]), so number them by precedence.
type Regions struct {
	Labels        []uint8 // [height·width], row by row
	Height, Width int
	Rules         [][]Rule // square: one row and one column for each label
	// PerHead, if not empty, has the rules of single heads, each a table like Rules: [heads], or [n·heads] where pictures of the batch
	// differ too. A nil table stands for Rules.
	PerHead  [][][]Rule
	Smallest int // grids with fewer rows or columns than this are left alone
}

// MaxRegions is the number of labels there can be.
const MaxRegions = 16

// Validate reports what is wrong with r: sizes that do not fit, labels without rules, numbers out of range.
func (r *Regions) Validate() error {
	if reason := r.invalid(); reason != "" {
		return errors.New("tensor: " + reason)
	}
	return nil
}

// invalid is what is wrong with r, or "".
func (r *Regions) invalid() string {
	if r.Height < 1 || r.Width < 1 || len(r.Labels) != r.Height*r.Width {
		return fmt.Sprintf("regions: %d labels on a grid of %d×%d", len(r.Labels), r.Height, r.Width)
	}
	if n := len(r.Rules); n < 1 || n > MaxRegions {
		return fmt.Sprintf("regions: rules for %d labels, want 1 … %d", n, MaxRegions)
	}
	for i, l := range r.Labels {
		if int(l) >= len(r.Rules) {
			return fmt.Sprintf("regions: label %d at row %d, column %d has no rules", l, i/r.Width, i%r.Width)
		}
	}
	if reason := invalidTable(r.Rules, len(r.Rules)); reason != "" {
		return "regions: " + reason
	}
	for head, table := range r.PerHead {
		if reason := invalidTable(table, len(r.Rules)); table != nil && reason != "" {
			return fmt.Sprintf("regions: head %d: %s", head, reason)
		}
	}
	return ""
}

// invalidTable is what is wrong with a table of rules for that many labels, or "".
func invalidTable(table [][]Rule, labels int) string {
	if len(table) != labels {
		return fmt.Sprintf("rules for %d labels, want %d", len(table), labels)
	}
	for a, row := range table {
		if len(row) != labels {
			return fmt.Sprintf("label %d has rules for %d labels, want %d", a, len(row), labels)
		}
		for c, rule := range row {
			// Written so that NaN fails too.
			if !(rule.Alpha >= -1 && rule.Alpha <= 1) || !(rule.Target >= 0 && rule.Target < 1) || !(rule.Beta-rule.Beta == 0) {
				return fmt.Sprintf("rule %d reads %d: %+v: want alpha in [-1, 1], target in [0, 1), a finite beta", a, c, rule)
			}
		}
	}
	return ""
}

// At returns valid regions on a grid of h×w cells, as On does. The result is nil, meaning plain attention, for a nil r, for grids below
// Smallest, and where no rule between labels that are present says anything.
func (r *Regions) At(h, w int) *Regions {
	if r == nil || min(h, w) < max(1, r.Smallest) {
		return nil
	}
	out := r.On(h, w)
	var present [MaxRegions]bool
	for _, l := range out.Labels {
		present[l] = true
	}
	for _, table := range append([][][]Rule{r.Rules}, r.PerHead...) {
		for a, row := range table {
			for c, rule := range row {
				if present[a] && present[c] && !rule.Neutral() {
					return out
				}
			}
		}
	}
	return nil
}

// On returns the labels on a grid of h×w cells, with r's rules: row i covers the rows ⌊i·Height/h⌋ … ⌊(i+1)·Height/h⌋-1, at least one,
// columns alike, and each cell takes the largest label among those it covers. On a coarser grid every label thus has a say in one cell, and
// the largest never vanishes.
func (r *Regions) On(h, w int) *Regions {
	out := &Regions{Labels: make([]uint8, h*w), Height: h, Width: w, Rules: r.Rules, PerHead: r.PerHead, Smallest: r.Smallest}
	for i := range h {
		top, bottom := i*r.Height/h, max((i+1)*r.Height/h, i*r.Height/h+1)
		for j := range w {
			left, right := j*r.Width/w, max((j+1)*r.Width/w, j*r.Width/w+1)
			var label uint8
			for y := top; y < bottom; y++ {
				for x := left; x < right; x++ {
					label = max(label, r.Labels[y*r.Width+x])
				}
			}
			out.Labels[i*w+j] = label
		}
	}
	return out
}
