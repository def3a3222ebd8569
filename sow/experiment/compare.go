package experiment

import (
	"context"
	"math"
	"strings"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

var compared = []sow.Method{sow.Text, sow.Paste, sow.Inpaint, sow.COW, sow.SOW}

// naturalSeam is the boundary gradient ratio of heads in pictures of the built-in world after the VAE: what a border looks like that is none.
const naturalSeam = 5.5

var compare = &Experiment{
	Name:    "compare",
	About:   "The same cases by text only, naive paste, masked-latent inpainting, COW and SOW, with the same weights.",
	Claim:   "SOW keeps the face that text only does not have, has less of a seam than a paste, and what grows takes after the face more than with inpainting and COW; it follows the text within 3 points of text only.",
	factors: []string{"method"}, unit: "case",
	design: func(_ context.Context, lab *Lab) ([]treatment, error) {
		cases, err := lab.cases(30)
		if err != nil {
			return nil, err
		}
		var arms []variant
		for _, m := range compared {
			arms = append(arms, variant{string(m), func(p *sow.Params) { *p = p.As(m) }})
		}
		return lab.variants(cases, arms), nil
	},
	judge: func(f *Findings) {
		f.derive("off seam", func(o *Observation) float64 { return math.Abs(math.Log(o.Figures["seam"] / naturalSeam)) })
		more := func(figure, a, b string, times float64) {
			gain := f.gain(figure, []string{a}, []string{b})
			f.check(times*gain.Mean > 0 && !within(gain), "%s, %s less %s: %s", title(figure), a, b, interval(gain))
		}
		more("kept_psnr", "sow", "text", 1)
		more("off seam", "sow", "paste", -1)
		more("skin", "sow", "inpaint", 1)
		more("skin", "sow", "cow", 1)
		text := f.gain("probe_text", []string{"sow"}, []string{"text"})
		f.check(text.Mean > -0.03, "text, sow less text only: %s", interval(text))
		f.note("Off seam: how far the boundary gradient ratio is from that of heads in drawn scenes after the VAE, |ln(seam/%v)|. The whole benchmark in all its figures is sowgen eval.", naturalSeam)
		f.show("kept_psnr", "kept_ssim", "seam", "off seam", "grey", "spill", "skin", "probe_head", "probe_text", "evaluations")
		f.plot("skin", "method", "")
		f.plot("off seam", "method", "")
		f.plot("probe_text", "method", "")
	},
}

var tasks = &Experiment{
	Name:    "tasks",
	About:   "The same heads with a text of each scenario: one that agrees with the head, one that wants something about it otherwise, and one that wants another style.",
	Claim:   "COW and SOW follow the text in each scenario to within 5 points of text only, and keep the head.",
	factors: []string{"scenario", "method"}, unit: "head",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(24)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			for _, m := range []sow.Method{sow.Text, sow.COW, sow.SOW} {
				t := lab.trial([]string{c.Scenario, string(m)}, c, lab.Pipeline.Defaults.As(m), plan.Offline{})
				t.unit, _, _ = strings.Cut(c.Name, "-")
				all = append(all, t)
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		for _, s := range eval.Scenarios {
			for _, m := range []string{"cow", "sow"} {
				text, kept := f.gain("probe_text", []string{s, m}, []string{s, "text"}), f.gain("kept_psnr", []string{s, m}, []string{s, "text"})
				f.check(text.Mean > -0.05 && kept.Low > 0, "%s, %s less text only: text %s, kept %s dB", s, m, interval(text), interval(kept))
			}
		}
		f.show("kept_psnr", "skin", "probe_head", "probe_text", "probe_text_style")
		f.plot("probe_text", "scenario", "method")
		f.plot("kept_psnr", "scenario", "method")
	},
}
