package experiment

import (
	"context"
	"image"
	"slices"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
)

// Experiment is a row of docs/method.md §4.
type Experiment struct {
	Name  string
	About string // what is done
	Claim string // what must come out

	factors []string // what sets its arms apart
	unit    string   // what is repeated in every arm: "case", "layout", …
	alone   bool     // one picture after the other: it measures time
	design  func(ctx context.Context, lab *Lab) ([]treatment, error)
	judge   func(f *Findings)
}

// treatment is a picture to be made and measured: one arm of an experiment on one unit.
type treatment struct {
	arm    []string // a value for each factor
	unit   string
	repeat int // which of several pictures of the arm on the unit, from 0
	from   any // whatever decides what comes out, beside the model, the version and the seed; as JSON it is part of what the result is known by
	make   making
}

// making makes a picture and measures it.
type making func(ctx context.Context) (*image.NRGBA, eval.Figures, error)

// Lab is what experiments are made with.
type Lab struct {
	Pipeline *sow.Pipeline
	Judge    *eval.Judge
	Seed     uint64
	Cases    int  // how many of the benchmark's cases; 0: as many as each experiment is sized for
	Seeds    int  // how many pictures of each case an evaluation makes, each with a seed of its own; 0: one
	Jobs     int  // pictures at once
	Again    bool // make what an earlier run has left anew
	// Progress is told how many of an experiment's pictures there are already, one call at a time and the first before any is made; may be nil.
	Progress func(done, total int)
}

// All are the experiments, in the order of docs/method.md.
func All() []*Experiment {
	return []*Experiment{didBase, didEnhance, didSuppress, halfHead, invertRoundTrip, cycles, positions, parts, eta, tasks, compare, cost, attentionMap}
}

// Find returns the experiment of that name, nil if there is none.
func Find(name string) *Experiment {
	all := All()
	if i := slices.IndexFunc(all, func(e *Experiment) bool { return e.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}
