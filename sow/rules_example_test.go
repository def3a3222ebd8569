package sow_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
)

// The body takes exactly two fifths of its attention from the middle of the face and nothing from the rest of the face, in every cycle and at every
// attention above the smallest grid; the rest of what the network wants to see it still sees. Nothing is trained for it and no mask is made.
func Example_rules() {
	p, err := sow.Open("builtin")
	if err != nil {
		log.Fatal(err)
	}
	face, err := picture.Read("../examples/face.png")
	if err != nil {
		log.Fatal(err)
	}
	middle := rules.Box(plan.Box{200, 400, 400, 600})
	params, watched := p.Defaults, capture.Capture{}
	params.Rules = &rules.Program{Rules: []rules.Rule{
		{Query: rules.Related, Key: rules.Condition, Block: true},
		{Query: rules.Related, Key: middle, Target: 0.4},
	}}
	if _, err := p.Generate(context.Background(), sow.Request{
		Prompt: "a girl with a red hat in a snowy forest", Conditions: []sow.Condition{{Picture: face}}, Params: &params,
		Planner: plan.Offline{}, Capture: &watched,
	}); err != nil {
		log.Fatal(err)
	}

	sites, least, most := map[string]bool{}, 1.0, 0.0
	for _, m := range watched.Masses {
		if m.Phase == "cycle" && m.Height > 4 && m.Query == "related.1" && m.Key == "condition.1" {
			sites[m.Site] = true
			least, most = min(least, m.Share), max(most, m.Share)
		}
	}
	fmt.Printf("at %d attentions, in every cycle: %.4f … %.4f\n", len(sites), least, most)
	// Output: at 6 attentions, in every cycle: 0.4000 … 0.4000
}
