package experiment

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
)

// Report is what came out of an experiment.
type Report struct {
	Name         string        `json:"name"`
	About        string        `json:"about"`
	Claim        string        `json:"claim"`
	Checks       []Check       `json:"checks"`
	Notes        []string      `json:"notes,omitempty"`
	Model        string        `json:"model"`
	Program      string        `json:"program"` // the version of sowgen
	Kernels      string        `json:"kernels"`
	Seed         uint64        `json:"seed"`
	Cases        int           `json:"cases,omitempty"` // as asked for; 0: as many as the experiment is sized for
	Factors      []string      `json:"factors"`
	Unit         string        `json:"unit"`
	Arms         []Arm         `json:"arms"`
	Observations []Observation `json:"observations"`
	Table        Table         `json:"-"` // the means as people read them
}

// Check is a part of the claim, with its figures, and whether it holds.
type Check struct {
	Text  string `json:"text"`
	Holds bool   `json:"holds"`
}

// Arm is the mean of each figure over an arm's units.
type Arm struct {
	Arm   []string                 `json:"arm"`
	Means map[string]eval.Interval `json:"means"`
}

// Holds reports whether the claim does, in all its parts.
func (r *Report) Holds() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.Holds })
}

// Figures are the names of what was measured: those of package eval in its order, then the experiment's own.
func (r *Report) Figures() (known []string) {
	names := map[string]bool{}
	for _, a := range r.Arms {
		for name := range a.Means {
			names[name] = true
		}
	}
	for _, f := range eval.Known {
		if names[f.Name] {
			known = append(known, f.Name)
			delete(names, f.Name)
		}
	}
	return append(known, slices.Sorted(maps.Keys(names))...)
}

// Findings are what an experiment is judged by.
type Findings struct {
	*Report
	defaults sow.Params // the model's own
	panels   []panel
	shown    []string // the figures of the table; nil: all
}

func newFindings(e *Experiment, lab *Lab, observations []Observation) *Findings {
	f := &Findings{defaults: lab.Pipeline.Defaults, Report: &Report{
		Name: e.Name, About: e.About, Claim: e.Claim, Model: lab.Pipeline.Model, Program: sow.Version(), Kernels: kernels.Implementation(), Seed: lab.Seed, Cases: lab.Cases,
		Factors: e.factors, Unit: e.unit, Observations: observations,
	}}
	for _, o := range observations {
		if f.arm(o.Arm...) == nil {
			f.Arms = append(f.Arms, Arm{Arm: o.Arm, Means: map[string]eval.Interval{}})
		}
	}
	f.average()
	return f
}

// average takes the means of all figures.
func (f *Findings) average() {
	for i := range f.Arms {
		values := map[string][]float64{}
		for _, o := range f.of(f.Arms[i].Arm...) {
			for name, v := range o.Figures {
				values[name] = append(values[name], v)
			}
		}
		for name, v := range values {
			f.Arms[i].Means[name] = eval.Bootstrap(v)
		}
	}
}

// arm returns an arm by its values, nil if there is none.
func (f *Findings) arm(values ...string) *Arm {
	i := slices.IndexFunc(f.Arms, func(a Arm) bool { return slices.Equal(a.Arm, values) })
	if i < 0 {
		return nil
	}
	return &f.Arms[i]
}

// of returns an arm's observations, one for each unit ([perUnit]).
func (f *Findings) of(arm ...string) (of []Observation) {
	for _, o := range f.Observations {
		if slices.Equal(o.Arm, arm) {
			of = append(of, o)
		}
	}
	return perUnit(of)
}

// perUnit returns observations with those of one arm on one unit made one: of each figure the mean over the pictures on which it was measured. For
// intervals units are drawn, not pictures: those of one unit resemble each other.
func perUnit(all []Observation) (merged []Observation) {
	at := map[string]int{} // of an arm and unit in merged
	var counts []map[string]float64
	for _, o := range all {
		key := strings.Join(append(slices.Clone(o.Arm), o.Unit), "\x00")
		i, there := at[key]
		if !there {
			i, at[key] = len(merged), len(merged)
			merged, counts = append(merged, Observation{Arm: o.Arm, Unit: o.Unit, Figures: eval.Figures{}}), append(counts, map[string]float64{})
		}
		for name, v := range o.Figures {
			n := counts[i][name]
			merged[i].Figures[name] = (merged[i].Figures[name]*n + v) / (n + 1)
			counts[i][name]++
		}
	}
	return merged
}

// mean returns the mean of a figure in an arm; NaN if it was not measured there.
func (f *Findings) mean(figure string, arm ...string) eval.Interval {
	if a := f.arm(arm...); a != nil {
		if m, ok := a.Means[figure]; ok {
			return m
		}
	}
	return eval.Interval{Mean: math.NaN(), Low: math.NaN(), High: math.NaN()}
}

// value returns a figure of one observation, NaN if there is none.
func (f *Findings) value(figure, unit string, arm ...string) float64 {
	for _, o := range f.of(arm...) {
		if v, ok := o.Figures[figure]; ok && o.Unit == unit {
			return v
		}
	}
	return math.NaN()
}

// gain returns how much larger a figure is in arm a than in arm b: the mean of the differences over the units that both have.
func (f *Findings) gain(figure string, a, b []string) eval.Interval {
	var differences []float64
	for _, o := range f.of(a...) {
		for _, p := range f.of(b...) {
			x, okX := o.Figures[figure]
			y, okY := p.Figures[figure]
			if o.Unit == p.Unit && okX && okY {
				differences = append(differences, x-y)
			}
		}
	}
	return eval.Bootstrap(differences)
}

// derive adds a figure that is reckoned from those of each observation.
func (f *Findings) derive(name string, from func(o *Observation) float64) {
	for i := range f.Observations {
		if v := from(&f.Observations[i]); !math.IsNaN(v) {
			f.Observations[i].Figures[name] = v
		}
	}
	f.average()
}

// check notes a part of the claim. What is compared with NaN does not hold.
func (f *Findings) check(holds bool, format string, args ...any) {
	f.Checks = append(f.Checks, Check{fmt.Sprintf(format, args...), holds})
}

// note adds a sentence to the report.
func (f *Findings) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

// title is what tables and plots call a figure.
func title(figure string) string {
	if known, ok := eval.About(figure); ok {
		return known.Title
	}
	return figure
}

// interval prints a mean and its interval.
func interval(i eval.Interval) string {
	if math.IsNaN(i.Mean) {
		return "–"
	}
	if i.Low == i.High {
		return number(i.Mean)
	}
	return fmt.Sprintf("%s [%s, %s]", number(i.Mean), number(i.Low), number(i.High))
}

// show chooses the figures of the table and their order.
func (f *Findings) show(figures ...string) { f.shown = figures }

// number prints three or four digits that count.
func number(v float64) string {
	v = math.Round(v*1e4) / 1e4 // sums of thirds are whole again
	switch a := math.Abs(v); {
	case a == math.Trunc(a) && a < 1e6:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return strings.Replace(fmt.Sprintf("%.3f", v), "0.", ".", 1)
}
