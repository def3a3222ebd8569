package experiment

import (
	"context"
	"fmt"

	"github.com/sowgen/sowgen/sow/plan"
)

var eta = &Experiment{
	Name:    "eta",
	About:   "The same cases grown with fresh noise in each step of the cycles (eta 1) and without (eta 0), in 1 to 10 cycles.",
	Claim:   "Without fresh noise the picture grows slower.",
	factors: []string{"eta", "cycles"}, unit: "case",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(every, normal)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			for _, fresh := range []float64{0, 1} {
				for _, n := range []int{1, 2, 5, 10} {
					params := lab.Pipeline.Defaults
					params.EtaCycle, params.Cycles = fresh, n
					all = append(all, lab.trial([]string{fmt.Sprint(fresh), fmt.Sprint(n)}, c, params, plan.Offline{}))
				}
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		for _, n := range []string{"2", "5"} {
			grey, text := f.gain("grey", []string{"0", n}, []string{"1", n}), f.gain("probe_text", []string{"0", n}, []string{"1", n})
			f.check(grey.Low > 0, "after %s cycles more grey is left at eta 0: by %s", n, interval(grey))
			f.check(text.High < 0, "after %s cycles less of the text is there at eta 0: by %s", n, interval(text))
		}
		first := func(figure string) string { return interval(f.gain(figure, []string{"0", "1"}, []string{"1", "1"})) }
		f.note("After the first cycle, eta 0 less eta 1: grey left %s, text %s, kept %s dB.", first("grey"), first("probe_text"), first("kept_psnr"))
		f.show(quality...)
		f.plot("grey", "cycles", "eta")
		f.plot("probe_text", "cycles", "eta")
	},
}
