package sow

import (
	"context"
	"slices"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// guided is a denoiser: the UNet asked for several prompts, and how their answers become one.
type guided struct {
	unet     *network[unet.Config, *unet.Model]
	schedule *sampler.Schedule
	contexts []*tensor.Tensor // each [1, tokens, hidden]
	answers  []int            // for each prediction that combine wants, which context's it is
	batch    int              // how many prompts go through the UNet at once
	prompts  []*unet.Prompts  // of each batch, from the first step on
	combine  func(predictions []*tensor.Tensor) *tensor.Tensor
	roles    []rules.Role
	rules    *rules.Compiled                 // nil: none
	moment   *rules.Moment                   // when the next step is
	watched  func(*unet.Input, rules.Moment) // nil: nobody watches
	spent    func(prompts, cells int)        // counts the work
}

// Predict implements [sampler.Denoiser]. The prompts go through on the same latents, in one batch if memory allows; the answers are the same
// bytes in any case.
func (g *guided) Predict(ctx context.Context, x *tensor.Tensor, timestep int) (eps *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	model, err := g.prepare()
	if err != nil {
		return nil, err
	}
	in := unet.Input{Sample: x, Timestep: float32(timestep)}
	var predictions []*tensor.Tensor
	for i, prompts := range g.prompts {
		from, to := i*g.batch, min((i+1)*g.batch, len(g.contexts))
		if g.rules != nil {
			now := *g.moment
			now.Timestep, now.Roles = timestep, g.roles[from:to]
			if in.Regions = g.rules.At(now); g.watched != nil {
				g.watched(&in, now)
			}
		}
		in.Prompts = prompts
		out, err := model.Forward(ctx, in)
		if err != nil {
			return nil, err
		}
		predictions = append(predictions, tensor.Split(out, 0, to-from)...)
	}
	var answers []*tensor.Tensor
	for _, i := range g.answers {
		answers = append(answers, predictions[i])
	}
	s := x.Shape()
	g.spent(len(g.contexts), s[1]*s[2])
	return g.schedule.Eps(g.combine(answers), x, timestep), nil
}

// prepare returns the UNet, which has by then read the prompts.
func (g *guided) prepare() (*unet.Model, error) {
	model, err := g.unet.get()
	if err != nil || g.prompts != nil {
		return model, err
	}
	for batch := range slices.Chunk(g.contexts, g.batch) {
		p, err := model.Prepare(tensor.Concat(0, batch...))
		if err != nil {
			return nil, err
		}
		g.prompts = append(g.prompts, p)
	}
	return model, nil
}

// close gives back what the UNet has read of the prompts. The denoiser may go on, and then reads them again.
func (g *guided) close() {
	for _, p := range g.prompts {
		p.Close()
	}
	g.prompts = nil
}

// plainGuidance is classifier-free guidance (Ho & Salimans 2022) away from negative: two prompts, or one where scale ≤ 1 makes the
// other unused.
func (r *run) plainGuidance(ctx context.Context, negative string, scale float64) (*guided, error) {
	combine := func(p []*tensor.Tensor) *tensor.Tensor { return p[len(p)-1] }
	if scale > 1 {
		combine = func(p []*tensor.Tensor) *tensor.Tensor { return sampler.Guide(p[0], p[1], float32(scale)) }
	}
	return r.guided(ctx, combine, r.plainPrompts(negative, scale))
}

func (r *run) plainPrompts(negative string, scale float64) []asked {
	text := asked{rules.Text, r.plan.Prompt}
	if scale <= 1 {
		return []asked{text}
	}
	return []asked{{rules.Negative, negative}, text}
}

// maskedGuidance is the cycles' guidance by four prompts: outside the condition, away from what must not appear a second time and
// towards variety (docs/method.md §2.3). At scale ≤ 1 only the text's own prediction is left of it, and where nothing is outside only
// plain guidance.
func (r *run) maskedGuidance(ctx context.Context) (*guided, error) {
	all := r.maskedPrompts()
	if len(all) < 4 {
		return r.plainGuidance(ctx, r.Negative, r.Guidance)
	}
	return r.guided(ctx, func(p []*tensor.Tensor) *tensor.Tensor {
		return sampler.MaskedGuide(p[0], p[1], p[2], p[3], r.mask, float32(r.Guidance))
	}, all)
}

func (r *run) maskedPrompts() []asked {
	plain := r.plainPrompts(r.Negative, r.Guidance)
	if !r.MaskedGuidance || len(plain) == 1 || r.covered() {
		return plain
	}
	return append(plain, asked{rules.Suppress, r.Suppress}, asked{rules.Diverse, r.Diverse})
}

// covered reports whether the conditions keep every cell of the canvas.
func (r *run) covered() bool {
	f := r.vae.Config.Factor()
	h, w := r.Height/f, r.Width/f
	all := make([]bool, h*w)
	for _, c := range r.conditions {
		for i, kept := range keptCells(c, h, w, f) {
			all[i] = all[i] || kept
		}
	}
	return !slices.Contains(all, false)
}

// asked is a prompt and what it is there for.
type asked struct {
	role rules.Role
	text string
}

// distinct returns the prompts the UNet is to be asked about, and for each of all which of them answers it: equal texts have the same answer,
// unless a rule is for one role alone.
func (r *run) distinct(all []asked) (prompts []asked, answers []int) {
	apart := slices.ContainsFunc(r.program().Rules, func(rule rules.Rule) bool { return rule.Roles != nil })
	for _, p := range all {
		at := slices.IndexFunc(prompts, func(q asked) bool { return q.text == p.text && !apart })
		if at < 0 {
			at = len(prompts)
			prompts = append(prompts, p)
		}
		answers = append(answers, at)
	}
	return prompts, answers
}

func (r *run) guided(ctx context.Context, combine func([]*tensor.Tensor) *tensor.Tensor, all []asked) (*guided, error) {
	g := &guided{
		unet: r.unet, schedule: r.ddim.Schedule(), batch: r.report.Memory.Batch, combine: combine, spent: r.count, rules: r.rules, moment: &r.moment,
	}
	prompts, answers := r.distinct(all)
	for _, p := range prompts {
		c, err := r.encodePrompt(ctx, p.text)
		if err != nil {
			return nil, err
		}
		g.contexts, g.roles = append(g.contexts, c), append(g.roles, p.role)
	}
	if r.capture != nil {
		g.watched = r.watched
	}
	g.answers = answers
	return g, nil
}

// encodePrompts encodes every prompt of the run, after which the text encoder has nothing more to do.
func (r *run) encodePrompts(ctx context.Context) error {
	all := r.plainPrompts(r.Negative, r.Guidance)
	if r.Method.Cyclic() {
		all = slices.Concat(r.plainPrompts("", r.inversionGuidance()), r.maskedPrompts(), r.plainPrompts("", r.Guidance))
	}
	for _, p := range all {
		if _, err := r.encodePrompt(ctx, p.text); err != nil {
			return err
		}
	}
	r.leave(r.text.drop)
	return nil
}
