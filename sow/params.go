package sow

import (
	"fmt"
	"slices"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/rules"
)

// Method is how a picture is made.
type Method string

// The methods.
const (
	SOW  Method = "sow"  // COW with a plan and region rules in the attention
	COW  Method = "cow"  // cyclic one-way diffusion
	Text Method = "text" // plain text-to-image; conditions are refused

	// To compare with, on the same weights.
	Paste   Method = "paste"   // plain text-to-image, and the conditions pasted on it
	Inpaint Method = "inpaint" // text-to-image in which noised latents of the conditions take their place after every step
)

// Methods are all of them.
var Methods = []Method{SOW, COW, Text, Paste, Inpaint}

// Cyclic reports whether a method inverts the conditions and goes in cycles; the others sample from noise.
func (m Method) Cyclic() bool { return m == SOW || m == COW }

// ruled reports whether a method's attention goes by rules.
func (m Method) ruled() bool { return m == SOW || m == Text }

// LateOverwrite is when the final phase lays the condition over the latents.
type LateOverwrite string

// The choices of LateOverwrite.
const (
	Once  LateOverwrite = "once"  // at node Late, as COW does
	Every LateOverwrite = "every" // at every node: the condition comes back sharper
)

// Start is what the canvas grows from.
type Start string

// The choices of Start.
const (
	StartSeed  Start = "seed"  // seed initialisation: the condition on grey, inverted
	StartNoise Start = "noise" // noise, sampled down by the prompt: shows what seed initialisation is for
)

// Params are the numbers of a run. [DefaultParams] has the reference's; a model folder's sow.json may change them for that model.
type Params struct {
	Method        Method `json:"method"`
	Width, Height int    `json:"-"` // of the canvas, in pixels: multiples of the VAE's factor (8)
	Steps         int    `json:"steps"`
	Cycles        int    `json:"cycles"`

	Guidance          float64 `json:"guidance"`           // classifier-free guidance scale; 1 is none
	InversionGuidance float64 `json:"inversion_guidance"` // the same during inversion; 0: Guidance there too, as the reference has it
	MaskedGuidance    bool    `json:"masked_guidance"`    // the cycles' four-prompt guidance (docs/method.md §2.3); false: plain guidance there too
	Eta               float64 `json:"eta"`                // DDIM's eta of the methods without cycles
	EtaCycle          float64 `json:"eta_cycle"`
	EtaFinal          float64 `json:"eta_final"`

	Replace float64 `json:"replace"` // node at which a cycle ends, as a fraction of Steps
	Back    float64 `json:"back"`    // node to which a cycle disturbs the picture
	Late    float64 `json:"late"`    // node of the last overwriting

	Inversion     sampler.Levels `json:"inversion"`
	Start         Start          `json:"start"`
	CanvasGrey    int            `json:"canvas_grey"` // level of the empty canvas, 0 … 255
	Overwrite     bool           `json:"overwrite"`   // false: the condition is nowhere laid over the latents, which shows what that is for
	LateOverwrite LateOverwrite  `json:"late_overwrite"`

	Negative string `json:"negative"` // what guidance leads away from, in the cycles (without cycles: everywhere)
	Suppress string `json:"suppress"` // what the cycles keep out of the new parts …
	Diverse  string `json:"diverse"`  // … and what they wish for there

	TargetMass float64        `json:"target_mass"`     // SOW: the share of its attention that a related region gives what it takes after
	NeckMass   float64        `json:"neck_mass"`       // SOW: the same of the related region that the plan calls neck, in the final phase too; 0: as of the others
	Rules      *rules.Program `json:"rules,omitempty"` // SOW and text: further rules between regions, after those of the target masses
	Blend      picture.Blend  `json:"blend"`           // how the condition's own pixels come back after decoding
}

// DefaultParams returns the reference's numbers (COW's published pipeline), with ours where it has none.
func DefaultParams() Params {
	return Params{
		Method: SOW, Width: 512, Height: 512, Steps: 10, Cycles: 10,
		Guidance: 7.5, MaskedGuidance: true, EtaCycle: 1, EtaFinal: 0.1,
		Replace: 0.5, Back: 0.7, Late: 0.4,
		Inversion: sampler.Aligned, Start: StartSeed, CanvasGrey: 128, Overwrite: true, LateOverwrite: Once,
		Negative:   "a bad quality and low resolution image,extra fingers,deformed hands",
		Suppress:   "human face",
		Diverse:    "a high quality and colorful image",
		TargetMass: 0.3, Blend: picture.BlendNone,
	}
}

