package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/sowgen/sowgen/sow/eval"
)

// Observation is a treatment's result.
type Observation struct {
	Arm     []string     `json:"arm"`
	Unit    string       `json:"unit"`
	Repeat  int          `json:"repeat,omitempty"` // which of several pictures of the arm on the unit, from 0
	Picture string       `json:"picture"`          // the file, in the experiment's folder
	Figures eval.Figures `json:"figures"`
	name    string
}

// Run makes what is not there yet of an experiment in the folder dir, judges it and writes the folder. When ctx ends it returns ctx's error,
// wrapped, with what is finished kept for the next run. A claim that does not hold is no error: the report says it.
func (e *Experiment) Run(ctx context.Context, lab *Lab, dir string) (*Report, error) {
	s, err := makeFolders(dir)
	if err != nil {
		return nil, err
	}
	treatments, err := e.design(ctx, lab)
	if err != nil {
		return nil, fmt.Errorf("experiment %s: %w", e.Name, err)
	}
	observations, err := e.observe(ctx, lab, s, treatments)
	if err != nil {
		return nil, fmt.Errorf("experiment %s: %w", e.Name, err)
	}
	f := newFindings(e, lab, observations)
	e.judge(f)
	return f.Report, f.write(dir, s)
}

// observe returns what comes out of every treatment, in their order: what an earlier run has left, and the rest made anew, several at a time.
func (e *Experiment) observe(ctx context.Context, lab *Lab, s *store, treatments []treatment) ([]Observation, error) {
	keys, err := e.keys(lab, treatments)
	if err != nil {
		return nil, err
	}
	called := names(treatments)
	observations := make([]Observation, len(treatments))
	var missing []int
	for i := range treatments {
		t := &treatments[i]
		observations[i] = Observation{Arm: t.arm, Unit: t.unit, Picture: "pictures/" + called[i] + ".png", name: called[i]}
		kept := false
		if !lab.Again {
			observations[i].Figures, kept = s.load(called[i], keys[i])
		}
		if !kept {
			missing = append(missing, i)
		}
	}

	jobs := max(1, lab.Jobs)
	if e.alone {
		jobs = 1
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		mu   sync.Mutex
		done = len(treatments) - len(missing)
		work sync.WaitGroup
		next = make(chan int)
	)
	tell := func(more int) {
		mu.Lock()
		defer mu.Unlock()
		done += more
		if lab.Progress != nil {
			lab.Progress(done, len(treatments))
		}
	}
	tell(0)
	for range jobs {
		work.Go(func() {
			for i := range next {
				t := &treatments[i]
				figures, err := t.observe(ctx, s, called[i], keys[i])
				if err != nil {
					stop(fmt.Errorf("%s: %w", called[i], err))
					continue
				}
				observations[i].Figures = figures
				tell(1)
			}
		})
	}
	for _, i := range missing {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	work.Wait()
	return observations, context.Cause(ctx)
}

// observe makes a treatment's picture, measures it and keeps both.
func (t *treatment) observe(ctx context.Context, s *store, name, key string) (eval.Figures, error) {
	img, figures, err := t.make(ctx)
	if err != nil {
		return nil, err
	}
	if img == nil {
		return nil, errors.New("no picture was made")
	}
	for figure, v := range figures {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(figures, figure)
		}
	}
	return figures, s.save(name, key, img, figures)
}
