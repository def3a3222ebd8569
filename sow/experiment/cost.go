package experiment

import (
	"context"
	"fmt"
	"image"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

var cost = &Experiment{
	Name:    "cost",
	About:   "What a picture takes, one at a time: evaluations of the UNet in each phase, each prompt counted, seconds and memory, with the model's own numbers and with the papers'.",
	Claim:   "With the papers' numbers: 10 evaluations for the canvas's inversion, 80 in the cycles and 10 in the final phase, all of the whole canvas, and 14 of the condition alone.",
	factors: []string{"numbers", "method"}, unit: "case", alone: true,
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(3, normal)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			for _, numbers := range []string{"model's", "papers'"} {
				for _, method := range compared {
					params := lab.Pipeline.Defaults
					if numbers == "papers'" {
						params = sow.DefaultParams()
						params.Width, params.Height = lab.Pipeline.Defaults.Width, lab.Pipeline.Defaults.Height
					}
					params = params.As(method)
					all = append(all, treatment{
						arm: []string{numbers, string(method)}, unit: c.Name, from: []any{c, params},
						make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) { return spend(ctx, lab, c, params) },
					})
				}
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		for _, method := range []string{"cow", "sow"} {
			count := func(stage sow.Stage) float64 { return f.mean(evaluationsOf(stage), "papers'", method).Mean }
			f.check(count(sow.StageInvert) == 24 && count(sow.StageCycle) == 80 && count(sow.StageFinal) == 10, "%s: %s + %s + %s evaluations",
				method, number(count(sow.StageInvert)), number(count(sow.StageCycle)), number(count(sow.StageFinal)))
		}
		f.show(evaluationsOf(sow.StageInvert), evaluationsOf(sow.StageCycle), evaluationsOf(sow.StageFinal), "evaluations", "seconds", "memory_mb")
		f.plot("evaluations", "method", "numbers")
		f.plot("seconds", "method", "numbers")
	},
}

func evaluationsOf(stage sow.Stage) string { return "evaluations: " + string(stage) }

// spend makes a picture and tells what it took.
func spend(ctx context.Context, lab *Lab, c *eval.Case, params sow.Params) (*image.NRGBA, eval.Figures, error) {
	req := sow.Request{Prompt: c.Prompt, Seed: lab.seed(c), Params: &params, Planner: plan.Offline{}}
	if params.Method != sow.Text {
		req.Conditions = []sow.Condition{{Picture: c.Picture, Mask: c.Mask}}
	}
	r, err := lab.Pipeline.Generate(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	figures := eval.Figures{"seconds": r.Report.Total, "memory_mb": float64(r.Report.Memory.Peak) / 1e6}
	for stage, n := range r.Report.Evaluations {
		figures[evaluationsOf(stage)] = float64(n)
		figures["evaluations"] += float64(n)
	}
	for stage, s := range r.Report.Seconds {
		figures[fmt.Sprintf("seconds: %s", stage)] = s
	}
	return r.Image, figures, nil
}
