package rules

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/sowgen/sowgen/tensor"
)

// Program is a list of rules. Of the rules that speak of the same pair of tokens at the same place and moment, the last one holds.
type Program struct {
	Regions map[string]Region `json:"regions,omitempty"` // names of one's own
	Rules   []Rule            `json:"rules,omitempty"`
}

// Rule says how the tokens of Query read those of Key. One thing to do is wanted at least: Enhance or Suppress, Bias or Scale, and Target
// may come together, Block and Plain stand alone. The formulas are those of [tensor.Rule].
//
// Where Query is what must grow out of a condition (Related or one of its parts), everything but Block is multiplied by the plan's relation.
type Rule struct {
	Query Region `json:"query"`
	Key   Region `json:"key"`

	Enhance  float64 `json:"enhance,omitempty"`  // 0 … 1: towards the row's strongest logit
	Suppress float64 `json:"suppress,omitempty"` // 0 … 1: towards its weakest
	Bias     float64 `json:"bias,omitempty"`     // added to the logits
	Scale    float64 `json:"scale,omitempty"`    // each key counts as that many: a bias of ln Scale
	Target   float64 `json:"target,omitempty"`   // the share of its attention that a query gives the region
	Block    bool    `json:"block,omitempty"`    // it is not read at all
	Plain    bool    `json:"plain,omitempty"`    // plain attention: lifts the rules before

	// Where: nil or "" is everywhere, but for the network's smallest grid, which only a Layer or a Resolution reaches.
	Layer      string  `json:"layer,omitempty"`      // a glob on the site's name, as path.Match has it: "up_blocks.*"; or on its beginning
	Resolution *Window `json:"resolution,omitempty"` // of the token grid: its shorter side
	Heads      []int   `json:"heads,omitempty"`

	// When: nil is always, but for the phases, where it is the cycles.
	Phases   []Phase `json:"phases,omitempty"`
	Node     *Window `json:"node,omitempty"`     // from which a step sets out, 0 (clean) … S (noise)
	Timestep *Window `json:"timestep,omitempty"` // 0 … 999, whatever the number of steps
	Cycle    *Window `json:"cycle,omitempty"`    // from 1

	Roles    []Role   `json:"roles,omitempty"`    // for which prompts; nil: all
	Strength Strength `json:"strength,omitempty"` // over nodes; nil: 1
}

// Phase is a part of a run in which the picture itself goes through the network.
type Phase string

// The phases. A condition that is inverted alone, at its own size, goes by no rules: the regions are those of the canvas.
const (
	Invert Phase = "invert" // the canvas, into noise; where it grows from noise, on the way down to the cycles
	Cycle  Phase = "cycle"
	Final  Phase = "final" // to a clean picture; all of method text
)

// Role is what a prompt of a batch is there for.
type Role string

// The roles.
const (
	Negative Role = "negative"
	Text     Role = "text"
	Suppress Role = "suppress"
	Diverse  Role = "diverse"
)

var (
	phases = []Phase{Invert, Cycle, Final}
	roles  = []Role{Negative, Text, Suppress, Diverse}
)

// Window is a range, both ends included. In JSON it is a number or [from, to].
type Window struct{ From, To int }

// holds reports whether v lies in w; a nil window holds everything.
func (w *Window) holds(v int) bool { return w == nil || v >= w.From && v <= w.To }

// MarshalJSON implements [json.Marshaler].
func (w Window) MarshalJSON() ([]byte, error) {
	if w.From == w.To {
		return json.Marshal(w.From)
	}
	return json.Marshal([2]int{w.From, w.To})
}

// Strength is how strongly a rule holds, 0 … 1, as a function of the node: straight between its points, level beyond them. In JSON it is a
// number or a list of [node, strength]. Enhance, Suppress, Bias and Target are multiplied by it, Scale is taken to its power, and a Block of
// strength s lets 1-s of the attention through.
type Strength []Point

// Point is one point of a [Strength].
type Point struct {
	Node  int
	Value float64
}

// Constant is the same strength at all nodes.
func Constant(v float64) Strength { return Strength{{0, v}} }

// At returns the strength at a node.
func (s Strength) At(node int) float64 {
	if s == nil {
		return 1
	}
	i := slices.IndexFunc(s, func(p Point) bool { return p.Node >= node })
	switch i {
	case -1:
		return s[len(s)-1].Value
	case 0:
		return s[0].Value
	}
	a, b := s[i-1], s[i]
	return a.Value + (b.Value-a.Value)*float64(node-a.Node)/float64(b.Node-a.Node)
}

// MarshalJSON implements [json.Marshaler].
func (s Strength) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return json.Marshal(s[0].Value)
	}
	var points [][2]float64
	for _, p := range s {
		points = append(points, [2]float64{float64(p.Node), p.Value})
	}
	return json.Marshal(points)
}