// As returns p for a method. Those that sample from noise have no negative prompt then, as is usual; the one in p is meant for the cycles.
func (p Params) As(m Method) Params {
	p.Method = m
	if !m.Cyclic() {
		p.Negative = ""
	}
	return p
}

// settled returns p with what its method leaves no choice about.
func (p Params) settled() Params {
	switch {
	case p.Method == Paste && p.Blend == picture.BlendNone:
		p.Blend = picture.BlendPaste
	case p.Method == Inpaint:
		p.Overwrite, p.LateOverwrite = true, Every
	}
	return p
}

// nodes returns the nodes of replace, back and late: the fractions cut off to whole nodes, as the reference does.
func (p *Params) nodes() (replace, back, late int) {
	s := float64(p.Steps)
	return int(p.Replace * s), int(p.Back * s), int(p.Late * s)
}

// inversionGuidance is the guidance scale of inversion.
func (p *Params) inversionGuidance() float64 {
	if p.InversionGuidance == 0 {
		return p.Guidance
	}
	return p.InversionGuidance
}

// maxSide bounds the canvas.
const maxSide = 4096

// Validate reports the first number that cannot be carried out. factor is the VAE's.
func (p *Params) Validate(factor int) error {
	if !slices.Contains(Methods, p.Method) {
		return badParam("method", p.Method, "want sow, cow, text, paste or inpaint")
	}
	for name, side := range map[string]int{"width": p.Width, "height": p.Height} {
		if side < 2*factor || side > maxSide || side%factor != 0 {
			return badParam(name, side, fmt.Sprintf("want a multiple of %d, %d … %d", factor, 2*factor, maxSide))
		}
	}
	if p.Steps < 1 || p.Steps > 999 {
		return badParam("steps", p.Steps, "want 1 … 999")
	}
	if p.Cycles < 0 || p.Cycles > 10000 {
		return badParam("cycles", p.Cycles, "want 0 … 10000")
	}
	for _, f := range []struct {
		name          string
		v, from, upto float64
	}{
		{"guidance", p.Guidance, 0, 100}, {"inversion guidance", p.InversionGuidance, 0, 100},
		{"eta", p.Eta, 0, 1}, {"eta-cycle", p.EtaCycle, 0, 1}, {"eta-final", p.EtaFinal, 0, 1},
		{"replace", p.Replace, 0, 1}, {"back", p.Back, 0, 1}, {"late", p.Late, 0, 1}, {"target mass", p.TargetMass, 0, 0.99}, {"neck mass", p.NeckMass, 0, 0.99},
	} {
		if !(f.v >= f.from && f.v <= f.upto) { // NaN fails
			return badParam(f.name, f.v, fmt.Sprintf("want %g … %g", f.from, f.upto))
		}
	}
	if p.LateOverwrite != Once && p.LateOverwrite != Every {
		return badParam("late-overwrite", p.LateOverwrite, "want once or every")
	}
	if p.Start != StartSeed && p.Start != StartNoise {
		return badParam("start", p.Start, "want seed or noise")
	}
	if p.CanvasGrey < 0 || p.CanvasGrey > 255 {
		return badParam("canvas-grey", p.CanvasGrey, "want 0 … 255")
	}
	if p.Inversion != sampler.Aligned && p.Inversion != sampler.Ref017 {
		return badParam("inversion", p.Inversion, "want aligned or ref017")
	}
	if _, err := picture.ParseBlend(string(p.Blend)); err != nil {
		return badParam("blend", p.Blend, "want none, paste, feather or poisson")
	}
	if p.Rules != nil {
		if err := p.Rules.Validate(); err != nil {
			return fmt.Errorf("sow: rules: %w", err)
		}
	}
	if r, b, l := p.nodes(); p.Method.Cyclic() && !(l < r && r < b) {
		return badParam("late, replace, back", fmt.Sprintf("%g, %g, %g of %d steps", p.Late, p.Replace, p.Back, p.Steps),
			fmt.Sprintf("they fall on nodes %d, %d, %d; want three different ones in that order: take more steps or other fractions", l, r, b))
	}
	return nil
}

// ParamError is a number or word that cannot be carried out.
type ParamError struct {
	Name      string
	Value     any
	Want      string
	Condition int // which of the request's it is about, if it is about one
}

func (e *ParamError) Error() string { return fmt.Sprintf("sow: %s %v: %s", e.Name, e.Value, e.Want) }

func badParam(name string, value any, want string) error {
	return &ParamError{Name: name, Value: value, Want: want}
}
