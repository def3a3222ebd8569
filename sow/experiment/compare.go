package experiment

import (
	"context"
	"math"

	"github.com/sowgen/sowgen/sow"
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
		cases, err := lab.cases(every, normal)
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
		more("skin_all", "sow", "inpaint", 1)
		more("skin_all", "sow", "cow", 1)
		text := f.gain("probe_text", []string{"sow"}, []string{"text"})
		f.check(text.Mean > -0.03, "text, sow less text only: %s", interval(text))
		f.note("Off seam: how far the boundary gradient ratio is from that of heads in drawn scenes after the VAE, |ln(seam/%v)|. The whole benchmark in all its figures is sowgen eval.", naturalSeam)
		f.show("kept_psnr", "kept_ssim", "seam", "off seam", "grey", "spill", "skin_all", "probe_head", "probe_text", "evaluations")
		f.plot("skin_all", "method", "")
		f.plot("off seam", "method", "")
		f.plot("probe_text", "method", "")
	},
}
