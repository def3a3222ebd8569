package sow

import (
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
)

// Dynamic attention modulation (docs/method.md §3; the form is ours). Each cell of the latent grid carries a label, in order of
// precedence: 0 the background, then one per related region of the plan, then one per condition, then one per source part, which lies
// within a condition and is what a related region takes after if the plan names it.

// modulation returns the rules of a plan on a latent grid of h×w cells: the queries of each related region give its target mass times
// its relation to the condition, or to its source part. It is nil if nothing is related to anything.
func modulation(p *plan.Plan, kept [][]bool, h, w int, targetMass float64, levels int) *tensor.Regions {
	r := &tensor.Regions{Labels: make([]uint8, h*w), Height: h, Width: w}
	next := uint8(1)
	paint := func(inside func(y, x int) bool) (label uint8) {
		label, next = next, next+1
		for y := range h {
			for x := range w {
				if inside(y, x) {
					r.Labels[y*w+x] = label
				}
			}
		}
		return label
	}
	inBox := func(b plan.Box) func(y, x int) bool {
		return func(y, x int) bool { // by the middle of the cell
			cy, cx := (2*y+1)*500/h, (2*x+1)*500/w
			return cy >= b[0] && cy < b[2] && cx >= b[1] && cx < b[3]
		}
	}
	anyKept := func(y, x int) bool {
		for _, k := range kept {
			if k[y*w+x] {
				return true
			}
		}
		return false
	}

	related := make([]uint8, len(p.Related))
	for i, rel := range p.Related {
		box := inBox(rel.Box)
		related[i] = paint(func(y, x int) bool { return box(y, x) && !anyKept(y, x) })
	}
	var all []uint8 // every label that is part of a condition
	for _, k := range kept {
		label := paint(func(y, x int) bool { return k[y*w+x] })
		all = append(all, label)
	}
	sources := make([][]uint8, len(p.Related))
	for i, rel := range p.Related {
		if rel.Source != nil {
			box := inBox(*rel.Source)
			label := paint(func(y, x int) bool { return box(y, x) && anyKept(y, x) })
			sources[i], all = []uint8{label}, append(all, label)
		}
	}

	cells := make([]int, next)
	for _, label := range r.Labels {
		cells[label]++
	}
	r.Rules = make([][]tensor.Rule, next)
	for i := range r.Rules {
		r.Rules[i] = make([]tensor.Rule, next)
	}
	active := false
	for i, rel := range p.Related {
		reads := all
		if len(sources[i]) > 0 && cells[sources[i][0]] > 0 {
			reads = sources[i]
		}
		total := 0
		for _, label := range reads {
			total += cells[label]
		}
		for _, label := range reads {
			if mass := targetMass * rel.Relation; mass > 0 && cells[label] > 0 && cells[related[i]] > 0 {
				// Parts of one condition share the mass by their size.
				r.Rules[related[i]][label].Target = float32(mass * float64(cells[label]) / float64(total))
				active = true
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

// count returns the number of kept cells.
func count(kept []bool) (n int) {
	for _, k := range kept {
		if k {
			n++
		}
	}
	return n
}
