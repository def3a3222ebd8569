package experiment

import (
	"context"
	"fmt"
	"image"
	"math"
	"strings"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

// Trial is a case, and what is done with it: one picture. The same trial gives the same picture and, but for seconds, the same figures.
type Trial struct {
	Case    *eval.Case
	Params  sow.Params   // method text is not given the condition, yet measured by it
	Planner plan.Planner // nil: nobody plans
	Seed    uint64
	Masses  bool // measure what the attention of what grows gives the condition; costs a little time, and the last bits of the picture
}

// Run makes a trial's picture and measures it. Several may run at a time.
func (t *Trial) Run(ctx context.Context, p *sow.Pipeline, judge *eval.Judge) (*image.NRGBA, eval.Figures, error) {
	c, err := t.Case.Loaded()
	if err != nil {
		return nil, nil, fmt.Errorf("case %s: %w", t.Case.Name, err)
	}
	params := t.Params
	req := sow.Request{
		Prompt: c.Prompt, Conditions: []sow.Condition{{Picture: c.Picture, Mask: c.Mask}}, Seed: t.Seed, Params: &params, Planner: t.Planner,
	}
	at, err := lay(ctx, p, req, c)
	if err != nil {
		return nil, nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	if params.Method == sow.Text {
		req.Conditions = nil
	}
	if t.Masses {
		req.Capture = &capture.Capture{}
	}
	result, err := p.Generate(ctx, req)
	if err != nil {
		return nil, nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	figures, err := judge.Measure(result.Image, c, *at)
	if err != nil {
		return nil, nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	figures["seconds"], figures["memory_mb"] = result.Report.Total, float64(result.Report.Memory.Peak)/1e6
	for _, n := range result.Report.Evaluations {
		figures["evaluations"] += float64(n)
	}
	if mass := relatedMass(req.Capture); !math.IsNaN(mass) {
		figures["related_mass"] = mass
	}
	return result.Image, figures, nil
}

// lay puts the condition of a case where the request's picture has it.
func lay(ctx context.Context, p *sow.Pipeline, req sow.Request, c *eval.Case) (*eval.Laid, error) {
	given, err := p.Lay(ctx, req)
	if err != nil {
		return nil, err
	}
	at := &eval.Laid{Canvas: given.Canvas, Returned: given.Returned, Mask: given.Mask, Grey: given.Grey}
	if c.Head == nil {
		return at, nil
	}
	req.Conditions, req.Planner = []sow.Condition{{Picture: c.Picture, Mask: c.Head}}, plan.Replay{Recorded: given.Plan}
	whole, err := p.Lay(ctx, req)
	if err != nil {
		return nil, err
	}
	at.Head, at.Withheld = whole.Canvas, whole.Mask
	for i, kept := range given.Mask.Pix {
		if kept >= 128 {
			at.Withheld.Pix[i] = 0
		}
	}
	return at, nil
}

// relatedMass is the mean share of its attention that what grows out of a condition gave it in the cycles, over the sites and steps; NaN if
// nothing was captured of it.
func relatedMass(c *capture.Capture) float64 {
	if c == nil {
		return math.NaN()
	}
	sum, n := 0.0, 0.0
	for _, m := range c.Masses {
		related, of := strings.CutPrefix(m.Query, "related.")
		if condition, is := strings.CutPrefix(m.Key, "condition."); of && is && related == condition && m.Phase == "cycle" {
			sum, n = sum+m.Share, n+1
		}
	}
	return sum / n
}
