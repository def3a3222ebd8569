package experiment

import (
	"context"
	"math"
	"strconv"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
)

// quality are the figures by which settings of one method are compared.
var quality = []string{"kept_psnr", "grey", "spill", "skin_all", "probe_head", "probe_text"}

var cycleNumbers = []int{0, 1, 2, 5, 10, 15, 20}

var cycles = &Experiment{
	Name:    "cycles",
	About:   "The same cases grown in 0 to 20 cycles.",
	Claim:   "The empty canvas fills and the text comes through within 10 cycles, nothing changes for certain after, and the cost is linear in the cycles.",
	factors: []string{"cycles"}, unit: "case",
	design: func(_ context.Context, lab *Lab) ([]treatment, error) {
		cases, err := lab.cases(every, normal)
		if err != nil {
			return nil, err
		}
		var arms []variant
		for _, n := range cycleNumbers {
			arms = append(arms, variant{strconv.Itoa(n), func(p *sow.Params) { p.Cycles = n }})
		}
		return lab.variants(cases, arms), nil
	},
	judge: func(f *Findings) {
		grey, text := f.gain("grey", []string{"10"}, []string{"0"}), f.gain("probe_text", []string{"10"}, []string{"0"})
		f.check(grey.High < 0, "grey left, 10 cycles less none: %s", interval(grey))
		f.check(text.Low > 0, "text, 10 cycles less none: %s", interval(text))
		for _, n := range []string{"15", "20"} {
			for _, figure := range quality {
				after := f.gain(figure, []string{n}, []string{"10"})
				f.check(within(after), "flat after 10: %s, %s cycles less 10: %s", title(figure), n, interval(after))
			}
		}
		for _, n := range []string{"1", "5"} {
			for _, figure := range quality {
				if before := f.gain(figure, []string{"10"}, []string{n}); !within(before) {
					f.note("Not flat yet at %s: %s, 10 cycles less %s: %s.", n, title(figure), n, interval(before))
				}
			}
		}
		cost := func(n string) float64 { return f.mean("evaluations", n).Mean }
		f.check(math.Abs(cost("20")-2*cost("10")+cost("0")) < 1e-6, "evaluations: %s, %s, %s for 0, 10, 20 cycles", number(cost("0")), number(cost("10")), number(cost("20")))
		f.show(append(quality, "evaluations")...)
		f.plot("grey", "cycles", "")
		f.plot("probe_text", "cycles", "")
		f.plot("skin_all", "cycles", "")
	},
}

// within reports whether a difference is not to be told from none; of a single case it never is.
func within(i eval.Interval) bool { return i.N < 2 || i.Low <= 0 && i.High >= 0 }

// standing adds the figure "standing" to the observations: how a picture compares with its case's other pictures, in standard deviations of
// each figure of quality over all pictures, the mean over those figures.
func (f *Findings) standing() {
	sign, spread, average := map[string]float64{}, map[string]float64{}, map[string]map[string]float64{}
	for _, name := range quality {
		known, _ := eval.About(name)
		sign[name] = float64(known.Better)
		var all []float64
		units := map[string][]float64{}
		for _, o := range f.Observations {
			if v, ok := o.Figures[name]; ok {
				all, units[o.Unit] = append(all, v), append(units[o.Unit], v)
			}
		}
		average[name] = map[string]float64{}
		for unit, values := range units {
			average[name][unit], _ = moments(values)
		}
		_, spread[name] = moments(all)
	}
	f.derive("standing", func(o *Observation) float64 {
		sum, n := 0.0, 0.0
		for _, name := range quality {
			if v, ok := o.Figures[name]; ok && spread[name] > 0 {
				sum, n = sum+sign[name]*(v-average[name][o.Unit])/spread[name], n+1
			}
		}
		return sum / n
	})
}

// moments returns the mean and the standard deviation of values.
func moments(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean) / n
	}
	return mean, math.Sqrt(deviation)
}