// Validate reports the first thing that is wrong with p, as an [*Error].
func (p *Program) Validate() error {
	if len(p.Rules) > maxRules {
		return &Error{"rules", len(p.Rules), "want at most 64"}
	}
	for name := range p.Regions {
		if err := p.checkName(name); err != nil {
			return err
		}
	}
	for i := range p.Rules {
		if err := p.Rules[i].validate(pathOf("rules", i), p); err != nil {
			return err
		}
	}
	return nil
}

// maxRules bounds a program.
const maxRules = 64

func (r *Rule) validate(path string, p *Program) error {
	for _, side := range []struct {
		name   string
		region Region
	}{{"query", r.Query}, {"key", r.Key}} {
		if err := side.region.check(path+"."+side.name, p, nil); err != nil {
			return err
		}
	}
	for _, n := range []struct {
		name          string
		v, from, upto float64
		want          string
	}{
		{"enhance", r.Enhance, 0, 1, "want 0 … 1"}, {"suppress", r.Suppress, 0, 1, "want 0 … 1"}, {"bias", r.Bias, -1e4, 1e4, "want -10000 … 10000"},
		{"scale", r.Scale, 0, 1e4, "want a number above 0, at most 10000; block is what 0 would mean"},
		{"target", r.Target, 0, 0.99, "want above 0, at most 0.99"},
	} {
		if !(n.v >= n.from && n.v <= n.upto) { // NaN fails
			return &Error{path + "." + n.name, n.v, n.want}
		}
	}
	alone := 0
	for _, is := range []bool{r.Block, r.Plain, r.acts()} {
		if is {
			alone++
		}
	}
	switch {
	case alone == 0:
		return &Error{path, "", "nothing to do: want one of enhance, suppress, bias, scale, target, block, plain"}
	case alone > 1:
		return &Error{path, "", "block and plain stand alone: make it two rules"}
	case r.Enhance != 0 && r.Suppress != 0:
		return &Error{path, "", "enhance and suppress contradict each other"}
	case r.Bias != 0 && r.Scale != 0:
		return &Error{path, "", "bias and scale are the same thing in two measures: want one"}
	}
	return r.validateWhereAndWhen(path)
}

// acts reports whether the rule moves logits or sets a target.
func (r *Rule) acts() bool {
	return r.Enhance != 0 || r.Suppress != 0 || r.Bias != 0 || r.Scale != 0 || r.Target != 0
}

func (r *Rule) validateWhereAndWhen(path string) error {
	if err := checkGlob(path+".layer", r.Layer); err != nil {
		return err
	}
	for _, w := range []struct {
		name   string
		window *Window
		least  int
	}{{"resolution", r.Resolution, 1}, {"node", r.Node, 0}, {"timestep", r.Timestep, 0}, {"cycle", r.Cycle, 1}} {
		if w.window != nil && (w.window.From < w.least || w.window.To < w.window.From) {
			return &Error{path + "." + w.name, []int{w.window.From, w.window.To}, "want a number or [from, to], from " + text(w.least) + " on"}
		}
	}
	for i, h := range r.Heads {
		if h < 0 || h > 999 {
			return &Error{pathOf(path+".heads", i), h, "want the number of a head, from 0 on"}
		}
	}
	for i, v := range r.Phases {
		if !slices.Contains(phases, v) {
			return &Error{pathOf(path+".phases", i), quoted(string(v)), "want invert, cycle or final"}
		}
	}
	for i, v := range r.Roles {
		if !slices.Contains(roles, v) {
			return &Error{pathOf(path+".roles", i), quoted(string(v)), "want negative, text, suppress or diverse"}
		}
	}
	for i, p := range r.Strength {
		if !(p.Value >= 0 && p.Value <= 1) || p.Node < 0 {
			return &Error{pathOf(path+".strength", i), []float64{float64(p.Node), p.Value}, "want [node, strength], strength 0 … 1"}
		}
		if i > 0 && p.Node <= r.Strength[i-1].Node {
			return &Error{pathOf(path+".strength", i), p.Node, "want the nodes in rising order"}
		}
	}
	return nil
}

// does is what the rule does at a strength, as the attention has it.
func (r *Rule) does(strength float64) tensor.Rule {
	switch {
	case r.Plain:
		return tensor.Rule{}
	case r.Block && strength >= 1:
		return tensor.Rule{Block: true}
	case r.Block:
		return tensor.Rule{Beta: float32(math.Log1p(-strength))}
	}
	beta := r.Bias
	if r.Scale != 0 {
		beta = math.Log(r.Scale)
	}
	return tensor.Rule{
		Alpha: float32((r.Enhance - r.Suppress) * strength), Beta: float32(beta * strength), Target: float32(r.Target * strength),
	}
}
