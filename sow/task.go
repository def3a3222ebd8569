package sow

import (
	"encoding/json"
	"fmt"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// For returns the parameters for a task: [Pipeline.Defaults] for a normal picture; for one in which the condition itself is to change, those
// with what the task changes, and what the model's sow.json says of it under "tasks".
func (p *Pipeline) For(task plan.Task) Params {
	if params, ok := p.tasks[task]; ok {
		return params
	}
	return p.Defaults
}

// changes are what a task changes. A condition that is to look otherwise must not be laid over the picture to the end, nor its pixels over that:
// it speaks at the noisier nodes, where it is settled what there is, and is silent at the clean ones, where it is settled how that looks. For
// another style one overwriting at COW's node is early enough; for what a face has or lacks it comes earlier. The values are ours (docs/method.md
// §3).
var changes = map[plan.Task]func(p *Params){
	plan.Attribute: func(p *Params) {
		p.Back, p.Replace, p.Late = 0.9, 0.7, 0.6
		p.LateOverwrite, p.Blend = Once, picture.BlendNone
	},
	plan.Style: func(p *Params) { p.LateOverwrite, p.Blend = Once, picture.BlendNone },
}

// tasksOf returns the parameters of every task but the normal one, from those of the normal one and from what a sow.json says.
func tasksOf(normal Params, file map[plan.Task]json.RawMessage, factor int) (map[plan.Task]Params, error) {
	for task := range file {
		if changes[task] == nil {
			return nil, fmt.Errorf("tasks: %q: want attribute or style", task)
		}
	}
	tasks := map[plan.Task]Params{}
	for task, change := range changes {
		p := normal
		change(&p)
		if said, ok := file[task]; ok {
			if err := decodeStrictly(said, &p); err != nil {
				return nil, fmt.Errorf("tasks: %s: %w", task, err)
			}
		}
		if err := p.Validate(factor); err != nil {
			return nil, fmt.Errorf("tasks: %s: %w", task, err)
		}
		tasks[task] = p
	}
	return tasks, nil
}

// params returns the numbers of a request for a task.
func (p *Pipeline) params(req *Request, task plan.Task) Params {
	switch {
	case req.Params != nil:
		return req.Params.settled()
	case req.ParamsFor != nil:
		return req.ParamsFor(task).settled()
	}
	return p.For(task).settled()
}

// take makes the run one of the plan's task, unless the request says of which it is. Method and size are settled by then.
func (r *run) take(req *Request) error {
	if req.Task != "" {
		r.plan.Task = req.Task
	}
	method, width, height := r.Method, r.Width, r.Height
	r.Params = r.Pipeline.params(req, r.plan.Task)
	r.Method, r.Width, r.Height = method, width, height
	return r.Params.Validate(r.vae.Config.Factor())
}
