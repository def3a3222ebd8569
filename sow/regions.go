package sow

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// Dynamic attention modulation (docs/method.md §3; the form is ours): the plan's regions become the scene that a program of rules is about,
// and every self-attention of the UNet obeys the program.

// program returns the rules of a run: the target masses, then those that say otherwise.
func (p *Params) program() *rules.Program {
	all := &rules.Program{}
	if p.TargetMass > 0 {
		all.Rules = append(all.Rules, rules.Rule{Query: rules.Related, Key: rules.Source, Target: p.TargetMass})
		if p.NeckMass > 0 {
			toTheEnd := []rules.Phase{rules.Cycle, rules.Final}
			all.Rules = append(all.Rules, rules.Rule{Query: rules.Named("related." + plan.Neck), Key: rules.Source, Target: p.NeckMass, Phases: toTheEnd})
		}
	}
	if p.Rules != nil {
		all.Regions, all.Rules = p.Rules.Regions, append(all.Rules, p.Rules.Rules...)
	}
	return all
}

// modulate compiles the program of the run, once.
func (r *run) modulate() (err error) {
	program := r.program()
	if !r.Method.ruled() {
		program = &rules.Program{}
	}
	f := r.vae.Config.Factor()
	h, w := r.Height/f, r.Width/f
	kept, err := r.keptByEach(h, w, f)
	if err != nil {
		return err
	}
	scene := sceneOf(&r.plan, kept, h, w)
	r.rules, err = rules.Compile(program, scene, r.unet.Config.Sites(h, w), r.watch()...)
	for n := len(scene.Related); err != nil && r.Rules == nil && len(scene.Related) > 0; { // the planner's fault, not the user's
		scene.Related = scene.Related[:len(scene.Related)-1]
		if r.rules, err = rules.Compile(program, scene, r.unet.Config.Sites(h, w), r.watch()...); err == nil {
			r.warn("the plan relates more parts than the attention can tell apart: the last %d are left to themselves", n-len(scene.Related))
		}
	}
	if err != nil {
		return fmt.Errorf("sow: rules: %w", err)
	}
	given := len(program.Rules)
	if r.Rules != nil && r.Method.ruled() {
		given -= len(r.Rules.Rules)
	}
	for _, i := range r.rules.Idle() {
		if i >= given {
			r.warn("nothing in this picture is what the rule %q is about", program.Rules[i].String())
		}
	}
	for _, rule := range program.Rules {
		if rule.Roles != nil {
			r.warn("the rule %q is for some prompts only: guidance makes much of what they then disagree about, and may ruin the picture", rule.String())
		}
	}
	return nil
}

// keptByEach returns the cells that each condition keeps of a latent grid of h×w cells of f pixels. A later condition lies over an earlier one,
// which the user is told; one of which nothing is left is refused.
func (r *run) keptByEach(h, w, f int) (kept [][]bool, err error) {
	for i, c := range r.conditions {
		cells := keptCells(c, h, w, f)
		for j, earlier := range kept {
			covered := false
			for cell, is := range cells {
				covered = covered || is && earlier[cell]
				earlier[cell] = earlier[cell] && !is
			}
			if covered && !slices.Contains(earlier, true) {
				want := fmt.Sprintf("nothing is left of condition %d under condition %d; want boxes that do not overlap, or masks", j+1, i+1)
				return nil, &ParamError{Name: "box", Value: boxText(r.conditions[j].box), Want: want, Condition: j}
			}
			if covered {
				r.warn("condition %d lies over a part of condition %d", i+1, j+1)
			}
		}
		kept = append(kept, cells)
	}
	return kept, nil
}

// Explain says which attentions of a model the rules of a run touch, when, and with which rule, from the model's configs alone. The first rule
// is that of the target mass, if there is one.
func Explain(fsys fs.FS, p *Params) (*rules.Explanation, error) {
	network, err := unet.ReadConfig(fsys, "unet/config.json")
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	autoencoder, err := vae.ReadConfig(fsys, "vae/config.json")
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	scheduler, err := sampler.ReadConfig(fsys, "scheduler/scheduler_config.json")
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	f := autoencoder.Factor()
	if err := p.Validate(f); err != nil {
		return nil, err
	}
	ddim, err := sampler.New(scheduler, p.Steps, p.Inversion)
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	return rules.Explain(p.program(), network.Sites(p.Height/f, p.Width/f), p.moments(ddim)), nil
}

// moments are all those of a run.
func (p *Params) moments(ddim *sampler.DDIM) (all []rules.Moment) {
	everyone := []rules.Role{rules.Negative, rules.Text, rules.Suppress, rules.Diverse}
	step := func(phase rules.Phase, cycle, node, timestep int) {
		all = append(all, rules.Moment{Phase: phase, Cycle: cycle, Node: node, Timestep: timestep, Roles: everyone})
	}
	replace, back, _ := p.nodes()
	from := p.Steps
	if p.Method.Cyclic() {
		from = replace
		if p.Start == StartNoise {
			for k := p.Steps; k > replace; k-- {
				step(rules.Invert, 0, k, ddim.Timestep(k))
			}
		} else {
			for k := range replace {
				step(rules.Invert, 0, k, ddim.InvertTimestep(k))
			}
		}
		for c := range p.Cycles {
			for k := back; k > replace; k-- {
				step(rules.Cycle, c+1, k, ddim.Timestep(k))
			}
		}
	}
	for k := from; k > 0; k-- {
		step(rules.Final, 0, k, ddim.Timestep(k))
	}
	return all
}

// sceneOf returns the regions of a plan on a latent grid of h×w cells, kept being the cells of each condition. Of competing boxes the later
// takes the cells; what is kept is nobody's.
func sceneOf(p *plan.Plan, kept [][]bool, h, w int) *rules.Scene {
	s := &rules.Scene{Height: h, Width: w, Conditions: kept}
	isKept := func(cell int) bool {
		return slices.ContainsFunc(kept, func(k []bool) bool { return k[cell] })
	}
	for i, place := range p.Places() {
		for _, rel := range place.Related {
			grown := rules.Grown{Label: rel.Label, Condition: i, Relation: rel.Relation, Cells: make([]bool, h*w), Source: make([]bool, h*w)}
			named := false
			for cell := range grown.Cells {
				if rules.InBox(rel.Box, cell, h, w) && !isKept(cell) {
					grown.Cells[cell] = true
					for _, earlier := range s.Related {
						earlier.Cells[cell] = false
					}
				}
				grown.Source[cell] = rel.Source != nil && rules.InBox(*rel.Source, cell, h, w) && kept[i][cell]
				named = named || grown.Source[cell]
			}
			if !named {
				copy(grown.Source, kept[i])
			}
			s.Related = append(s.Related, grown)
		}
	}
	return s
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
