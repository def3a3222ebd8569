package rules

import (
	"image"
	"strconv"

	"github.com/sowgen/sowgen/sow/plan"
)

// Scene is what the names of regions stand for in a run, as cells of the latent grid, [height·width].
type Scene struct {
	Height, Width int
	Conditions    [][]bool
	Related       []Grown // apart from each other and from the conditions
}

// Grown is one planned box: what must grow out of a condition.
type Grown struct {
	Label     string
	Condition int // which of the scene's conditions it grows out of
	Relation  float64
	Cells     []bool
	Source    []bool // the part of its condition that it takes after
}

// cells returns what a region of p covers in the scene. source is what "source" stands for.
func (s *Scene) cells(p *Program, r Region, source []bool) []bool {
	out := make([]bool, s.Height*s.Width)
	where := func(inside func(cell int) bool) []bool {
		for i := range out {
			out[i] = inside(i)
		}
		return out
	}
	parts := func(of []Region) (covered [][]bool) {
		for _, part := range of {
			covered = append(covered, s.cells(p, part, source))
		}
		return covered
	}
	switch {
	case r.Box != nil:
		return where(func(i int) bool { return InBox(*r.Box, i, s.Height, s.Width) })
	case r.Mask != nil:
		return where(func(i int) bool { return s.painted(r.Mask.Image, i) })
	case r.Union != nil:
		return add(out, parts(r.Union)...)
	case r.Minus != nil:
		first, others := s.cells(p, r.Minus[0], source), add(out, parts(r.Minus[1:])...)
		return where(func(i int) bool { return first[i] && !others[i] })
	case r.Complement != nil:
		inner := s.cells(p, *r.Complement, source)
		return where(func(i int) bool { return !inner[i] })
	}
	switch r.Name {
	case "canvas":
		return where(func(int) bool { return true })
	case "condition":
		return add(out, s.Conditions...)
	case "source":
		return add(out, source)
	case "background":
		kept := add(make([]bool, len(out)), s.Conditions...)
		for _, rel := range s.Related {
			add(kept, rel.Cells)
		}
		return where(func(i int) bool { return !kept[i] })
	}
	if own, ok := p.Regions[r.Name]; ok {
		return s.cells(p, own, source)
	}
	if part := partOfOne.FindStringSubmatch(r.Name); part != nil && part[1] == "condition" {
		if n, err := strconv.Atoi(part[2]); err == nil && n <= len(s.Conditions) {
			return add(out, s.Conditions[n-1])
		}
		return out
	}
	for _, rel := range s.related(r) {
		add(out, rel.Cells)
	}
	return out
}

// related returns the planned boxes that a name stands for; none if it is no such name.
func (s *Scene) related(r Region) (found []*Grown) {
	part := partOfOne.FindStringSubmatch(r.Name)
	if r.Name != "related" && (part == nil || part[1] != "related") {
		return nil
	}
	for i := range s.Related {
		rel := &s.Related[i]
		if part == nil || part[2] == rel.Label || part[2] == strconv.Itoa(rel.Condition+1) {
			found = append(found, rel)
		}
	}
	return found
}

// sources is what all planned boxes take after, together.
func (s *Scene) sources() []bool {
	all := make([]bool, s.Height*s.Width)
	for _, rel := range s.Related {
		add(all, rel.Source)
	}
	return all
}

// add unites sets of cells into the first.
func add(to []bool, sets ...[]bool) []bool {
	for _, set := range sets {
		for i, is := range set {
			to[i] = to[i] || is
		}
	}
	return to
}

// painted reports whether a mask stretched over the canvas is white at the middle of a cell.
func (s *Scene) painted(mask *image.Gray, cell int) bool {
	b := mask.Bounds()
	y, x := (2*(cell/s.Width)+1)*b.Dy()/(2*s.Height), (2*(cell%s.Width)+1)*b.Dx()/(2*s.Width)
	return mask.GrayAt(b.Min.X+x, b.Min.Y+y).Y >= 128
}

// InBox reports whether the middle of a cell of the h×w grid lies in a planned box.
func InBox(b plan.Box, cell, h, w int) bool {
	y, x := (2*(cell/w)+1)*500/h, (2*(cell%w)+1)*500/w
	return y >= b[0] && y < b[2] && x >= b[1] && x < b[3]
}
