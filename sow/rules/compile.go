package rules

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// Compiled is a program on the canvas of a run. It remembers the tables that it has made, and is not safe for concurrent use.
type Compiled struct {
	labels   *tensor.Regions // on the latent grid: labels without rules
	smallest int             // see smallestOf
	rules    int             // in the program
	bound    []bound
	names    []string // of the regions to watch
	watched  [][]int  // their labels
	made     map[string]*tensor.Regions
}

// bound is a rule whose regions are labels. A rule about related boxes is bound once for each of them.
type bound struct {
	*Rule
	index      int // in the program
	query, key []int
	relation   float64
}

// Moment is when, and for which prompts, the network is asked. Timestep belongs to Node.
type Moment struct {
	Phase          Phase
	Cycle          int // from 1; 0 outside the cycles
	Node, Timestep int
	Roles          []Role // of the prompts of the batch, in order
}

// Compile binds a valid program to the regions of a run on a network of these sites. The canvas is cut into the parts that the rules tell
// apart, and those named in watch; if there are more than [tensor.MaxRegions], that is an [*Error].
func Compile(p *Program, s *Scene, sites []unet.Site, watch ...Region) (*Compiled, error) {
	c := &Compiled{smallest: smallestOf(sites), made: map[string]*tensor.Regions{}}
	c.rules = len(p.Rules)
	var sets [][]bool // told apart
	type pair struct{ query, key int }
	var pairs []pair
	bind := func(b bound, query, key []bool) {
		pairs = append(pairs, pair{len(sets), len(sets) + 1})
		sets = append(sets, query, key)
		c.bound = append(c.bound, b)
	}
	all := s.sources()
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Query.Name != "related" && len(s.related(r.Query)) == 0 {
			bind(bound{Rule: r, index: i, relation: 1}, s.cells(p, r.Query, all), s.cells(p, r.Key, all))
			continue
		}
		for _, rel := range s.related(r.Query) {
			bind(bound{Rule: r, index: i, relation: rel.Relation}, rel.Cells, s.cells(p, r.Key, rel.Source))
		}
	}
	for _, region := range watch {
		sets = append(sets, s.cells(p, region, all))
		c.names = append(c.names, region.String())
	}
	labels, of := s.partition(sets)
	if n := slices.Max(labels); int(n) >= tensor.MaxRegions {
		return nil, &Error{"regions", int(n) + 1, fmt.Sprintf("so many parts do they cut the canvas into: want at most %d; fewer regions, or such as overlap less", tensor.MaxRegions)}
	}
	for i, pair := range pairs {
		c.bound[i].query, c.bound[i].key = of[pair.query], of[pair.key]
	}
	c.watched = of[2*len(pairs):]
	c.labels = &tensor.Regions{Labels: labels, Height: s.Height, Width: s.Width}
	return c, nil
}

// partition labels the cells by which of the sets they are in, and returns the labels of each set. On coarser grids the larger label wins
// a cell: sources before conditions before what is related before the rest, and then the smaller part.
func (s *Scene) partition(sets [][]bool) (labels []uint8, of [][]int) {
	type part struct {
		sign  string
		rank  int
		cells []int
	}
	var parts []*part
	known := map[string]*part{}
	kept, sources := add(make([]bool, s.Height*s.Width), s.Conditions...), s.sources()
	related := make([]bool, len(kept))
	for _, rel := range s.Related {
		add(related, rel.Cells)
	}
	sign := make([]byte, len(sets))
	for cell := range kept {
		for i, set := range sets {
			sign[i] = '-'
			if set[cell] {
				sign[i] = '+'
			}
		}
		p := known[string(sign)]
		if p == nil {
			p = &part{sign: string(sign)}
			known[p.sign], parts = p, append(parts, p)
		}
		p.cells = append(p.cells, cell)
		switch {
		case sources[cell]:
			p.rank = max(p.rank, 3)
		case kept[cell]:
			p.rank = max(p.rank, 2)
		case related[cell]:
			p.rank = max(p.rank, 1)
		}
	}
	slices.SortStableFunc(parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(b.cells), len(a.cells)))
	})
	labels, of = make([]uint8, len(kept)), make([][]int, len(sets))
	for l, p := range parts {
		for _, cell := range p.cells {
			labels[cell] = uint8(min(l, 255))
		}
		for i := range sets {
			if p.sign[i] == '+' {
				of[i] = append(of[i], l)
			}
		}
	}
	return labels, of
}

// Idle returns, by their index, the rules that nothing on the canvas is about.
func (c *Compiled) Idle() (idle []int) {
	var busy []int
	for _, b := range c.bound {
		if len(b.query) > 0 && len(b.key) > 0 && b.relation > 0 {
			busy = append(busy, b.index)
		}
	}
	for i := range c.rules {
		if !slices.Contains(busy, i) {
			idle = append(idle, i)
		}
	}
	return idle
}

