package sow

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"time"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// Pipeline is a loaded model. It is safe for concurrent use.
type Pipeline struct {
	Model     string // what Open was asked for
	Defaults  Params // the model's own for a normal picture: DefaultParams changed by its size and its sow.json; For has those of other tasks
	tasks     map[plan.Task]Params
	tokenizer *clip.Tokenizer
	text      *network[clip.Config, *clip.Model]
	unet      *network[unet.Config, *unet.Model]
	vae       *network[vae.Config, *vae.Model]
	scheduler sampler.Config
	engine    tensor.Engine

	lowMemory   bool
	memoryLimit int64 // 0: what is left
	beside      int64 // what else is in memory
	outlines    outlines
}

// Request is a picture to make.
type Request struct {
	Prompt     string
	Conditions []Condition // none for method text, else at least one
	Seed       uint64      // of torch's CPU generator: the same numbers as a PyTorch script's
	Params     *Params     // nil: those of the task
	// Task is what kind of picture it is; empty: what the plan says. ParamsFor are a task's numbers if Params is nil; nil: the model's, [Pipeline.For].
	// It is asked before anything is planned, and again when the plan has said the task, which changes neither the method nor the size.
	Task      plan.Task
	ParamsFor func(plan.Task) Params
	Planner   plan.Planner
	Progress  func(Event) // called from Generate's goroutine; may be nil
	// Capture, if not nil, takes what the attention did. Watching costs time, and as sums then run in another order, the last bits of the
	// picture.
	Capture *capture.Capture
}

// Result is a picture and what there is to know about it.
type Result struct {
	Image   *image.NRGBA   // [height × width], after the blend
	Decoded *tensor.Tensor // [1, h, w, 3] in [0, 1], before any blend
	Latents *tensor.Tensor // [1, h/f, w/f, c], scaled as the UNet has them
	Plan    plan.Plan      // what was carried out
	Report  Report
}

// run is one Generate.
type run struct {
	*Pipeline
	Params
	replace, back, late int
	ddim                *sampler.DDIM
	noise               *sampler.Noise
	plan                plan.Plan
	conditions          []*placed
	returned            []*placed // the same as the VAE alone gives them back
	rules               *rules.Compiled
	capture             *capture.Capture
	moment              rules.Moment // of the step that is being taken

	mask    *tensor.Tensor   // [1, h, w, 1]: 1 where latents are kept; nil without a condition
	others  *tensor.Tensor   // [1, h, w, 1]: 1 - mask
	overlay []*tensor.Tensor // at each node, the conditions' latents on the canvas, 0 elsewhere: [1, h, w, c]

	prompts  map[string]*tensor.Tensor
	report   Report
	progress progress
}

// Generate makes a picture. It returns ctx's error, wrapped, within one step of ctx being done; a wrong request is a [*ParamError].
func (p *Pipeline) Generate(ctx context.Context, req Request) (_ *Result, err error) {
	defer tensor.Catch(&err)
	r, err := p.newRun(ctx, req)
	if err != nil {
		return nil, err
	}
	r.begin(StageEncode)
	if err := r.encodePrompts(ctx); err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	latents, err := r.draw(ctx)
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	r.leave(r.unet.drop)
	defer r.leave(r.vae.drop)
	return r.finish(ctx, latents)
}

// draw returns the latents of the picture.
func (r *run) draw(ctx context.Context) (*tensor.Tensor, error) {
	switch r.Method {
	case Text:
		return r.textToImage(ctx)
	case Paste:
		return r.textToPasteOn(ctx)
	case Inpaint:
		return r.inpaint(ctx)
	}
	return r.grow(ctx)
}

