package sow_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

func Example() {
	p, err := sow.Open("builtin")
	if err != nil {
		log.Fatal(err)
	}
	face, err := picture.Read("../examples/face.png")
	if err != nil {
		log.Fatal(err)
	}
	r, err := p.Generate(context.Background(), sow.Request{
		Prompt:     "a girl with a red hat in a snowy forest",
		Conditions: []sow.Condition{{Picture: face}},
		Planner:    plan.Offline{},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Image.Bounds().Size(), len(r.Plan.Related), r.Report.Kept.After > 15)
	// Output: (128,128) 3 true
}
