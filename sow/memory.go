package sow

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// Memory is how much a run takes, in bytes, computed from the files' headers and the sizes before anything is read. The stages add up what is in
// memory then: with [LowMemory] the networks that they need, else all.
type Memory struct {
	Peak    int64 `json:"peak"`    // the most of what follows
	Text    int64 `json:"text"`    // while the prompts are encoded
	Encode  int64 `json:"encode"`  // while pictures go through the VAE before the first step
	Denoise int64 `json:"denoise"` // while the UNet is at work
	Decode  int64 `json:"decode"`
	Batch   int   `json:"batch"` // how many prompts go through the UNet at once
}

// outlines is a pipeline's networks without their numbers, as they would be on an engine. One goroutine at a time measures with them.
type outlines struct {
	mu sync.Mutex
	on map[tensor.Engine]*outlined
}

type outlined struct {
	text outline[*clip.Model]
	unet outline[*unet.Model]
	vae  outline[*vae.Model]
}

// outline reads the headers of all weights, once for each engine. The error is that of files that do not fit their configs. p.outlines.mu is held.
func (p *Pipeline) outline(e tensor.Engine) (_ *outlined, err error) {
	if o := p.outlines.on[e]; o != nil {
		return o, nil
	}
	o := &outlined{}
	if o.text, err = p.text.outline(e); err != nil {
		return nil, err
	}
	if o.unet, err = p.unet.outline(e); err != nil {
		return nil, err
	}
	if o.vae, err = p.vae.outline(e); err != nil {
		return nil, err
	}
	if p.outlines.on == nil {
		p.outlines.on = map[tensor.Engine]*outlined{}
	}
	p.outlines.on[e] = o
	return o, nil
}

// What a process takes beside weights and activations.
const (
	program  = 64 << 20 // code, tokenizer, and what little of the kernels' working memory is not computed
	perPixel = 64       // of the canvas: pictures and their tensors on the way in and out
)

// Memory estimates what a run would take. A run for which there is no room is a [*MemoryError]. Nothing is computed, planned or, with
// [LowMemory], loaded.
func (p *Pipeline) Memory(req Request) (Memory, error) {
	r := &run{Pipeline: p, Params: p.params(&req, req.Task), plan: plan.Plan{Prompt: req.Prompt}}
	if err := r.Params.Validate(p.vae.Config.Factor()); err != nil {
		return Memory{}, err
	}
	return r.fit()
}

// estimate is what a run with params takes that asks the UNet for so many prompts, at most batch of them at once. It does what the run would
// do on e, on networks without numbers.
func (p *Pipeline) estimate(e tensor.Engine, params Params, prompts, batch int, lowMemory bool) (m Memory, err error) {
	defer tensor.Catch(&err)
	p.outlines.mu.Lock()
	defer p.outlines.mu.Unlock()
	o, err := p.outline(e)
	if err != nil {
		return m, err
	}
	ctx, f, tokens := context.Background(), p.vae.Config.Factor(), p.text.Config.MaxPositionEmbeddings
	h, w := params.Height/f, params.Width/f

	m.Batch = batch
	if m.Text, err = o.text.measure(func(t *clip.Model, _ *tensor.Dry) error {
		_, err := t.Encode(ctx, make([]int32, tokens))
		return err
	}); err != nil {
		return m, err
	}
	if m.Decode, err = o.vae.measure(func(v *vae.Model, e *tensor.Dry) error {
		_, err := v.Decode(ctx, tensor.NewOn(e, 1, h, w, p.vae.Config.LatentChannels))
		return err
	}); err != nil {
		return m, err
	}
	if params.Method != Text {
		if m.Encode, err = o.vae.measure(func(v *vae.Model, e *tensor.Dry) error {
			_, _, err := v.Encode(ctx, tensor.NewOn(e, 1, params.Height, params.Width, p.vae.Config.InChannels))
			return err
		}); err != nil {
			return m, err
		}
		m.Encode = max(m.Encode, m.Decode) // a condition is decoded too, and may be as large as the canvas
	}
	if m.Denoise, err = o.unet.measure(func(u *unet.Model, e *tensor.Dry) error {
		in := unet.Input{Sample: tensor.NewOn(e, 1, h, w, p.unet.Config.InChannels)}
		for left := prompts; left > 0; left -= batch {
			ps, err := u.Prepare(tensor.NewOn(e, min(left, batch), tokens, p.text.Config.HiddenSize))
			if err != nil {
				return err
			}
			defer ps.Close()
			if in.Prompts == nil {
				in.Prompts = ps
			}
		}
		_, err := u.Forward(ctx, in)
		return err
	}); err != nil {
		return m, err
	}

	text, network, autoencoder := o.text.bytes, o.unet.bytes, o.vae.bytes
	fixed := program + p.beside + perPixel*int64(params.Width)*int64(params.Height)
	if !lowMemory {
		fixed += text + network + autoencoder
		text, network, autoencoder = 0, 0, 0
	}
	m.Text += fixed + text
	m.Encode += fixed + autoencoder
	m.Denoise += fixed + autoencoder + network
	m.Decode += fixed + autoencoder
	m.Peak = max(m.Text, m.Encode, m.Denoise, m.Decode)
	return m, nil
}

