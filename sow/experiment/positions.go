package experiment

import (
	"context"
	"strconv"

	"github.com/sowgen/sowgen/sow/plan"
)

var positions = &Experiment{
	Name:    "positions",
	About:   "The same cases grown with cycles between other nodes: from r to b and back, of 10 steps. The last overwriting is one node below r, at most at node 4.",
	Claim:   "No pair of nodes stands higher than the model's own for certain.",
	factors: []string{"r", "b"}, unit: "case",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(every, normal)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			for _, r := range []int{3, 4, 5, 6, 7} {
				for b := r + 1; b <= min(r+3, 9); b++ {
					params := lab.Pipeline.Defaults
					// Half a node more, so that no rounding of a tenth comes out one node lower.
					params.Steps, params.Replace, params.Back, params.Late = 10, (float64(r)+0.5)/10, (float64(b)+0.5)/10, (float64(min(4, r-1))+0.5)/10
					all = append(all, lab.trial([]string{strconv.Itoa(r), strconv.Itoa(b)}, c, params, plan.Offline{}))
				}
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		f.standing()
		own := []string{strconv.Itoa(int(f.defaults.Replace * 10)), strconv.Itoa(int(f.defaults.Back * 10))}
		best := f.Arms[0]
		for _, a := range f.Arms {
			if a.Means["standing"].Mean > best.Means["standing"].Mean {
				best = a
			}
		}
		if f.arm(own...) == nil {
			f.note("The model's own nodes, r = %s and b = %s, are not on the grid.", own[0], own[1])
		} else {
			gain := f.gain("standing", best.Arm, own)
			f.check(!(gain.Low > 0), "highest: r = %s, b = %s, %s above the model's own r = %s, b = %s", best.Arm[0], best.Arm[1], interval(gain), own[0], own[1])
		}
		f.note("Standing: how a picture compares with the others of its case in each of kept dB, grey left, spill, skin, head and text, in standard deviations, their mean.")
		f.show(append([]string{"standing"}, append(quality, "evaluations")...)...)
		f.plot("standing", "b", "r")
		f.plot("kept_psnr", "b", "r")
		f.plot("probe_text", "b", "r")
	},
}