// newRun checks the request, lets the planner plan and puts every condition in its place.
func (p *Pipeline) newRun(ctx context.Context, req Request) (*run, error) {
	r := &run{Pipeline: p, Params: p.params(&req, req.Task), capture: req.Capture, prompts: map[string]*tensor.Tensor{}, progress: progress{tell: req.Progress, started: time.Now()}}
	factor := p.vae.Config.Factor()
	if err := r.Params.Validate(factor); err != nil {
		return nil, err
	}
	if r.Method == Text && len(req.Conditions) > 0 {
		return nil, badParam("method", r.Method, "it takes no condition; want sow, cow, paste or inpaint")
	}
	if r.Method != Text && len(req.Conditions) == 0 {
		return nil, badParam("method", r.Method, "want a condition (a picture to keep), or method text")
	}
	if len(req.Conditions) > maxConditions {
		return nil, badParam("conditions", len(req.Conditions), fmt.Sprintf("want at most %d: their regions could not be told apart", maxConditions))
	}
	r.noise = sampler.NewNoise(req.Seed)
	r.report = Report{
		Model: p.Model, Version: Version(), Method: r.Method, Seed: req.Seed, Width: r.Width, Height: r.Height,
		Precision:   precisionOf(p.engine),
		Evaluations: map[Stage]int{}, Seconds: map[Stage]float64{},
	}
	for _, c := range p.scheduler.Corrected {
		r.warn("%s", c)
	}
	r.plan = plan.Plan{Prompt: req.Prompt, Task: plan.Normal, Box: plan.Whole}
	for i := range req.Conditions {
		place, placed, err := r.settle(ctx, i, req)
		if wrong := (*ParamError)(nil); errors.As(err, &wrong) {
			wrong.Condition = i
		}
		if err != nil {
			return nil, err
		}
		r.conditions = append(r.conditions, placed)
		if i == 0 {
			r.plan.Box, r.plan.Related = place.Box, place.Related
		} else {
			r.plan.Others = append(r.plan.Others, place)
		}
	}
	if err := r.take(&req); err != nil {
		return nil, err
	}
	var err error
	if r.ddim, err = sampler.New(p.scheduler, r.Steps, r.Inversion); err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	r.report.Params = r.Params
	r.replace, r.back, r.late = r.nodes()
	r.progress.total = r.estimate()
	if r.report.Memory, err = r.fit(); err != nil {
		return nil, err
	}
	return r, r.modulate()
}

// maxConditions is as many as have their regions in the attention: each, the body and the hair of each, and the rest (tensor.MaxRegions).
const maxConditions = 5

// settle asks the planner about a condition and puts it in its place. The caption and the task of the first one's plan are the run's.
func (r *run) settle(ctx context.Context, i int, req Request) (place plan.Place, at *placed, err error) {
	c := &req.Conditions[i]
	if err := c.check(r.Width, r.Height); err != nil {
		return place, nil, err
	}
	mask, err := c.keep()
	if err != nil {
		return place, nil, err
	}
	factor, size := r.vae.Config.Factor(), c.Picture.Bounds().Size()
	// COW's default place: half the canvas wide and high, at the middle of the top; several conditions side by side.
	planned := plan.Box{0, 250, 500, 750}
	if n := len(req.Conditions); n > 1 {
		planned = plan.Box{0, 1000 * i / n, 1000 / n, 1000 * (i + 1) / n}
	}
	var box image.Rectangle
	if !c.Box.Empty() {
		box = snap(float64(c.Box.Min.X), float64(c.Box.Min.Y), float64(c.Box.Dx()), float64(c.Box.Dy()), r.Width, r.Height, factor)
		if box != c.Box {
			r.warn("box %s moved to %s: it snaps to multiples of %d pixels", boxText(c.Box), boxText(box), factor)
		}
		planned = thousandths(box, r.Width, r.Height)
	}
	if req.Planner != nil {
		in := plan.Input{Prompt: req.Prompt, Width: r.Width, Height: r.Height, Face: face(mask), Picture: visible{c.Picture, mask}, Fits: r.fits,
			Number: i + 1, Count: len(req.Conditions)}
		if !c.Box.Empty() {
			in.Box = &planned
		}
		p, err := req.Planner.Plan(ctx, in)
		if err == nil {
			err = p.Validate()
		}
		if err != nil {
			return place, nil, fmt.Errorf("sow: plan: %w", err)
		}
		if i == 0 {
			r.plan, r.plan.Others = p, nil
		}
		planned, place.Related = p.Box, p.Related
		for _, w := range p.Warnings {
			r.warn("%s", w)
		}
	}
	if c.Box.Empty() {
		box = boxFor(planned, size, r.Width, r.Height, factor)
	}
	if stretch := float64(box.Dx()*size.Y) / float64(box.Dy()*size.X); math.Abs(math.Log(stretch)) > math.Log(1.1) {
		r.warn("the condition of %d×%d is stretched to its box of %d×%d", size.X, size.Y, box.Dx(), box.Dy())
	}
	place.Box = thousandths(box, r.Width, r.Height)
	r.report.Placed = append(r.report.Placed, [4]int{box.Min.X, box.Min.Y, box.Dx(), box.Dy()})
	at, err = c.place(mask, box)
	if err == nil && !slices.Contains(keptCells(at, r.Height/factor, r.Width/factor, factor), true) {
		err = badParam("mask", "(keeps no latent cell)", fmt.Sprintf("it is finer than the VAE's %d pixels; want a larger box or mask", factor))
	}
	return place, at, err
}

