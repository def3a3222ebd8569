package experiment

import (
	"context"
	"fmt"
	"image"
	"strings"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

// part is the method without one of its parts, or with one as it is not by default.
type part struct {
	name   string
	change func(*sow.Params)
	stages plan.Stages // that are on
	named  bool        // the text names a side of the picture
	than   string      // the arm that it is compared with
}

const (
	whole      = "all parts"
	wholeNamed = "all parts, a side is named"
)

var partsOff = []part{
	{whole, asItIs, plan.AllStages, false, ""},
	{"no seed initialisation", func(p *sow.Params) { p.Start = sow.StartNoise }, plan.AllStages, false, whole},
	{"no cycles", func(p *sow.Params) { p.Cycles = 0 }, plan.AllStages, false, whole},
	{"no overwriting", func(p *sow.Params) { p.Overwrite = false }, plan.AllStages, false, whole},
	{"no modulation", func(p *sow.Params) { p.TargetMass = 0 }, plan.AllStages, false, whole},
	{"no prompt stage", asItIs, plan.Stages{Place: true, Refine: true}, false, whole},
	{"no refine stage", asItIs, plan.Stages{Prompt: true, Place: true}, false, whole},
	{wholeNamed, asItIs, plan.AllStages, true, ""},
	{"no place stage, a side is named", asItIs, plan.Stages{Prompt: true, Refine: true}, true, wholeNamed},
	{maskedGuidance, func(p *sow.Params) { p.MaskedGuidance = !p.MaskedGuidance }, plan.AllStages, false, whole},
	{lateOverwriting, func(p *sow.Params) { p.LateOverwrite = otherwise(p.LateOverwrite) }, plan.AllStages, false, whole},
}

// What the model's own numbers may have on or off: that the other way is worse is no claim.
const (
	maskedGuidance  = "masked guidance the other way"
	lateOverwriting = "late overwriting the other way"
)

func asItIs(*sow.Params) {}

func otherwise(l sow.LateOverwrite) sow.LateOverwrite {
	if l == sow.Once {
		return sow.Every
	}
	return sow.Once
}

var parts = &Experiment{
	Name: "parts",
	About: "The method without one of its parts at a time. The text does not say what the head looks like; a planner that knows the drawn world stands for a model that sees the condition: " +
		"it adds that (prompt), goes by a side that the text names (place), and says that body and neck take after the face's skin (refine).",
	Claim:   "Without each part the picture is worse in at least one measure for certain.",
	factors: []string{"arm"}, unit: "case",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(every, normal)
		if err != nil {
			return nil, err
		}
		for i, c := range cases {
			for _, p := range partsOff {
				asked := *c
				asked.Prompt = withoutLooks(c.Prompt)
				side := sides[i%len(sides)]
				if p.named {
					asked.Prompt += " " + side
				}
				params := lab.Pipeline.Defaults
				p.change(&params)
				planner := seeing{c.Prompt, skinBox(c), p.stages}
				t := lab.trial([]string{p.name}, &asked, params, planner)
				if p.named {
					t.make = lab.alsoWhere(t.make, &asked, planner, side)
				}
				all = append(all, t)
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		measures := append(append([]string{}, quality...), where)
		var pairs [][2]string
		for _, p := range partsOff {
			if p.than == "" {
				continue
			}
			pairs = append(pairs, [2]string{p.name, p.than})
			worse, better := f.against(p.name, p.than, measures)
			if p.name == maskedGuidance || p.name == lateOverwriting {
				f.note("%s: worse in %s; better in %s.", p.name, listed(worse), listed(better))
			} else {
				f.check(worse != nil, "%s: worse in %s; better in %s", p.name, listed(worse), listed(better))
			}
		}
		f.note("Where: whether the head lies on the side that the text names.")
		f.note("The plot has each arm's figures less those of %q, or of %q where the text names a side, case by case.", whole, wholeNamed)
		f.show(append(measures, "evaluations")...)
		for _, figure := range quality {
			f.plotGains(figure, pairs)
		}
	},
}

// where is the figure that only parts has.
const where = "where"

// against tells in which of the figures one arm is worse, and in which better, than another for certain.
func (f *Findings) against(arm, than string, figures []string) (worse, better []string) {
	for _, figure := range figures {
		sign := 1
		if known, ok := eval.About(figure); ok {
			sign = known.Better
		}
		gain := f.gain(figure, []string{arm}, []string{than})
		text := fmt.Sprintf("%s %s", title(figure), interval(gain))
		switch up := float64(sign) * gain.Mean; {
		case within(gain):
		case up < 0:
			worse = append(worse, text)
		default:
			better = append(better, text)
		}
	}
	return worse, better
}

func listed(figures []string) string {
	if figures == nil {
		return "nothing for certain"
	}
	return strings.Join(figures, "; ")
}

// withoutLooks is a benchmark's text without what it says about the head.
func withoutLooks(prompt string) string {
	before, rest, _ := strings.Cut(prompt, " with ")
	if _, after, ok := strings.Cut(rest, " wearing "); ok {
		return before + " wearing " + after
	}
	return prompt
}

// sides are what a text may name, and the offline planner goes by.
var sides = []string{"on the left", "on the right"}

// alsoWhere adds to the figures whether the condition lies on the side that is named.
func (l *Lab) alsoWhere(make making, c *eval.Case, planner plan.Planner, side string) making {
	return func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
		img, figures, err := make(ctx)
		if err != nil {
			return nil, nil, err
		}
		given, err := l.Pipeline.Lay(ctx, sow.Request{Prompt: c.Prompt, Conditions: []sow.Condition{{Picture: c.Picture, Mask: c.Mask}}, Planner: planner})
		if err != nil {
			return nil, nil, err
		}
		middle := given.Plan.Box[1] + given.Plan.Box[3] // twice the middle, of 1000
		figures[where] = 0
		if side == sides[0] && middle < 1000 || side == sides[1] && middle > 1000 {
			figures[where] = 1
		}
		return img, figures, nil
	}
}

// seeing plans as a model does that sees the condition, in the built-in model's world. What a stage would have decided that is off is as
// [plan.Offline] has it.
type seeing struct {
	Caption string
	Skin    plan.Box // where the face's skin is, in thousandths of the condition
	Stages  plan.Stages
}

// Plan implements [plan.Planner].
func (s seeing) Plan(ctx context.Context, in plan.Input) (plan.Plan, error) {
	text := in.Prompt
	if !s.Stages.Place {
		in.Prompt = "" // names no side
	}
	p, err := plan.Offline{}.Plan(ctx, in)
	if err != nil {
		return p, err
	}
	p.Prompt = text
	if s.Stages.Prompt {
		p.Prompt = s.Caption
	}
	if s.Stages.Refine {
		source := within1000(p.Box, s.Skin)
		for i := range p.Related {
			if label := p.Related[i].Label; label == "body" || label == plan.Neck {
				p.Related[i].Source = &source
			}
		}
	}
	return p, nil
}

// within1000 returns part, which is in thousandths of b, in thousandths of the canvas.
func within1000(b, part plan.Box) plan.Box {
	h, w := b[2]-b[0], b[3]-b[1]
	return plan.Box{b[0] + h*part[0]/1000, b[1] + w*part[1]/1000, b[0] + h*part[2]/1000, b[1] + w*part[3]/1000}
}

// skinBox returns the box around the pixels of a case's head that have its skin's colour.
func skinBox(c *eval.Case) plan.Box {
	b := c.Picture.Bounds()
	r := image.Rectangle{b.Max, b.Min}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			v := c.Picture.NRGBAAt(x, y)
			off := func(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }
			if c.Skin != nil && off(v.R, c.Skin.R)+off(v.G, c.Skin.G)+off(v.B, c.Skin.B) <= 24 {
				r.Min.X, r.Max.X, r.Min.Y, r.Max.Y = min(r.Min.X, x), max(r.Max.X, x+1), min(r.Min.Y, y), max(r.Max.Y, y+1)
			}
		}
	}
	if r.Empty() {
		return plan.Whole
	}
	r = r.Sub(b.Min)
	w, h := b.Dx(), b.Dy()
	return plan.Box{r.Min.Y * 1000 / h, r.Min.X * 1000 / w, r.Max.Y * 1000 / h, r.Max.X * 1000 / w}
}
