package experiment

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
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
	Arm   []string            `json:"arm"`
	Means map[string]Interval `json:"means"`
}

// Interval is a mean and its 95 % bootstrap interval over the units.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	N    int     `json:"n"`
}

// Holds reports whether the claim does, in all its parts.
func (r *Report) Holds() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.Holds })
}

// Figures are the names of what was measured, in alphabetical order.
func (r *Report) Figures() []string {
	names := map[string]bool{}
	for _, a := range r.Arms {
		for name := range a.Means {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Findings are what an experiment is judged by.
type Findings struct {
	*Report
	panels []panel
}

func newFindings(e *Experiment, lab *Lab, observations []Observation) *Findings {
	f := &Findings{Report: &Report{
		Name: e.Name, About: e.About, Claim: e.Claim, Model: lab.Pipeline.Model, Program: sow.Version(), Kernels: kernels.Implementation(), Seed: lab.Seed,
		Factors: e.factors, Unit: e.unit, Observations: observations,
	}}
	for _, o := range observations {
		if f.arm(o.Arm...) == nil {
			f.Arms = append(f.Arms, Arm{Arm: o.Arm, Means: map[string]Interval{}})
		}
	}
	for i := range f.Arms {
		values := map[string][]float64{}
		for _, o := range f.of(f.Arms[i].Arm...) {
			for name, v := range o.Figures {
				values[name] = append(values[name], v)
			}
		}
		for name, v := range values {
			f.Arms[i].Means[name] = bootstrap(v)
		}
	}
	return f
}

// arm returns an arm by its values, nil if there is none.
func (f *Findings) arm(values ...string) *Arm {
	i := slices.IndexFunc(f.Arms, func(a Arm) bool { return slices.Equal(a.Arm, values) })
	if i < 0 {
		return nil
	}
	return &f.Arms[i]
}

// of returns an arm's observations.
func (f *Findings) of(arm ...string) (of []Observation) {
	for _, o := range f.Observations {
		if slices.Equal(o.Arm, arm) {
			of = append(of, o)
		}
	}
	return of
}

// mean returns the mean of a figure in an arm; NaN if it was not measured there.
func (f *Findings) mean(figure string, arm ...string) Interval {
	if a := f.arm(arm...); a != nil {
		if m, ok := a.Means[figure]; ok {
			return m
		}
	}
	return Interval{Mean: math.NaN(), Low: math.NaN(), High: math.NaN()}
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
func (f *Findings) gain(figure string, a, b []string) Interval {
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
	return bootstrap(differences)
}

// check notes a part of the claim. What is compared with NaN does not hold.
func (f *Findings) check(holds bool, format string, args ...any) {
	f.Checks = append(f.Checks, Check{fmt.Sprintf(format, args...), holds})
}

// note adds a sentence to the report.
func (f *Findings) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

// String is the interval as tables have it.
func (i Interval) String() string {
	if math.IsNaN(i.Mean) {
		return "–"
	}
	if i.Low == i.High {
		return number(i.Mean)
	}
	return fmt.Sprintf("%s [%s, %s]", number(i.Mean), number(i.Low), number(i.High))
}

// number prints three or four digits that count.
func number(v float64) string {
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

// bootstrap returns the mean of values with the 95 % percentile interval of the mean over resamples with replacement, the same for the same
// values.
func bootstrap(values []float64) Interval {
	const resamples = 2000
	n := len(values)
	if n == 0 {
		return Interval{Mean: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	average := func(pick func(int) float64) float64 {
		sum := 0.0
		for i := range n {
			sum += pick(i)
		}
		return sum / float64(n)
	}
	random := rand.New(rand.NewPCG(1, uint64(n)))
	means := make([]float64, resamples)
	for i := range means {
		means[i] = average(func(int) float64 { return values[random.IntN(n)] })
	}
	slices.Sort(means)
	return Interval{average(func(i int) float64 { return values[i] }), means[resamples/40], means[resamples-1-resamples/40], n}
}