// textToImage is plain DDIM sampling from noise.
func (r *run) textToImage(ctx context.Context) (*tensor.Tensor, error) {
	denoiser, err := r.plainGuidance(ctx, r.Negative, r.Guidance)
	if err != nil {
		return nil, err
	}
	defer denoiser.close()
	x := r.pureNoise()
	r.begin(StageFinal)
	return r.final(ctx, x, r.Steps, r.Eta, denoiser)
}

// grow is COW, and SOW where the plan relates regions to the condition: seed initialisation, inversion, cycles, final phase.
func (r *run) grow(ctx context.Context) (*tensor.Tensor, error) {
	x, err := r.plant(ctx)
	if err != nil {
		return nil, err
	}
	cycles, err := r.maskedGuidance(ctx)
	if err != nil {
		return nil, err
	}
	r.begin(StageCycle)
	x, err = r.cycle(ctx, x, cycles)
	cycles.close()
	if err != nil {
		return nil, err
	}
	final, err := r.plainGuidance(ctx, "", r.Guidance)
	if err != nil {
		return nil, err
	}
	defer final.close()
	r.begin(StageFinal)
	return r.final(ctx, x, r.replace, r.EtaFinal, final)
}

// plant is seed initialisation and inversion (COW §3.1): it keeps the conditions' latents of every node up to back in r.overlay and
// returns the canvas's latents at node replace. With StartNoise the canvas itself is not planted.
func (r *run) plant(ctx context.Context) (*tensor.Tensor, error) {
	inversion, err := r.plainGuidance(ctx, "", r.inversionGuidance())
	if err != nil {
		return nil, err
	}
	defer inversion.close()
	// The stream of random numbers: first the conditions', then the canvas's sample.
	seeds, err := r.encodeConditions(ctx)
	if err != nil {
		return nil, err
	}
	empty := uint8(r.CanvasGrey)
	whole, _ := canvas(r.Width, r.Height, color.NRGBA{empty, empty, empty, 255}, r.conditions)
	x, _, err := r.encodePicture(ctx, whole)
	if err != nil {
		return nil, err
	}
	r.leave(func() {})
	r.begin(StageInvert)
	if _, err := inversion.prepare(); err != nil {
		return nil, err
	}
	alone := *inversion
	alone.rules = nil // the regions are those of the canvas
	if err := r.layOut(r.back, func(i int) ([]*tensor.Tensor, error) { return r.invert(ctx, seeds[i], r.back, &alone) }); err != nil {
		return nil, err
	}
	if r.Start == StartNoise {
		return r.noiseStart(ctx)
	}
	nodes, err := r.invert(ctx, x, r.replace, inversion)
	if err != nil {
		return nil, err
	}
	return nodes[r.replace], nil
}

// layOut lays the nodes 0 … upto of each condition, which are of its own size, out on the canvas.
func (r *run) layOut(upto int, nodesOf func(condition int) ([]*tensor.Tensor, error)) error {
	f, channels := r.vae.Config.Factor(), r.vae.Config.LatentChannels
	h, w := r.Height/f, r.Width/f
	mask := tensor.New(1, h, w, 1)
	r.overlay = make([]*tensor.Tensor, upto+1)
	for k := range r.overlay {
		r.overlay[k] = tensor.New(1, h, w, channels)
	}
	for i, c := range r.conditions {
		nodes, err := nodesOf(i)
		if err != nil {
			return err
		}
		for cell, keep := range keptCells(c, h, w, f) {
			if !keep {
				continue
			}
			tensor.Floats(mask)[cell] = 1
			y, x := cell/w-c.box.Min.Y/f, cell%w-c.box.Min.X/f
			for k, node := range nodes {
				n := node.Shape()
				copy(tensor.Floats(r.overlay[k])[cell*channels:(cell+1)*channels], tensor.Floats(node)[(y*n[2]+x)*channels:])
			}
		}
	}
	r.mask, r.others = mask, tensor.Affine(mask, -1, 1)
	return nil
}

