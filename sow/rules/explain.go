package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/unet"
)

// String is the rule in words.
func (r Rule) String() string {
	var does []string
	for _, op := range []struct {
		name  string
		value float64
	}{{"enhance", r.Enhance}, {"suppress", r.Suppress}, {"bias", r.Bias}, {"scale", r.Scale}, {"target", r.Target}} {
		if op.value != 0 {
			does = append(does, fmt.Sprintf("%s %g", op.name, op.value))
		}
	}
	if r.Block {
		does = append(does, "block")
	}
	if r.Plain {
		does = append(does, "plain")
	}
	words := fmt.Sprintf("%v reads %v: %s", r.Query, r.Key, strings.Join(does, ", "))
	if r.Heads != nil {
		words += "; heads " + commas(r.Heads)
	}
	if r.Roles != nil {
		words += "; prompts " + commas(r.Roles)
	}
	return words
}

func commas[T any](list []T) string {
	var words []string
	for _, v := range list {
		words = append(words, text(v))
	}
	return strings.Join(words, ", ")
}

// Explanation says, of the rules of a program, when they hold and at which sites.
type Explanation struct {
	Rules []string   // in words
	When  [][]string // for each rule, a line for each phase in which it holds; none: never
	Sites []Explained
}

// Explained is a site and the rules that reach it, by their index, in the order in which a later one wins.
type Explained struct {
	unet.Site
	Rules []int
}

// Explain says what a valid program touches in a network of these sites, in a run of these moments.
func Explain(p *Program, sites []unet.Site, moments []Moment) *Explanation {
	e, smallest := &Explanation{}, smallestOf(sites)
	for i := range p.Rules {
		e.Rules = append(e.Rules, p.Rules[i].String())
		e.When = append(e.When, when(&p.Rules[i], moments))
	}
	for _, s := range sites {
		reached := Explained{Site: s}
		for i := range p.Rules {
			if p.Rules[i].reaches(s, smallest) && len(e.When[i]) > 0 {
				reached.Rules = append(reached.Rules, i)
			}
		}
		e.Sites = append(e.Sites, reached)
	}
	return e
}

// when returns a line for each phase in which a rule holds: its nodes, with the strength where it is not 1, and its cycles.
func when(r *Rule, moments []Moment) (lines []string) {
	for _, phase := range phases {
		var nodes []string
		first, last := 0, 0
		for _, m := range moments {
			strength := r.at(m)
			if m.Phase != phase || strength == 0 {
				continue
			}
			node := text(m.Node)
			if strength != 1 {
				node = fmt.Sprintf("%d (%.2g)", m.Node, strength)
			}
			if !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
			if first == 0 {
				first = m.Cycle
			}
			last = m.Cycle
		}
		if nodes == nil {
			continue
		}
		line := fmt.Sprintf("%s: nodes %s", phase, strings.Join(nodes, ", "))
		if phase == Cycle {
			line = fmt.Sprintf("cycles %d … %d: nodes %s", first, last, strings.Join(nodes, ", "))
		}
		lines = append(lines, line)
	}
	return lines
}
