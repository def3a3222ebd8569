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

// observe returns what comes out of every treatment, in their order, several at a time.
func (e *Experiment) observe(ctx context.Context, lab *Lab, s *store, treatments []treatment) ([]Observation, error) {
	from, err := lab.origin()
	if err != nil {
		return nil, err
	}
	observations := make([]Observation, len(treatments))
	jobs := max(1, lab.Jobs)
	if e.alone {
		jobs = 1
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		mu   sync.Mutex
		done int
		work sync.WaitGroup
		next = make(chan int)
	)
	told := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		if lab.Progress != nil {
			lab.Progress(done, len(treatments))
		}
	}
	for range jobs {
		work.Go(func() {
			for i := range next {
				t := &treatments[i]
				figures, err := e.observeOne(ctx, lab, s, from, t)
				if err != nil {
					stop(fmt.Errorf("%s: %w", t.name(), err))
					continue
				}
				observations[i] = Observation{Arm: t.arm, Unit: t.unit, Repeat: t.repeat, Picture: "pictures/" + t.name() + ".png", Figures: figures, name: t.name()}
				told()
			}
		})
	}
	for i := range treatments {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	work.Wait()
	return observations, context.Cause(ctx)
}

// observeOne returns the figures of a treatment: those that an earlier run has left, or new ones.
func (e *Experiment) observeOne(ctx context.Context, lab *Lab, s *store, from *origin, t *treatment) (eval.Figures, error) {
	key, err := from.key(e, t)
	if err != nil {
		return nil, err
	}
	if !lab.Again {
		if figures, ok := s.load(t.name(), key); ok {
			return figures, nil
		}
	}
	img, figures, err := t.make(ctx)
	if err != nil {
		return nil, err
	}
	if img == nil {
		return nil, errors.New("no picture was made")
	}
	for name, v := range figures {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(figures, name)
		}
	}
	return figures, s.save(t.name(), key, img, figures)
}
