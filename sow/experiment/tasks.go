package experiment

import (
	"context"
	"strings"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

const (
	asNormal = "sow, normal numbers"
	asTask   = "sow, the task's"
)

var tasks = &Experiment{
	Name:    "tasks",
	About:   "The same heads with a text of each scenario: one that agrees with the head, one that wants something about it otherwise, and one that wants another style.",
	Claim:   "With a task's own numbers the text is followed better than with the normal ones where it wants the head otherwise, and the head is kept where it does not.",
	factors: []string{"scenario", "method"}, unit: "head",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(every)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			own := lab.Pipeline.For(plan.Task(c.Scenario))
			for _, arm := range []struct {
				name   string
				params sow.Params
			}{
				{"text", lab.Pipeline.Defaults.As(sow.Text)}, {"cow", lab.Pipeline.Defaults.As(sow.COW)},
				{asNormal, lab.Pipeline.Defaults.As(sow.SOW)}, {asTask, own.As(sow.SOW)},
			} {
				t := lab.trial([]string{c.Scenario, arm.name}, c, arm.params, plan.Offline{})
				t.unit, _, _ = strings.Cut(c.Name, "-")
				all = append(all, t)
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		kept := f.gain("kept_psnr", []string{normal, asTask}, []string{normal, "text"})
		f.check(kept.Low > 0, "normal: kept, %s less text only: %s dB", asTask, interval(kept))
		for _, s := range eval.Scenarios {
			if s == normal {
				continue
			}
			text, kept := f.gain("probe_text", []string{s, asTask}, []string{s, asNormal}), f.gain("kept_psnr", []string{s, asTask}, []string{s, asNormal})
			f.check(text.Low > 0, "%s: text, %s less normal numbers: %s; kept %s dB", s, asTask, interval(text), interval(kept))
		}
		f.show("kept_psnr", "skin_all", "probe_head", "probe_text", "probe_text_style")
		f.plot("probe_text", "scenario", "method")
		f.plot("kept_psnr", "scenario", "method")
	},
}
