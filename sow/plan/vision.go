package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Model is a language model that sees pictures. sow/plan/gemini and sow/plan/openai have some.
//
// Ask returns the text of the model's answer. Its errors never hold a key, and are one line that a user can act on. Name says which model
// it is and where, in a few words without secrets; equal names answer alike.
type Model interface {
	Ask(ctx context.Context, q Question) (string, error)
	Name() string
}

// Question is what a [Model] is asked.
type Question struct {
	System  string  // who it is, and what its answer must be
	Text    string  // the question
	Picture []byte  // a JPEG; nil if there is none
	Schema  *Schema // of the answer, for servers that can hold a model to it
}

// Vision plans by asking a model that sees the condition (SOW §3): prompt intensification, adaptive positioning and contextual refinement,
// in one request. Nothing in an answer can do more than choose words and boxes: each part is checked, and clamped where it is merely out of
// bounds. A fault is quoted back to the model once; what is then still unusable comes from [Offline], with a warning in the plan. So does
// everything if the model cannot be asked at all; only the end of ctx is an error.
type Vision struct {
	Model   Model
	Stages  Stages        // what to ask; the rules of [Offline] answer the rest
	Timeout time.Duration // for everything, repeated requests included; 0: [DefaultTimeout]
	Cache   Cache         // where good answers are kept; "": nowhere
}

// DefaultTimeout is how long a [Vision] waits for its plan.
const DefaultTimeout = 90 * time.Second

// Plan implements [Planner].
func (v *Vision) Plan(ctx context.Context, in Input) (Plan, error) {
	rules, err := Offline{}.Plan(ctx, in)
	if err != nil {
		return Plan{}, err
	}
	ask := v.Stages
	if in.Box != nil {
		ask.Place = false // the user has decided
	}
	if in.Count > 1 { // asked one by one, they would get into each other's way
		ask.Place = false
	}
	if in.Number > 1 { // the first answer has the caption
		ask.Prompt = false
	}
	if ask == (Stages{}) {
		return rules, nil
	}
	q, err := question(in, ask, rules.Box)
	if err != nil {
		return Plan{}, err
	}
	key := cacheKey(v.Model.Name(), q)
	if p, ok := v.Cache.get(key); ok && (!ask.Prompt || fits(p.Prompt, in)) {
		return p, nil
	}
	limit := cmp.Or(v.Timeout, DefaultTimeout)
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a, faults, err := v.ask(within, q, ask, in)
	switch {
	case ctx.Err() != nil:
		return Plan{}, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %v", limit)
	}
	p := a.over(rules, ask, in)
	switch {
	case err != nil && faults == nil:
		p.warn("%s did not plan (%s); the offline rules did", v.Model.Name(), oneLine(err.Error(), 300))
	case err != nil:
		p.warn("%s did not mend its plan (%s); the offline rules did: %s", v.Model.Name(), oneLine(err.Error(), 300), faults)
	case len(faults) > 0:
		p.warn("%s gave an unusable plan twice; the offline rules stand in for it: %s", v.Model.Name(), faults)
	default:
		if err := v.Cache.put(key, p); err != nil {
			p.warn("the plan was not kept for next time: %v", err)
		}
	}
	return p, nil
}

// ask returns the usable parts of the model's answer and what is wrong with the others, after one attempt at repair.
func (v *Vision) ask(ctx context.Context, q Question, ask Stages, in Input) (answer, faults, error) {
	reply, err := v.Model.Ask(ctx, q)
	if err != nil {
		return answer{}, nil, err
	}
	first, wrong := parseAnswer(reply, ask, in)
	if len(wrong) == 0 {
		return first, nil, nil
	}
	q.Text += fmt.Sprintf("\n\nYou were asked this before, and your answer was refused: %s.\nThis is how it began: %q\nAnswer again, with one JSON object that has all the fields and nothing around it.",
		wrong, oneLine(reply, 1000))
	if reply, err = v.Model.Ask(ctx, q); err != nil {
		return first, wrong, err
	}
	second, wrong := parseAnswer(reply, ask, in)
	return second, wrong, nil
}

// faults are what is wrong with an answer.
type faults []string

func (f faults) String() string { return oneLine(strings.Join(f, "; "), 500) }

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}
