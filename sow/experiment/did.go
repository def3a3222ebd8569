package experiment

import (
	"context"
	"image"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
)

// Diffusion in diffusion is COW's first experiment (§3.1): halves of a white and a grey picture, each on its own way to noise, meet at a node and
// go back to a picture as one. The later (noisier) the node, the more they have become one.

var didBase = &Experiment{
	Name:    "did-base",
	About:   "A white and a grey picture are inverted to a node, half of each is put together, and the whole is sampled back, without prompt or guidance, in 20 steps.",
	Claim:   "The later the node at which the halves meet, the less contrast is left between them.",
	factors: []string{"node"}, unit: "layout",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		h := newHalves(lab)
		for _, layout := range layouts {
			for _, node := range meetings {
				all = append(all, treatment{
					arm: []string{strconv.Itoa(node)}, unit: layout.name, from: meetingSteps,
					make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
						img, err := h.meet(ctx, layout, node, nil)
						if err != nil {
							return nil, nil, err
						}
						white, grey := luminance(img, layout.white), luminance(img, layout.grey())
						return img, eval.Figures{"contrast": math.Abs(white - grey)}, nil
					},
				})
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		contrast := func(node int) float64 { return f.mean("contrast", strconv.Itoa(node)).Mean }
		first, last := contrast(meetings[0]), contrast(meetings[len(meetings)-1])
		rank := rankCorrelation(meetings, contrast)
		f.check(rank < -0.9, "contrast falls with the node: rank correlation %s", number(rank))
		f.check(last < 0.75*first, "merging late mixes the halves: contrast %s at node %d, %s at node %d", number(last), meetings[len(meetings)-1], number(first), meetings[0])
		f.plot("contrast", "node", "")
	},
}

var didEnhance = regionsMeet("did-enhance", "enhanced", "reads the opposite corner, grey, as strongly as anything (enhance 1)", "The corner that reads the grey one darkens.",
	func(corner, opposite rules.Region) rules.Rule {
		return rules.Rule{Query: corner, Key: opposite, Enhance: 1, Phases: []rules.Phase{rules.Final}}
	},
	func(enhanced, none float64) bool { return enhanced < none })

var didSuppress = regionsMeet("did-suppress", "cut off", "reads nothing but itself", "The corner that is cut off from the rest does not darken.",
	func(corner, _ rules.Region) rules.Rule {
		return rules.Rule{Query: corner, Key: rules.Complement(corner), Block: true, Phases: []rules.Phase{rules.Final}}
	},
	func(cut, none float64) bool { return cut >= none })

// lateMeetings are the nodes at which rules are judged: earlier ones leave the halves as they are. It is done on the project page's layout; what
// becomes of a corner in the others has more to do with what the model expects there.
var lateMeetings = []string{"16", "20"}

const projectPage = "white above"

// regionsMeet is an experiment on halves of which a corner of the white one goes by a rule.
func regionsMeet(name, arm, does, claim string, rule func(corner, opposite rules.Region) rules.Rule, wanted func(ruled, none float64) bool) *Experiment {
	return &Experiment{
		Name:    name,
		About:   "As did-base, but on the way back a corner of the white half " + does + ".",
		Claim:   claim,
		factors: []string{"rule", "node"}, unit: "layout",
		design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
			h := newHalves(lab)
			for _, layout := range layouts {
				for _, ruled := range []string{arm, "none"} {
					for _, node := range meetings {
						var program *rules.Program
						if ruled == arm {
							program = &rules.Program{Rules: []rules.Rule{rule(rules.Box(layout.corner), rules.Box(layout.opposite()))}}
						}
						all = append(all, treatment{
							arm: []string{ruled, strconv.Itoa(node)}, unit: layout.name, from: []any{meetingSteps, program},
							make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
								img, err := h.meet(ctx, layout, node, program)
								if err != nil {
									return nil, nil, err
								}
								return img, eval.Figures{"luminance": luminance(img, layout.corner)}, nil
							},
						})
					}
				}
			}
			return all, nil
		},
		judge: func(f *Findings) {
			for _, node := range lateMeetings {
				ruled, none := f.value("luminance", projectPage, arm, node), f.value("luminance", projectPage, "none", node)
				f.check(wanted(ruled, none), "%s, merged at node %s: luminance of the upper right %s %s, none %s", projectPage, node, arm, number(ruled), number(none))
				f.note("All four layouts, merged at node %s: %s less none is %s.", node, arm, interval(f.gain("luminance", []string{arm, node}, []string{"none", node})))
			}
			f.plot("luminance", "node", "rule")
		},
	}
}

