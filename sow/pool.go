package sow

import (
	"context"
	"errors"
	"fmt"
)

// Pool makes pictures on several devices at a time. It is safe for concurrent use.
type Pool struct{ free chan *Pipeline }

// NewPool returns the pool of pipelines of one model, each opened [On] an engine of its own. It makes as many pictures at a time as there are
// pipelines; who asks for another one waits.
func NewPool(pipelines ...*Pipeline) (*Pool, error) {
	if len(pipelines) == 0 {
		return nil, errors.New("sow: a pool wants a pipeline")
	}
	p := &Pool{make(chan *Pipeline, len(pipelines))}
	for _, pipeline := range pipelines {
		if pipeline.Model != pipelines[0].Model {
			return nil, fmt.Errorf("sow: a pool of %s and %s: want one model", pipelines[0].Model, pipeline.Model)
		}
		p.free <- pipeline
	}
	return p, nil
}

// Generate is [Pipeline.Generate] on the first device that is free.
func (p *Pool) Generate(ctx context.Context, req Request) (*Result, error) {
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("sow: %w", ctx.Err())
	case pipeline := <-p.free:
		defer func() { p.free <- pipeline }()
		return pipeline.Generate(ctx, req)
	}
}