// fits tells whether the text encoder sees all of a text.
func (r *run) fits(text string) bool {
	_, cut := r.tokenizer.Encode(text, r.text.Config.MaxPositionEmbeddings)
	return cut == ""
}

// encodePrompt returns the hidden states [1, tokens, hidden] of text, each text once per run.
func (r *run) encodePrompt(ctx context.Context, text string) (*tensor.Tensor, error) {
	if c, ok := r.prompts[text]; ok {
		return c, nil
	}
	length := r.text.Config.MaxPositionEmbeddings
	ids, cut := r.tokenizer.Encode(text, length)
	if cut != "" {
		r.warn("the prompt is longer than the model's %d tokens; it does not see %q", length, cut)
	}
	encoder, err := r.text.get()
	if err != nil {
		return nil, err
	}
	c, err := encoder.Encode(ctx, ids)
	if err != nil {
		return nil, err
	}
	r.prompts[text] = c
	return c, nil
}

// encodeConditions returns a sample of each condition's latents, and notes what the VAE alone makes of them.
func (r *run) encodeConditions(ctx context.Context) (seeds []*tensor.Tensor, err error) {
	for _, c := range r.conditions {
		x, mean, err := r.encodePicture(ctx, c.seed)
		if err != nil {
			return nil, err
		}
		seeds = append(seeds, x)
		if err := r.roundTrip(ctx, c, mean); err != nil {
			return nil, err
		}
	}
	whole, mask := canvas(r.Width, r.Height, grey, r.conditions)
	alone, _ := canvas(r.Width, r.Height, grey, r.returned)
	r.report.Kept = &Kept{Ceiling: Decibel(picture.PSNR(alone, whole, mask))}
	return seeds, nil
}

// pureNoise returns latents of the canvas that are nothing but noise.
func (r *run) pureNoise() *tensor.Tensor {
	f := r.vae.Config.Factor()
	return r.noise.Latents(1, r.Height/f, r.Width/f, r.vae.Config.LatentChannels)
}

// encodePicture returns a sample of a picture's latents and their mean, both scaled as the UNet has them.
func (r *run) encodePicture(ctx context.Context, img *image.NRGBA) (sample, mean *tensor.Tensor, err error) {
	autoencoder, err := r.vae.get()
	if err != nil {
		return nil, nil, err
	}
	mean, logvar, err := autoencoder.Encode(ctx, picture.ToTensor(img))
	if err != nil {
		return nil, nil, err
	}
	s := mean.Shape()
	scale := float32(r.vae.Config.ScalingFactor)
	sample = vae.Sample(mean, logvar, r.noise.Latents(1, s[1], s[2], s[3]))
	return tensor.Scale(sample, scale), tensor.Scale(mean, scale), nil
}

// decode returns the picture [1, h, w, 3] in [0, 1] of scaled latents.
func (r *run) decode(ctx context.Context, latents *tensor.Tensor) (*tensor.Tensor, error) {
	autoencoder, err := r.vae.get()
	if err != nil {
		return nil, err
	}
	x, err := autoencoder.Decode(ctx, tensor.Scale(latents, 1/float32(r.vae.Config.ScalingFactor)))
	if err != nil {
		return nil, err
	}
	return tensor.Clamp(tensor.Affine(x, 0.5, 0.5), 0, 1), nil
}

// finish decodes, blends and reports.
func (r *run) finish(ctx context.Context, latents *tensor.Tensor) (*Result, error) {
	r.begin(StageDecode)
	decoded, err := r.decode(ctx, latents)
	if err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	img, err := picture.FromTensor(tensor.Affine(decoded, 2, -1))
	if err != nil { // a NaN: nothing that could be shown
		return nil, fmt.Errorf("sow: %w: the model's weights or these parameters overflow", err)
	}
	if img, err = r.blend(img); err != nil {
		return nil, fmt.Errorf("sow: %w", err)
	}
	r.closeStage()
	r.report.Total = seconds(r.progress.started)
	return &Result{Image: img, Decoded: decoded, Latents: latents, Plan: r.plan, Report: r.report}, nil
}