// At returns what each site of the network does at a moment, for [unet.Input].Regions; nil if no rule holds then and nothing is watched.
func (c *Compiled) At(m Moment) func(unet.Site) *tensor.Regions {
	strengths := make([]float64, len(c.bound)) // 0: it does not hold
	holds := false
	for i := range c.bound {
		strengths[i] = c.bound[i].at(m)
		holds = holds || strengths[i] > 0
	}
	if !holds && c.names == nil {
		return nil
	}
	return func(s unet.Site) *tensor.Regions {
		key := fmt.Sprint(s.Height, s.Width, s.Heads, m.Roles)
		var here []held
		for i, strength := range strengths {
			if b := &c.bound[i]; strength > 0 && b.reaches(s, c.smallest) {
				here = append(here, held{b, strength})
				key += fmt.Sprint(" ", i, ":", strength)
			}
		}
		if len(here) == 0 && c.names == nil {
			return nil
		}
		r, ok := c.made[key]
		if !ok {
			r = c.regions(s, m.Roles, here)
			c.made[key] = r
		}
		return r
	}
}

// held is a rule that holds, and how strongly.
type held struct {
	*bound
	strength float64
}

// at returns the strength of the rule at a moment, 0 if it does not hold then.
func (r *Rule) at(m Moment) float64 {
	inPhase := m.Phase == Cycle
	if r.Phases != nil {
		inPhase = slices.Contains(r.Phases, m.Phase)
	}
	forSome := r.Roles == nil || slices.ContainsFunc(r.Roles, func(role Role) bool { return slices.Contains(m.Roles, role) })
	if !inPhase || !forSome || !r.Node.holds(m.Node) || !r.Timestep.holds(m.Timestep) || !r.Cycle.holds(m.Cycle) {
		return 0
	}
	return r.Strength.At(m.Node)
}

// smallestOf returns the shorter side of the network's smallest grid, which rules leave alone unless they name it: modulating it had no
// effect, and there the condition swells over its surroundings. 0 if there is but one grid.
func smallestOf(sites []unet.Site) int {
	smallest, largest := 0, 0
	for _, s := range sites {
		side := min(s.Height, s.Width)
		if smallest == 0 || side < smallest {
			smallest = side
		}
		largest = max(largest, side)
	}
	if smallest == largest {
		return 0
	}
	return smallest
}

// reaches reports whether the rule is about a site of a network whose smallest grid has that side.
func (r *Rule) reaches(s unet.Site, smallest int) bool {
	side := min(s.Height, s.Width)
	if r.Layer == "" && r.Resolution == nil && side <= smallest {
		return false
	}
	if r.Heads != nil && !slices.ContainsFunc(r.Heads, func(h int) bool { return h < s.Heads }) {
		return false
	}
	return r.Resolution.holds(side) && (r.Layer == "" || matches(r.Layer, s.Name))
}

// matches reports whether a glob matches a site's name, or its beginning up to a dot.
func matches(glob, name string) bool {
	whole, _ := path.Match(glob, name)
	beginning, _ := path.Match(glob+".*", name)
	return whole || beginning
}

// regions makes the labels and tables of a site; nil if they come to nothing and nothing is watched.
func (c *Compiled) regions(s unet.Site, prompts []Role, here []held) *tensor.Regions {
	r := c.labels.On(s.Height, s.Width)
	cells := make([]int, c.count())
	for _, l := range r.Labels {
		cells[l]++
	}
	heads := 1 // tables
	for _, h := range here {
		if h.Heads != nil {
			heads = max(heads, s.Heads)
		}
		if h.Roles != nil {
			heads = len(prompts) * s.Heads
		}
	}
	table := func(head int) [][]tensor.Rule {
		return tableOf(cells, here, func(b *bound) bool {
			return (b.Heads == nil || slices.Contains(b.Heads, head%s.Heads)) && (b.Roles == nil || slices.Contains(b.Roles, prompts[head/s.Heads]))
		})
	}
	r.Rules = table(0)
	neutral := silent(r.Rules)
	for head := range heads {
		if heads > 1 {
			r.PerHead = append(r.PerHead, table(head))
			neutral = neutral && silent(r.PerHead[head])
		}
	}
	if neutral && c.names == nil {
		return nil
	}
	return r
}

// tableOf makes the table of the rules that hold for a head, on a grid where each label has that many cells.
func tableOf(cells []int, here []held, holds func(*bound) bool) [][]tensor.Rule {
	table := make([][]tensor.Rule, len(cells))
	for q := range table {
		table[q] = make([]tensor.Rule, len(cells))
	}
	for _, h := range here {
		if !holds(h.bound) {
			continue
		}
		strength := h.strength
		if !h.Block {
			strength *= h.relation
		}
		rule, all := h.does(strength), 0
		for _, k := range h.key {
			all += cells[k]
		}
		for _, q := range h.query {
			for _, k := range h.key {
				if cells[q] == 0 || cells[k] == 0 {
					continue
				}
				// A region that others cut receives its target in parts, by their cells.
				part := rule
				part.Target *= float32(cells[k]) / float32(all)
				table[q][k] = part
			}
		}
	}
	// What may read nothing on this grid reads itself.
	for q, row := range table {
		blocked := true
		for k, rule := range row {
			blocked = blocked && (rule.Block || cells[k] == 0)
		}
		if blocked {
			row[q] = tensor.Rule{}
		}
	}
	return table
}

// silent reports whether a table changes nothing.
func silent(table [][]tensor.Rule) bool {
	for _, row := range table {
		if slices.ContainsFunc(row, func(r tensor.Rule) bool { return !r.Neutral() }) {
			return false
		}
	}
	return true
}
