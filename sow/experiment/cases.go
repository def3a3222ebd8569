package experiment

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/eval/benchmark"
	"github.com/sowgen/sowgen/sow/plan"
)

// every is the size of an experiment on all cases: on fewer, most of what tells settings of one method apart is lost in what tells heads apart.
const every = math.MaxInt

// cases returns the first cases of the benchmark's scenarios (none: all of them), for an experiment that is sized for so many.
func (l *Lab) cases(sized int, scenarios ...string) ([]*eval.Case, error) {
	all, err := benchmark.Cases()
	if err != nil {
		return nil, err
	}
	if len(scenarios) > 0 {
		all = slices.DeleteFunc(all, func(c *eval.Case) bool { return !slices.Contains(scenarios, c.Scenario) })
	}
	if l.Cases > 0 {
		sized = l.Cases
	}
	return all[:min(sized, len(all))], nil
}

// seed is a case's, the same in every arm.
func (l *Lab) seed(c *eval.Case) uint64 { return l.Seed*1_000_000 + c.Seed }

// trial is the treatment of a case by parameters and a planner.
func (l *Lab) trial(arm []string, c *eval.Case, params sow.Params, planner plan.Planner) treatment {
	t := &Trial{Case: c, Params: params, Planner: planner, Seed: l.seed(c)}
	return treatment{arm: arm, unit: c.Name, from: []any{t, fmt.Sprintf("%T", planner)}, make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
		return t.Run(ctx, l.Pipeline, l.Judge)
	}}
}

// variant is an arm that differs from the model's own parameters.
type variant struct {
	name   string
	change func(*sow.Params)
}

// variants are the trials of cases in every variant, by the offline planner.
func (l *Lab) variants(cases []*eval.Case, arms []variant) (all []treatment) {
	for _, c := range cases {
		for _, v := range arms {
			params := l.Pipeline.Defaults
			v.change(&params)
			all = append(all, l.trial([]string{v.name}, c, params, plan.Offline{}))
		}
	}
	return all
}

const normal = "normal" // the scenario in which the text does not contradict the condition
