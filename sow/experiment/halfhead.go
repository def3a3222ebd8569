package experiment

import (
	"context"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
)

var halfHead = &Experiment{
	Name:    "half-head",
	About:   "Only the left half of a head is kept, the right half is what must grow out of it, and the text does not tell what it looks like. The truth is known.",
	Claim:   "The unseen half is nearer to the truth the more it may read the kept one: blocked < none < a target mass of .5.",
	factors: []string{"rule"}, unit: "case",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(every, normal)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			left := c.LeftHalf()
			// COW's default place; the right half of it is to grow.
			planned := plan.Plan{Prompt: left.Prompt, Task: plan.Normal, Box: plan.Box{0, 250, 500, 750},
				Related: []plan.Related{{Label: "other half", Box: plan.Box{0, 500, 500, 750}, Relation: 1}}}
			for _, v := range readings {
				params := lab.Pipeline.Defaults
				v.change(&params)
				all = append(all, lab.trial([]string{v.name}, &left, params, plan.Replay{Recorded: planned}))
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		const figure = "unseen_psnr"
		less := func(a, b string) {
			gain := f.gain(figure, []string{b}, []string{a})
			f.check(gain.Low > 0, "%s < %s: %s < %s dB, case by case %s", a, b, number(f.mean(figure, a).Mean), number(f.mean(figure, b).Mean), interval(gain))
		}
		less("blocked", "none")
		less("none", "target .5")
		f.note("Blocked throughout, in the inversion and the final phase too: %s dB less than none, case by case.", interval(f.gain(figure, []string{"none"}, []string{"blocked throughout"})))
		f.note("An enhancement of 1 in place of a target mass: %s dB more than none, case by case.", interval(f.gain(figure, []string{"enhance 1"}, []string{"none"})))
		f.show(figure, "kept_psnr", "grey", "spill")
		f.plot(figure, "rule", "")
	},
}

// readings are how strongly what grows reads the condition.
var readings = []variant{
	{"blocked", func(p *sow.Params) { p.TargetMass, p.Rules = 0, relatedReads(rules.Rule{Block: true}) }},
	{"blocked throughout", func(p *sow.Params) {
		p.TargetMass, p.Rules = 0, relatedReads(rules.Rule{Block: true, Phases: []rules.Phase{rules.Invert, rules.Cycle, rules.Final}})
	}},
	{"none", func(p *sow.Params) { p.TargetMass = 0 }},
	{"enhance 1", func(p *sow.Params) { p.TargetMass, p.Rules = 0, relatedReads(rules.Rule{Enhance: 1}) }},
	{"target .3", func(p *sow.Params) { p.TargetMass = 0.3 }},
	{"target .5", func(p *sow.Params) { p.TargetMass = 0.5 }},
	{"target .7", func(p *sow.Params) { p.TargetMass = 0.7 }},
}

// relatedReads is the program of one rule, for how what grows reads the conditions.
func relatedReads(rule rules.Rule) *rules.Program {
	rule.Query, rule.Key = rules.Related, rules.Condition
	return &rules.Program{Rules: []rules.Rule{rule}}
}
