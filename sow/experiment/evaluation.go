package experiment

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

// Evaluation is the experiment of every method on every case, with the model's parameters for the case's task. It is not among [All]: its cases are the
// user's, or the benchmark's.
func Evaluation(cases []*eval.Case, methods []sow.Method, judge *eval.Judge) *Experiment {
	return &Experiment{
		Name:    "evaluation",
		About:   fmt.Sprintf("Each of %s makes a picture of each case, with the same weights, place and seed.", count(len(methods), "method", "methods")),
		Claim:   "Where the condition is to be kept (scenario normal), consistency and blending taken together: SOW at least COW, COW at least inpainting, both more than text only and naive paste, SOW and inpainting apart; SOW follows the text within 3 points of text only. Faces are found in all of SOW's pictures.",
		factors: []string{"method"}, unit: "case",
		design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
			chosen := cases
			if lab.Cases > 0 {
				chosen = cases[:min(lab.Cases, len(cases))]
			}
			measure, err := measuredWith(judge)
			if err != nil {
				return nil, err
			}
			for _, c := range chosen {
				for _, m := range methods {
					for i := range max(1, lab.Seeds) {
						t := &Trial{
							Case: c, Params: lab.Pipeline.For(plan.Task(c.Scenario)).As(m), Planner: plan.Offline{},
							Seed: lab.Seed + c.Seed + SeedsApart*uint64(i), Masses: m.Cyclic(),
						}
						all = append(all, treatment{
							arm: []string{string(m)}, unit: c.Name, repeat: i, from: []any{c, t.Params, t.Seed, "offline", measure},
							make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
								return t.Run(ctx, lab.Pipeline, judge)
							},
						})
					}
				}
			}
			return all, nil
		},
		judge: func(f *Findings) {
			f.compareMethods(Summaries(f.Report, cases))
			if judge.CLIP != nil {
				f.note("Text agreement (CLIP) is 100·max(cos, 0) by the CLIP in %s: CLIPScore as torchmetrics has it.", judge.CLIP.Name)
			}
			f.note("The paper has, by votes of users among methods and on other weights, 55.00 %% for condition consistency and 52.83 %% for general fidelity; faces detected in 100 %%, 5 s per picture. These figures are no votes.")
		},
	}
}

// SeedsApart is how far apart the seeds of one case are in an evaluation that makes several pictures of it.
const SeedsApart = 5000

// measuredWith is what a judge's figures depend on beside the program: the digest of its CLIP's files.
func measuredWith(judge *eval.Judge) (string, error) {
	if judge.CLIP == nil {
		return "", nil
	}
	return digestFiles(judge.CLIP.Files)
}

// Summary is the means over the cases of a scenario, or over all.
type Summary struct {
	Scenario string                              `json:"scenario"` // "" is all
	Cases    int                                 `json:"cases"`
	Methods  []string                            `json:"methods"`
	Figures  []eval.Figure                       `json:"-"`     // those that were measured, in the order of tables
	Means    map[string]map[string]eval.Interval `json:"means"` // of each figure, for each method that it was measured for
	units    map[string]bool                     // the names of the cases
}

// Summaries returns the means of an evaluation: over all cases, then of each scenario that has some.
func Summaries(r *Report, cases []*eval.Case) (all []Summary) {
	scenarioOf := map[string]string{}
	for _, c := range cases {
		scenarioOf[c.Name] = c.Scenario
	}
	for _, scenario := range append([]string{""}, eval.Scenarios...) {
		s := Summary{Scenario: scenario, Means: map[string]map[string]eval.Interval{}, units: map[string]bool{}}
		values := map[string]map[string][]float64{} // by figure and method
		for _, o := range perUnit(r.Observations) {
			if scenario != "" && scenarioOf[o.Unit] != scenario {
				continue
			}
			s.units[o.Unit] = true
			if !slices.Contains(s.Methods, o.Arm[0]) {
				s.Methods = append(s.Methods, o.Arm[0])
			}
			for name, v := range o.Figures {
				if values[name] == nil {
					values[name] = map[string][]float64{}
				}
				values[name][o.Arm[0]] = append(values[name][o.Arm[0]], v)
			}
		}
		if s.Cases = len(s.units); s.Cases == 0 {
			continue
		}
		for _, figure := range eval.Known {
			byMethod, measured := values[figure.Name]
			if !measured {
				continue
			}
			s.Figures = append(s.Figures, figure)
			s.Means[figure.Name] = map[string]eval.Interval{}
			for m, v := range byMethod {
				s.Means[figure.Name][m] = eval.Bootstrap(v)
			}
		}
		all = append(all, s)
	}
	return all
}