// layout says which half of the canvas is white, and which corner of that half goes by a rule, in thousandths.
type layout struct {
	name          string
	white, corner plan.Box
}

var layouts = []layout{
	{projectPage, plan.Box{0, 0, 500, 1000}, plan.Box{0, 500, 500, 1000}},
	{"white below", plan.Box{500, 0, 1000, 1000}, plan.Box{500, 0, 1000, 500}},
	{"white left", plan.Box{0, 0, 1000, 500}, plan.Box{0, 0, 500, 500}},
	{"white right", plan.Box{0, 500, 1000, 1000}, plan.Box{500, 500, 1000, 1000}},
}

// grey is the other half.
func (l layout) grey() plan.Box { return turned(l.white) }

// opposite is the corner of the grey half across the middle from l.corner.
func (l layout) opposite() plan.Box { return turned(l.corner) }

// turned is a box after half a turn of the canvas.
func turned(b plan.Box) plan.Box { return plan.Box{1000 - b[2], 1000 - b[3], 1000 - b[0], 1000 - b[1]} }

// The nodes at which halves meet, and of how many.
const meetingSteps = 20

var meetings = []int{2, 4, 6, 8, 10, 12, 14, 16, 18, 20}

// halves are a white and a grey picture at every node, inverted when they are first needed.
type halves struct {
	lab      *Lab
	inverted func() ([2][]*tensor.Tensor, error)
}

func newHalves(lab *Lab) *halves {
	h := &halves{lab: lab}
	h.inverted = sync.OnceValues(func() (nodes [2][]*tensor.Tensor, err error) {
		ctx := context.Background() // what one treatment has begun, others wait for
		d, err := h.walk(ctx)
		if err != nil {
			return nodes, err
		}
		defer d.Close()
		for i, value := range []uint8{255, 128} {
			p := &lab.Pipeline.Defaults
			img := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
			img.Pix = slices.Repeat([]uint8{value, value, value, 255}, p.Width*p.Height)
			x, err := d.Encode(ctx, img)
			if err != nil {
				return nodes, err
			}
			if nodes[i], err = d.Invert(ctx, x, meetingSteps); err != nil {
				return nodes, err
			}
		}
		return nodes, nil
	})
	return h
}

func (h *halves) walk(ctx context.Context) (*sow.Diffusion, error) {
	return h.lab.Pipeline.Diffusion(ctx, meetingSteps, sampler.Aligned, "", 1)
}

// meet puts the halves together at a node and samples the whole back.
func (h *halves) meet(ctx context.Context, l layout, node int, program *rules.Program) (*image.NRGBA, error) {
	nodes, err := h.inverted()
	if err != nil {
		return nil, err
	}
	white, grey := nodes[0][node], nodes[1][node]
	s := white.Shape()
	mask := tensor.New(1, s[1], s[2], 1)
	for i := range tensor.Floats(mask) {
		if rules.InBox(l.white, i, s[1], s[2]) {
			tensor.Floats(mask)[i] = 1
		}
	}
	d, err := h.walk(ctx)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	out, err := d.Sample(ctx, tensor.Add(tensor.Mul(white, mask), tensor.Mul(grey, tensor.Affine(mask, -1, 1))), node, program)
	if err != nil {
		return nil, err
	}
	return d.Decode(ctx, out)
}

// luminance returns the mean of red, green and blue over a box of the picture, 0 … 255.
func luminance(img *image.NRGBA, box plan.Box) float64 {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	r := image.Rect(box[1]*w/1000, box[0]*h/1000, box[3]*w/1000, box[2]*h/1000)
	sum := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := img.NRGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			sum += int(c.R) + int(c.G) + int(c.B)
		}
	}
	return float64(sum) / float64(3*r.Dx()*r.Dy())
}

// rankCorrelation is Spearman's coefficient of y over the rising xs.
func rankCorrelation(xs []int, y func(int) float64) float64 {
	n, sum := float64(len(xs)), 0.0
	for i, x := range xs {
		rank := 0
		for _, other := range xs {
			if y(other) < y(x) {
				rank++
			}
		}
		sum += float64((i - rank) * (i - rank))
	}
	return 1 - 6*sum/(n*(n*n-1))
}
