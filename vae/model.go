package vae

import (
	"context"
	"fmt"
	"strings"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Model is the autoencoder.
type Model struct {
	Config  Config
	encoder *encoder
	decoder *decoder
}

// Load builds the autoencoder of cfg with the weights in src. Files written before diffusers 0.15 name the attention's projections
// query, key, value and proj_attn; both are read. The error names every tensor that is missing, of another shape or unused.
func Load(cfg Config, src weights.Source) (_ *Model, err error) {
	defer tensor.Catch(&err)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("vae: config: %w", err)
	}
	s := weights.NewScope(weights.Rename(src, oldNames))
	m := &Model{Config: cfg, encoder: loadEncoder(s, &cfg), decoder: loadDecoder(s, &cfg)}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("vae: %w", err)
	}
	return m, nil
}

// oldNames returns today's name of a tensor.
func oldNames(name string) string {
	if !strings.Contains(name, ".attentions.") {
		return name
	}
	return strings.NewReplacer(".query.", ".to_q.", ".key.", ".to_k.", ".value.", ".to_v.", ".proj_attn.", ".to_out.0.").Replace(name)
}

// Encode returns the mean and the log variance (clamped to [-30, 20]) of the latents of x [n, h, w, in] in [-1, 1], each
// [n, h/f, w/f, latent] and not yet scaled. The sides of x must be multiples of f = Config.Factor(). It returns
// ctx's error as soon as ctx is done, checked at every block. x may lie on any engine; the results are in ordinary memory.
func (m *Model) Encode(ctx context.Context, x *tensor.Tensor) (mean, logvar *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	f := m.Config.Factor()
	if x.Dims() != 4 || x.Shape()[3] != m.Config.InChannels || x.Shape()[1]%f != 0 || x.Shape()[2]%f != 0 {
		return nil, nil, fmt.Errorf("vae: picture: want [n, h, w, %d] with sides that are multiples of %d, got %v", m.Config.InChannels, f, x.Shape())
	}
	arena := tensor.Borrow(tensor.Device(m.encoder.convIn.Bias))
	defer arena.Return(&mean, &logvar)
	both, err := m.encoder.forward(ctx, arena.Enter(x))
	if err != nil {
		return nil, nil, err
	}
	moments := tensor.Split(both, 3, 2)
	return moments[0], tensor.Clamp(moments[1], -30, 20), nil
}

// Sample returns mean + e^(logvar/2)·noise, a draw from the latents' distribution: the reparametrisation of Kingma & Welling, eq. 4.
func Sample(mean, logvar, noise *tensor.Tensor) *tensor.Tensor {
	return tensor.Add(mean, tensor.Mul(tensor.Exp(tensor.Scale(logvar, 0.5)), noise))
}

// Decode returns the pictures [n, f·h, f·w, out] of unscaled latents [n, h, w, latent], about [-1, 1]. ctx is heeded and memory chosen as
// in Encode.
func (m *Model) Decode(ctx context.Context, latents *tensor.Tensor) (y *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	if latents.Dims() != 4 || latents.Shape()[3] != m.Config.LatentChannels {
		return nil, fmt.Errorf("vae: latents: want [n, h, w, %d], got %v", m.Config.LatentChannels, latents.Shape())
	}
	arena := tensor.Borrow(tensor.Device(m.decoder.convIn.Bias))
	defer arena.Return(&y)
	return m.decoder.forward(ctx, arena.Enter(latents))
}