// Mean returns the mean of a figure for a method; NaN if there is none.
func (s *Summary) Mean(figure string, method sow.Method) eval.Interval {
	if mean, ok := s.Means[figure][string(method)]; ok {
		return mean
	}
	return eval.Bootstrap(nil)
}

// Cell is the mean of a figure for a method as tables have it.
func (s *Summary) Cell(figure, method string) string {
	return interval(s.Mean(figure, sow.Method(method)))
}

// compareMethods holds the methods that there are against the claim. What was not measured is not claimed.
func (f *Findings) compareMethods(summaries []Summary) {
	for _, s := range summaries {
		switch s.Scenario {
		case "":
			f.facesFound(&s)
		case "normal":
			f.keptAndBlended(&s)
			f.textFollowed(&s, "clip_text", 3)
			f.textFollowed(&s, "probe_text", 0.03)
		}
	}
}

// textFollowed checks that SOW follows the text within 3 points of text only, by one of the figures.
func (f *Findings) textFollowed(s *Summary, figure string, points float64) {
	if x, y := s.Mean(figure, sow.SOW), s.Mean(figure, sow.Text); x.N > 0 && y.N > 0 {
		f.check(x.Mean > y.Mean-points, "%s: sow %s within %s of text %s; the difference, case by case, is %s",
			title(figure), interval(x), number(points), interval(y), interval(f.gainWithin(s, figure, sow.SOW, sow.Text)))
	}
}

// facesFound checks that the detector, and the probe, find every face.
func (f *Findings) facesFound(s *Summary) {
	for _, figure := range []string{"face", "probe_person"} {
		if x := s.Mean(figure, sow.SOW); x.N > 0 {
			known, _ := eval.About(figure)
			f.check(x.Mean == 1, "%s in %s %% of sow's pictures", known.Title, number(100*x.Mean))
		}
	}
}

// keptAndBlended checks the order of the methods in consistency and blending taken together, where no skin is seen counting as blended, and as not.
func (f *Findings) keptAndBlended(s *Summary) {
	for _, figure := range []string{"together", "together_all"} {
		known, _ := eval.About(figure)
		for _, pair := range []struct {
			more, less sow.Method
			sign       string
		}{
			{sow.SOW, sow.COW, "≥"}, {sow.COW, sow.Inpaint, "≥"}, {sow.SOW, sow.Inpaint, "≥"}, {sow.SOW, sow.Text, ">"}, {sow.SOW, sow.Paste, ">"}, {sow.COW, sow.Text, ">"}, {sow.COW, sow.Paste, ">"},
		} {
			x, y := s.Mean(figure, pair.more), s.Mean(figure, pair.less)
			if x.N == 0 || y.N == 0 {
				continue
			}
			f.check(x.Mean > y.Mean || pair.sign == "≥" && x.Mean == y.Mean, "%s: %s %s %s %s %s; the difference, case by case, is %s",
				known.Title, pair.more, interval(x), pair.sign, pair.less, interval(y), interval(f.gainWithin(s, figure, pair.more, pair.less)))
		}
		if x, y := s.Mean(figure, sow.SOW), s.Mean(figure, sow.Inpaint); x.N > 0 && y.N > 0 {
			f.check(x.Low > y.High, "%s: the intervals of sow %s and inpaint %s do not overlap", known.Title, interval(x), interval(y))
		}
	}
}

// gainWithin is how much larger a figure is for one method than for another, case by case, of those of a summary.
func (f *Findings) gainWithin(s *Summary, figure string, a, b sow.Method) eval.Interval {
	other := map[string]float64{}
	for _, o := range f.of(string(b)) {
		if v, ok := o.Figures[figure]; ok {
			other[o.Unit] = v
		}
	}
	var differences []float64
	for _, o := range f.of(string(a)) {
		x, measured := o.Figures[figure]
		if y, both := other[o.Unit]; measured && both && s.units[o.Unit] {
			differences = append(differences, x-y)
		}
	}
	return eval.Bootstrap(differences)
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