// MemoryError is a run that does not fit into memory.
type MemoryError struct {
	Memory Memory
	Limit  int64
	Fits   []string // what would
}

func (e *MemoryError) Error() string {
	text := fmt.Sprintf("sow: the picture takes %s of memory, there is room for %s", gigabytes(e.Memory.Peak), gigabytes(e.Limit))
	if len(e.Fits) == 0 {
		return text + ", and no smaller picture fits either"
	}
	return text + ": what fits is " + strings.Join(e.Fits, ", or ")
}

func gigabytes(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// fit returns what the run takes, with as many prompts at once as fit, or a *MemoryError.
func (r *run) fit() (Memory, error) {
	p, limit := r.Pipeline, r.memoryLimit
	if limit == 0 {
		limit = machineLimit()
	}
	most := 1
	for _, all := range [][]asked{r.plainPrompts(r.Negative, r.Guidance), r.plainPrompts("", r.inversionGuidance()), r.maskedPrompts()} {
		if !r.Method.Cyclic() && most > 1 {
			break
		}
		prompts, _ := r.distinct(all)
		most = max(most, len(prompts))
	}
	fits := func(e tensor.Engine, params Params) (m Memory, err error) {
		for batch := most; batch > 0; batch /= 2 {
			if m, err = p.estimate(e, params, most, batch, p.lowMemory); err != nil || limit == 0 || m.Peak <= limit {
				break
			}
		}
		return m, err
	}
	m, err := fits(p.engine, r.Params)
	if err != nil || limit == 0 || m.Peak <= limit {
		return m, err
	}
	wrong := &MemoryError{Memory: m, Limit: limit}
	if !p.lowMemory {
		if m, err := p.estimate(p.engine, r.Params, most, 1, true); err == nil && m.Peak <= limit {
			wrong.Fits = append(wrong.Fits, fmt.Sprintf("the model opened with LowMemory (%s)", gigabytes(m.Peak)))
		}
	}
	if mixed := (tensor.CPU{Precision: tensor.Mixed}); p.engine == (tensor.CPU{}) { // less of weights that are stored as float32
		if m, err := fits(mixed, r.Params); err == nil && m.Peak <= limit {
			wrong.Fits = append(wrong.Fits, fmt.Sprintf("precision mixed (%s)", gigabytes(m.Peak)))
		}
	}
	f := p.vae.Config.Factor()
	for eighths := 7; eighths > 0; eighths-- {
		smaller := r.Params
		smaller.Width, smaller.Height = smaller.Width*eighths/8/f*f, smaller.Height*eighths/8/f*f
		if smaller.Validate(f) != nil {
			break
		}
		if m, err := fits(p.engine, smaller); err == nil && m.Peak <= limit {
			wrong.Fits = append(wrong.Fits, fmt.Sprintf("a picture of %dx%d (%s)", smaller.Width, smaller.Height, gigabytes(m.Peak)))
			break
		}
	}
	return m, wrong
}
