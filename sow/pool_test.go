package sow

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// TestPool: pictures that two devices make at a time are those that each makes alone.
func TestPool(t *testing.T) {
	engines := tensortest.TwoDevices(t)
	var pipelines []*Pipeline
	for _, e := range engines {
		p, err := Open("testdata/models/sd21", On(e))
		require.NoError(t, err)
		pipelines = append(pipelines, p)
	}
	pool, err := NewPool(pipelines...)
	require.NoError(t, err)
	params := pipelines[0].Defaults
	params.Method, params.Steps, params.Width, params.Height, params.Guidance, params.Negative = Text, 1, 64, 64, 1, ""
	const pictures = 2
	results, errs := make([]*Result, pictures), make([]error, pictures)
	var group sync.WaitGroup
	for i := range pictures {
		group.Go(func() {
			results[i], errs[i] = pool.Generate(context.Background(), Request{Prompt: prompt, Seed: uint64(i), Params: &params})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	for i, r := range results {
		alone, err := pipelines[0].Generate(context.Background(), Request{Prompt: prompt, Seed: uint64(i), Params: &params})
		require.NoError(t, err)
		require.Equal(t, tensor.Floats(alone.Latents), tensor.Floats(r.Latents))
	}

	for range engines { // all are at work
		p := <-pool.free
		defer func() { pool.free <- p }()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = pool.Generate(ctx, Request{Prompt: prompt, Params: &params})
	require.ErrorIs(t, err, context.Canceled)
}

func TestPoolRefuses(t *testing.T) {
	_, err := NewPool()
	require.ErrorContains(t, err, "wants a pipeline")
	_, err = NewPool(openTiny(t, "sd15"), openTiny(t, "sd21"))
	require.ErrorContains(t, err, "want one model")
}
