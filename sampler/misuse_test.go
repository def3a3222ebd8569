package sampler

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// TestMisuse: what does not fit panics with a *tensor.Error that says what was wanted.
func TestMisuse(t *testing.T) {
	d, err := New(StableDiffusion(), 10, Aligned)
	require.NoError(t, err)
	x, other, flat := tensor.New(1, 2, 3, 4), tensor.New(1, 3, 2, 4), tensor.New(24)
	noise := NewNoise(0)
	for want, call := range map[string]func(){
		"sampler.DDIM.Clean: node 0: want 1 to 10":                                                                  func() { d.Step(x, x, 0, 0, nil) },
		"sampler.DDIM.Clean: node 11: want 1 to 10":                                                                 func() { d.Step(x, x, 11, 0, nil) },
		"sampler.DDIM.Timestep: node 0: want 1 to 10":                                                               func() { d.Timestep(0) },
		"sampler.DDIM.InvertTimestep: node 10: want 0 to 9":                                                         func() { d.InvertTimestep(10) },
		"sampler.DDIM.Invert: node 10: want 0 to 9":                                                                 func() { d.Invert(x, x, 10) },
		"sampler.DDIM.Invert: node -1: want 0 to 9":                                                                 func() { d.Invert(x, x, -1) },
		"sampler.DDIM.Level: node 11: want 0 to 10":                                                                 func() { d.Level(11) },
		"sampler.DDIM.Diffuse: node 11: want 0 to 10":                                                               func() { d.Diffuse(x, 5, 11, noise) },
		"sampler.DDIM.Diffuse: node 7: want 0 to 5":                                                                 func() { d.Diffuse(x, 7, 5, noise) },
		"sampler.DDIM.Diffuse [1 2 3 4]: from node 5 to 7 wants a noise source, got nil":                            func() { d.Diffuse(x, 5, 7, nil) },
		"sampler.DDIM.Step [1 2 3 4]: eta 0.5 wants a noise source, got nil":                                        func() { d.Step(x, x, 5, .5, nil) },
		"sampler.DDIM.Step [1 2 3 4]: eta 1.5: want 0 to 1":                                                         func() { d.Step(x, x, 5, 1.5, noise) },
		"sampler.DDIM.Step [1 2 3 4], [1 3 2 4]: want latents [n, h, w, c] of one shape":                            func() { d.Step(x, other, 5, 0, nil) },
		"sampler.DDIM.Invert [24], [24]: want latents [n, h, w, c] of one shape":                                    func() { d.Invert(flat, flat, 5) },
		"sampler.Schedule.Eps [1 2 3 4]: timestep 1000: want 0 to 999":                                              func() { d.Schedule().Eps(x, x, 1000) },
		"sampler.Guide [1 2 3 4], [1 3 2 4]: want latents [n, h, w, c] of one shape":                                func() { Guide(x, other, 2) },
		"sampler.MaskedGuide [1 3 2 1], [1 2 3 4]: want a mask [1 or n, h, w, 1 or c] for predictions [n, h, w, c]": func() { MaskedGuide(x, x, x, x, tensor.New(1, 3, 2, 1), 2) },
		"sampler.MaskedGuide [2 3], [1 2 3 4]: want a mask [1 or n, h, w, 1 or c] for predictions [n, h, w, c]":     func() { MaskedGuide(x, x, x, x, tensor.New(2, 3), 2) },
	} {
		err := func() (err error) {
			defer tensor.Catch(&err)
			call()
			return nil
		}()
		require.EqualError(t, err, "tensor: "+want)
	}
}

// TestMaskBroadcasts: one mask serves a batch and every channel.
func TestMaskBroadcasts(t *testing.T) {
	noise := NewNoise(3)
	var p [4]*tensor.Tensor
	for i := range p {
		p[i] = noise.Latents(2, 2, 3, 4)
	}
	mask := tensor.FromSlice([]float32{1, 0, 1, 0, 0, 1}, 1, 2, 3, 1)
	got := MaskedGuide(p[0], p[1], p[2], p[3], mask, 7.5)
	require.Equal(t, tensor.Floats(MaskedGuide(p[0], p[1], p[2], p[3], tensor.BroadcastTo(mask, 2, 2, 3, 4), 7.5)), tensor.Floats(got))

	plain := tensor.Floats(Guide(p[0], p[1], 7.5)) // where the mask is 1, plain guidance
	require.Equal(t, plain[:4], tensor.Floats(got)[:4])
	require.NotEqual(t, plain[4:8], tensor.Floats(got)[4:8])
}

// TestNoiseIsDrawnOnlyForEta: a run's random numbers depend on where eta is above 0, and on nothing else.
func TestNoiseIsDrawnOnlyForEta(t *testing.T) {
	d, err := New(StableDiffusion(), 10, Aligned)
	require.NoError(t, err)
	x := tensor.New(1, 4, 4, 2)
	noise, same := NewNoise(5), NewNoise(5)
	d.Step(x, x, 5, 0, noise)
	require.Equal(t, same, noise)
	d.Step(x, x, 5, 1e-9, noise)
	same.Latents(1, 4, 4, 2)
	require.Equal(t, same, noise)
	d.Diffuse(x, 3, 3, noise)
	same.Latents(1, 4, 4, 2)
	require.Equal(t, same, noise)
}
