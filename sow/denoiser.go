package sow

import (
	"context"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// guided is a denoiser: the UNet asked once for several prompts, and how their answers become one.
type guided struct {
	unet     *unet.Model
	schedule *sampler.Schedule
	contexts *tensor.Tensor // [prompts, tokens, hidden]
	combine  func(predictions []*tensor.Tensor) *tensor.Tensor
	roles    []rules.Role
	rules    *rules.Compiled                 // nil: none
	moment   *rules.Moment                   // when the next step is
	watched  func(*unet.Input, rules.Moment) // nil: nobody watches
	spent    func(prompts, cells int)        // counts the work
}

// Predict implements [sampler.Denoiser]. All prompts go through in one batch on the same latents.
func (g *guided) Predict(ctx context.Context, x *tensor.Tensor, timestep int) (eps *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	n := g.contexts.Shape()[0]
	s := x.Shape()
	in := unet.Input{Sample: x, Timestep: float32(timestep), Context: g.contexts}
	if g.rules != nil {
		now := *g.moment
		now.Timestep, now.Roles = timestep, g.roles
		if in.Regions = g.rules.At(now); g.watched != nil {
			g.watched(&in, now)
		}
	}
	out, err := g.unet.Forward(ctx, in)
	if err != nil {
		return nil, err
	}
	g.spent(n, s[1]*s[2])
	return g.schedule.Eps(g.combine(tensor.Split(out, 0, n)), x, timestep), nil
}

// plainGuidance is classifier-free guidance (Ho & Salimans 2022) away from negative: two prompts, or one where scale ≤ 1 makes the
// other unused.
func (r *run) plainGuidance(ctx context.Context, negative string, scale float64) (*guided, error) {
	if scale <= 1 {
		return r.guided(ctx, func(p []*tensor.Tensor) *tensor.Tensor { return p[0] }, asked{rules.Text, r.plan.Prompt})
	}
	return r.guided(ctx, func(p []*tensor.Tensor) *tensor.Tensor {
		return sampler.Guide(p[0], p[1], float32(scale))
	}, asked{rules.Negative, negative}, asked{rules.Text, r.plan.Prompt})
}

// maskedGuidance is the cycles' guidance by four prompts: outside the condition, away from what must not appear a second time and
// towards variety (docs/method.md §2.3). At scale ≤ 1 only the text's own prediction is left of it.
func (r *run) maskedGuidance(ctx context.Context) (*guided, error) {
	if !r.MaskedGuidance || r.Guidance <= 1 {
		return r.plainGuidance(ctx, r.Negative, r.Guidance)
	}
	return r.guided(ctx, func(p []*tensor.Tensor) *tensor.Tensor {
		return sampler.MaskedGuide(p[0], p[1], p[2], p[3], r.mask, float32(r.Guidance))
	}, asked{rules.Negative, r.Negative}, asked{rules.Text, r.plan.Prompt}, asked{rules.Suppress, r.Suppress}, asked{rules.Diverse, r.Diverse})
}

// asked is a prompt and what it is there for.
type asked struct {
	role rules.Role
	text string
}

func (r *run) guided(ctx context.Context, combine func([]*tensor.Tensor) *tensor.Tensor, prompts ...asked) (*guided, error) {
	var contexts []*tensor.Tensor
	var roles []rules.Role
	for _, p := range prompts {
		c, err := r.encodePrompt(ctx, p.text)
		if err != nil {
			return nil, err
		}
		contexts, roles = append(contexts, c), append(roles, p.role)
	}
	g := &guided{
		unet: r.unet, schedule: r.ddim.Schedule(), contexts: tensor.Concat(0, contexts...), combine: combine, spent: r.count,
		roles: roles, rules: r.rules, moment: &r.moment,
	}
	if r.capture != nil {
		g.watched = r.watched
	}
	return g, nil
}
