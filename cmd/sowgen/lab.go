package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/experiment"
)

// lab is the flags that experiment and eval share: with which model, from which seed and how many at a time pictures are made, and where they go.
type lab struct {
	*app
	model, output string
	seed          uint64
	cases, jobs   int
	json, again   bool
}

// checkShared reports flags that cannot be right; all is what 0 cases stand for.
func (l *lab) checkShared(all string) error {
	switch {
	case l.output == "":
		return wrongFlag("output", `""`, "want a folder")
	case l.cases < 0:
		return wrongFlag("cases", l.cases, fmt.Sprintf("want 0 (%s) or more", all))
	case l.jobs < 0 || l.jobs > maxThreads:
		return wrongFlag("jobs", l.jobs, fmt.Sprintf("want 0 (one for each processor) … %d", maxThreads))
	}
	return nil
}

// open loads the model, for pictures side by side: these keep the processors busier than threads within one, and their numbers do not depend on it.
func (l *lab) open(ctx context.Context, options ...sow.Option) (*experiment.Lab, error) {
	if l.jobs == 0 {
		l.jobs = runtime.GOMAXPROCS(0)
	}
	kernels.SetThreads(max(1, runtime.GOMAXPROCS(0)/l.jobs))
	pipeline, err := unlessDone(ctx, func() (*sow.Pipeline, error) { return sow.Open(l.model, options...) })
	if err != nil {
		return nil, err
	}
	l.kept = fmt.Sprintf("what is finished is kept in %s: the same command goes on from there", l.output)
	return &experiment.Lab{Pipeline: pipeline, Seed: l.seed, Cases: l.cases, Jobs: l.jobs, Again: l.again}, nil
}

// observe makes an experiment in a folder and shows how it goes on, as name.
func (l *lab) observe(ctx context.Context, with *experiment.Lab, e *experiment.Experiment, name, dir string) (*experiment.Report, error) {
	if !l.json {
		show := newProgress(l.stderr, 0)
		defer show.close()
		with.Progress = func(done, total int) {
			show.event(sow.Event{Stage: sow.Stage(name), Done: int64(done), Total: int64(total)})
		}
	}
	return e.Run(ctx, with, dir)
}

// tellClaims writes which parts of the claim hold, and the notes, each on a line that begins with indent.
func tellClaims(b *strings.Builder, r *experiment.Report, indent string) {
	for _, c := range r.Checks {
		holds := "holds"
		if !c.Holds {
			holds = "DOES NOT HOLD"
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, holds, c.Text)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "%s%s\n", indent, n)
	}
}
