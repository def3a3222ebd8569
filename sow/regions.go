package sow

import (
	"fmt"
	"slices"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
)

// Dynamic attention modulation (docs/method.md §3; the form is ours): the plan's regions become labels on the latent grid, and rules
// between kinds of regions become the [tensor.Regions] that every self-attention of the UNet obeys.

// Region is a kind of region of the canvas.
type Region string

// The kinds, in order of precedence: a later one takes the cells of an earlier one.
const (
	BackgroundRegion Region = "background" // everything else
	RelatedRegion    Region = "related"    // what must grow out of the condition
	ConditionRegion  Region = "condition"  // what is kept
)

// Rule says how the queries of one kind of region read the keys of another, in the cycles. See [tensor.Rule]. Where related regions
// ask, strengths are multiplied by the plan's relation; where they ask for the condition and the plan names a source part, the part is
// what they read.
type Rule struct {
	Query  Region  `json:"query"`
	Key    Region  `json:"key"`
	Alpha  float64 `json:"alpha,omitempty"`
	Beta   float64 `json:"beta,omitempty"`
	Target float64 `json:"target,omitempty"`
	Block  bool    `json:"block,omitempty"`
}

func (r Rule) validate() error {
	kinds := []Region{BackgroundRegion, RelatedRegion, ConditionRegion}
	switch {
	case !slices.Contains(kinds, r.Query) || !slices.Contains(kinds, r.Key):
		return badParam("rule", fmt.Sprintf("%s reads %s", r.Query, r.Key), "want background, related or condition")
	case !(r.Alpha >= -1 && r.Alpha <= 1):
		return badParam("rule's alpha", r.Alpha, "want -1 … 1")
	case !(r.Beta >= -1e4 && r.Beta <= 1e4):
		return badParam("rule's beta", r.Beta, "want -10000 … 10000")
	case !(r.Target >= 0 && r.Target <= 0.99):
		return badParam("rule's target", r.Target, "want 0 … 0.99")
	}
	return nil
}

// scaled returns the rule of one pair of labels: strength is the relation, share the key label's part of its region.
func (r Rule) scaled(strength, share float64) tensor.Rule {
	return tensor.Rule{
		Alpha: float32(r.Alpha * strength), Beta: float32(r.Beta * strength), Target: float32(r.Target * strength * share), Block: r.Block,
	}
}

// rules returns the rules of a run: the target mass, then those that say otherwise.
func (p *Params) rules() []Rule {
	return append([]Rule{{Query: RelatedRegion, Key: ConditionRegion, Target: p.TargetMass}}, p.Rules...)
}

// label is one region of the plan on the latent grid.
type label struct {
	kind   Region
	cells  int
	source int     // of a related region: the label of the part it takes after, or -1
	relate float64 // of a related region: its relation
}

// modulation returns the rules between the regions of a plan on a latent grid of h×w cells, kept being the cells of each condition. Labels
// are the background, the related regions, the conditions, the source parts: in order of precedence. It is nil if no rule says anything.
func modulation(p *plan.Plan, kept [][]bool, h, w int, rules []Rule, levels int) *tensor.Regions {
	r := &tensor.Regions{Labels: make([]uint8, h*w), Height: h, Width: w}
	labels := []label{{kind: BackgroundRegion, source: -1}}
	paint := func(l label, inside func(cell int) bool) int {
		for cell := range r.Labels {
			if inside(cell) {
				r.Labels[cell] = uint8(len(labels))
			}
		}
		labels = append(labels, l)
		return len(labels) - 1
	}
	isKept := func(cell int) bool {
		return slices.ContainsFunc(kept, func(k []bool) bool { return k[cell] })
	}
	for _, rel := range p.Related {
		paint(label{kind: RelatedRegion, source: -1, relate: rel.Relation}, func(cell int) bool { return inBox(rel.Box, cell, h, w) && !isKept(cell) })
	}
	for _, k := range kept {
		paint(label{kind: ConditionRegion, source: -1}, func(cell int) bool { return k[cell] })
	}
	for i, rel := range p.Related {
		if rel.Source != nil {
			labels[1+i].source = paint(label{kind: ConditionRegion, source: -1}, func(cell int) bool { return inBox(*rel.Source, cell, h, w) && isKept(cell) })
		}
	}
	for _, l := range r.Labels {
		labels[l].cells++
	}

	r.Rules = make([][]tensor.Rule, len(labels))
	active := false
	for q, query := range labels {
		r.Rules[q] = make([]tensor.Rule, len(labels))
		strength := 1.0
		if query.kind == RelatedRegion {
			strength = query.relate
		}
		for _, rule := range rules {
			if rule.Query != query.kind || query.cells == 0 {
				continue
			}
			keys := keysOf(labels, query, rule.Key)
			total := 0
			for _, k := range keys {
				total += labels[k].cells
			}
			for _, k := range keys {
				r.Rules[q][k] = rule.scaled(strength, float64(labels[k].cells)/float64(total))
				active = active || !r.Rules[q][k].Neutral()
			}
		}
	}
	if !active {
		return nil
	}
	// The smallest grid is left alone: modulating it had no effect, and there the condition's label swells over its surroundings.
	if levels > 1 {
		r.Smallest = min(h, w)>>(levels-1) + 1
	}
	return r
}

// keysOf returns the labels of a kind that query reads, those that have cells.
func keysOf(labels []label, query label, kind Region) (keys []int) {
	if s := query.source; kind == ConditionRegion && s >= 0 && labels[s].cells > 0 {
		return []int{s}
	}
	for i, l := range labels {
		if l.kind == kind && l.cells > 0 {
			keys = append(keys, i)
		}
	}
	return keys
}

// inBox reports whether the middle of a cell of the h×w grid lies in a planned box.
func inBox(b plan.Box, cell, h, w int) bool {
	y, x := (2*(cell/w)+1)*500/h, (2*(cell%w)+1)*500/w
	return y >= b[0] && y < b[2] && x >= b[1] && x < b[3]
}

// keptCells returns which cells of a latent grid lie in a condition's mask: the mask resized to the grid by nearest neighbour, as the
// reference does.
func keptCells(p *placed, h, w, factor int) []bool {
	kept := make([]bool, h*w)
	for y := range p.box.Dy() / factor {
		for x := range p.box.Dx() / factor {
			if p.mask.GrayAt(x*factor, y*factor).Y >= 128 {
				kept[(p.box.Min.Y/factor+y)*w+p.box.Min.X/factor+x] = true
			}
		}
	}
	return kept
}
