package experiment

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
)

var massRules = []variant{
	{"blocked", func(p *sow.Params) { p.TargetMass, p.Rules = 0, relatedReads(rules.Rule{Block: true}) }},
	{"suppress .5", func(p *sow.Params) { p.TargetMass, p.Rules = 0, relatedReads(rules.Rule{Suppress: 0.5}) }},
	{"none", func(p *sow.Params) { p.TargetMass = 0 }},
	{"enhance .5", func(p *sow.Params) { p.TargetMass, p.Rules = 0, relatedReads(rules.Rule{Enhance: 0.5}) }},
	{"target .4", func(p *sow.Params) { p.TargetMass = 0.4 }},
}

// massTarget is that of the last.
const massTarget = 0.4

var attentionMap = &Experiment{
	Name:    "attn-map",
	About:   "The share of its attention that the body gives the kept head, in the first cycle, at each self-attention and node, under rules of every kind; and maps of where it looks.",
	Claim:   "At every self-attention that rules reach, blocked is 0 < suppressed < none < enhanced, and a target is met.",
	factors: []string{"attention", "rule"}, unit: "case",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(4, normal)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			for _, v := range massRules {
				params := lab.Pipeline.Defaults
				v.change(&params)
				params.Cycles = 1
				look := sync.OnceValues(func() (*capture.Capture, error) { return watch(context.Background(), lab, c, params) })
				sites, err := siteNames(lab)
				if err != nil {
					return nil, err
				}
				for _, site := range sites {
					all = append(all, treatment{
						arm: []string{shortSite(site), v.name}, unit: c.Name, from: []any{c, params},
						make: func(context.Context) (*image.NRGBA, eval.Figures, error) {
							seen, err := look()
							if err != nil {
								return nil, nil, err
							}
							return lookedAt(seen, site), masses(seen, site), nil
						},
					})
				}
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		var sites []string
		for _, a := range f.Arms {
			sites = appendNew(sites, a.Arm[0])
		}
		var wrong []string
		off := 0.0
		for _, site := range sites {
			mass := func(rule string) float64 { return f.mean("mass", site, rule).Mean }
			if !(mass("blocked") == 0 && mass("suppress .5") < mass("none") && mass("none") < mass("enhance .5")) {
				wrong = append(wrong, site)
			}
			for _, o := range f.of(site, "target .4") {
				off = max(off, math.Abs(o.Figures["mass"]-massTarget))
			}
		}
		f.check(wrong == nil, "the order at %d self-attentions%s", len(sites), map[bool]string{true: "", false: "; not at " + strings.Join(wrong, ", ")}[wrong == nil])
		f.check(off <= 1e-3, "a target of .4 is missed by at most %.1g", off)
		f.plot("mass", "attention", "rule")
	},
}

// watch makes a picture in one cycle and returns what its attention did.
func watch(ctx context.Context, lab *Lab, c *eval.Case, params sow.Params) (*capture.Capture, error) {
	seen := &capture.Capture{}
	_, err := lab.Pipeline.Generate(ctx, sow.Request{
		Prompt: c.Prompt, Conditions: []sow.Condition{{Picture: c.Picture, Mask: c.Mask}}, Seed: lab.seed(c), Params: &params, Planner: bodyOnly{}, Capture: seen,
	})
	return seen, err
}

// bodyOnly is the offline plan with one related region, the body, so that there is one to look at.
type bodyOnly struct{}

// Plan implements [plan.Planner].
func (bodyOnly) Plan(ctx context.Context, in plan.Input) (plan.Plan, error) {
	p, err := plan.Offline{}.Plan(ctx, in)
	p.Related = slices.DeleteFunc(p.Related, func(r plan.Related) bool { return r.Label != "body" })
	return p, err
}

// siteNames are the self-attentions that a rule without a place reaches.
func siteNames(lab *Lab) (names []string, err error) {
	fsys, err := sow.Folder(lab.Pipeline.Model)
	if err != nil {
		return nil, err
	}
	params := lab.Pipeline.Defaults
	told, err := sow.Explain(fsys, &params)
	if err != nil {
		return nil, err
	}
	for _, s := range told.Sites {
		if len(s.Rules) > 0 {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// shortSite is a site's name without what they all have.
func shortSite(site string) string {
	return strings.NewReplacer(".transformer_blocks.0.attn1", "", "attentions.", "", "_blocks", "", "_block", "").Replace(site)
}

// masses are what related regions gave the condition at a site in the cycle: the mean over its steps, and at each node.
func masses(seen *capture.Capture, site string) eval.Figures {
	figures, n := eval.Figures{}, 0.0
	for _, m := range seen.Masses {
		if m.Site != site || m.Phase != string(rules.Cycle) || m.Query != "related.1" || m.Key != "condition.1" {
			continue
		}
		n++
		figures["mass"] += (m.Share - figures["mass"]) / n
		figures[fmt.Sprintf("mass at node %d", m.Node)] = m.Share
	}
	return figures
}

// lookedAt draws where the related region looked at a site.
func lookedAt(seen *capture.Capture, site string) *image.NRGBA {
	one := &capture.Capture{}
	for _, m := range seen.Maps {
		if m.Site == site && m.Query == "related.1" {
			one.Maps = append(one.Maps, m)
		}
	}
	return one.DrawMaps()
}
