package rules

import (
	"encoding/json"
	"image"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/sow/plan"
)

// Region is a part of the canvas: exactly one of its fields is set. In JSON a name stands for itself, the others are objects of one key.
type Region struct {
	// Name is a name in the program's Regions or one of those below.
	Name string
	// Box is [ymin, xmin, ymax, xmax] in thousandths of the canvas, as plans have it; a cell is inside if its middle is.
	Box *plan.Box
	// Mask is a picture that is stretched over the canvas; what is white (≥ 128) is inside.
	Mask *Mask
	// Union is what lies in any of these.
	Union []Region
	// Minus is what lies in the first of these, but in none of the others.
	Minus []Region
	// Complement is what does not lie in this one.
	Complement *Region
}

// Mask is a picture in black and white, and the file that it came from.
type Mask struct {
	File  string
	Image *image.Gray
}

// The regions that every run has.
var (
	// Condition is what is kept, of all conditions; of a single one "condition.1", "condition.2", ….
	Condition = Region{Name: "condition"}
	// Related is what must grow out of the conditions: the planned boxes, less what is kept. "related.1" is what grows out of the first
	// condition, "related.LABEL" what the plan calls so. A rule whose query is one of them is a rule for each planned box by itself.
	Related = Region{Name: "related"}
	// Source is what the related box that asks takes after: the part of its condition that the plan names, or all of it. Where something
	// else asks it is the union of what all take after.
	Source = Region{Name: "source"}
	// Background is all that is neither kept nor related.
	Background = Region{Name: "background"}
	// Canvas is everything.
	Canvas = Region{Name: "canvas"}
)

// Named is a region of that name.
func Named(name string) Region { return Region{Name: name} }

// Box is the region [ymin, xmin, ymax, xmax] in thousandths of the canvas.
func Box(b plan.Box) Region { return Region{Box: &b} }

// Painted is the region that is white (≥ 128) in a picture stretched over the canvas.
func Painted(img *image.Gray) Region { return Region{Mask: &Mask{Image: img}} }

// Union is what lies in any of the regions.
func Union(of ...Region) Region { return Region{Union: of} }

// Minus is what lies in a, but in none of the others.
func Minus(a Region, others ...Region) Region {
	return Region{Minus: append([]Region{a}, others...)}
}

// Complement is what does not lie in r.
func Complement(r Region) Region { return Region{Complement: &r} }

// MarshalJSON implements [json.Marshaler].
func (r Region) MarshalJSON() ([]byte, error) {
	switch {
	case r.Box != nil:
		return json.Marshal(map[string]plan.Box{"box": *r.Box})
	case r.Mask != nil:
		return json.Marshal(map[string]string{"mask": r.Mask.File})
	case r.Union != nil:
		return json.Marshal(map[string][]Region{"union": r.Union})
	case r.Minus != nil:
		return json.Marshal(map[string][]Region{"minus": r.Minus})
	case r.Complement != nil:
		return json.Marshal(map[string]Region{"complement": *r.Complement})
	}
	return json.Marshal(r.Name)
}

// String is the region in words.
func (r Region) String() string {
	list := func(of []Region, between string) string {
		var words []string
		for _, x := range of {
			words = append(words, x.String())
		}
		return "(" + strings.Join(words, between) + ")"
	}
	switch {
	case r.Box != nil:
		return "box " + text(*r.Box)
	case r.Mask != nil:
		return "mask " + r.Mask.File
	case r.Union != nil:
		return list(r.Union, " or ")
	case r.Minus != nil:
		return list(r.Minus, " minus ")
	case r.Complement != nil:
		return "all but " + r.Complement.String()
	}
	return r.Name
}

var (
	ownName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,39}$`)
	builtins  = []string{"condition", "related", "source", "background", "canvas"}
	partOfOne = regexp.MustCompile(`^(condition|related)\.(.{1,60})$`)
)

// checkName reports a name that a program may not give, or a wrong region under it.
func (p *Program) checkName(name string) error {
	path := "regions." + name
	if !ownName.MatchString(name) {
		return &Error{"regions", quoted(name), "want a name of at most 40 letters, digits, _ and -, a letter first"}
	}
	if slices.Contains(builtins, name) {
		return &Error{"regions", quoted(name), "every run has a region of that name: want another"}
	}
	return p.Regions[name].check(path, p, []string{name})
}

// maxParts bounds how many regions one is made of.
const maxParts = 64

// check reports what is wrong with a region of program p; within are the names that led to it.
func (r Region) check(path string, p *Program, within []string) error {
	set := 0
	for _, is := range []bool{r.Name != "", r.Box != nil, r.Mask != nil, r.Union != nil, r.Minus != nil, r.Complement != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return &Error{path, "", "want a name, or one of box, mask, union, minus, complement"}
	}
	if len(within) > maxParts {
		return &Error{path, "", "regions within regions too deep"}
	}
	of := func(key string, parts []Region) error {
		if len(parts) < 1 || len(parts) > maxParts {
			return &Error{path + "." + key, len(parts), "want 1 … 64 regions"}
		}
		for i, part := range parts {
			if err := part.check(pathOf(path+"."+key, i), p, append(within, "")); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case r.Box != nil && !r.Box.Valid():
		return &Error{path + ".box", *r.Box, "want [ymin, xmin, ymax, xmax] in thousandths of the canvas, 0 ≤ min < max ≤ 1000"}
	case r.Mask != nil && (r.Mask.Image == nil || r.Mask.Image.Bounds().Empty()):
		return &Error{path + ".mask", quoted(r.Mask.File), "want a picture"}
	case r.Union != nil:
		return of("union", r.Union)
	case r.Minus != nil:
		return of("minus", r.Minus)
	case r.Complement != nil:
		return r.Complement.check(path+".complement", p, append(within, ""))
	case r.Name == "" || slices.Contains(builtins, r.Name):
		return nil
	}
	if part := partOfOne.FindStringSubmatch(r.Name); part != nil {
		if n, err := strconv.Atoi(part[2]); part[1] == "condition" && (err != nil || n < 1) {
			return &Error{path, quoted(r.Name), "want condition.1, condition.2, …"}
		}
		return nil
	}
	own, ok := p.Regions[r.Name]
	switch {
	case !ok:
		return &Error{path, quoted(r.Name), "no region is called so: want " + strings.Join(p.names(), ", ") + ", or one of your own under regions"}
	case slices.Contains(within, r.Name):
		return &Error{path, quoted(r.Name), "the region is made of itself"}
	}
	return own.check("regions."+r.Name, p, append(within, r.Name))
}

// names are the regions a rule may speak of.
func (p *Program) names() []string {
	names := slices.Clone(builtins)
	for name := range p.Regions {
		names = append(names, name)
	}
	slices.Sort(names[len(builtins):])
	return names
}
