package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"io/fs"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// networks are the model's parts, and a whole picture. Those of one network follow each other, so that it is loaded once.
func (b *bench) networks() ([]benchmark, error) {
	text, err := clip.ReadConfig(b.fsys, "text_encoder/config.json")
	if err != nil {
		return nil, err
	}
	autoencoder, err := vae.ReadConfig(b.fsys, "vae/config.json")
	if err != nil {
		return nil, err
	}
	network, err := unet.ReadConfig(b.fsys, "unet/config.json")
	if err != nil {
		return nil, err
	}
	const side = 512
	cells := side / autoencoder.Factor()
	all := []benchmark{
		b.clip(&text),
		b.vae("vae-encode-512", autoencoder.EncodeFLOP(side, side), []int{1, side, side, 3}, func(ctx context.Context, m *vae.Model, x *tensor.Tensor) error {
			_, _, err := m.Encode(ctx, x)
			return err
		}),
		b.vae("vae-decode-512", autoencoder.DecodeFLOP(side, side), []int{1, cells, cells, autoencoder.LatentChannels},
			func(ctx context.Context, m *vae.Model, x *tensor.Tensor) error {
				_, err := m.Decode(ctx, x)
				return err
			}),
	}
	for _, latents := range []int{32, 64} {
		for _, prompts := range []int{1, 2, 4} {
			all = append(all, b.unet(&network, latents, prompts, text.MaxPositionEmbeddings))
		}
	}
	for _, picture := range []struct {
		name         string
		side, cycles int
		warm         bool
	}{{"cow-128", 128, 10, false}, {"cow-512-c1", 512, 1, false}, {"cow-512", 512, 10, false}, {"cow-512-warm", 512, 10, true}} {
		all = append(all, b.cow(picture.name, picture.side, picture.cycles, picture.warm, &text, &autoencoder, &network))
	}
	return append(all, b.reading()), nil
}

// load returns the network that the benchmark before had, or another from folder dir.
func load[M any](ctx context.Context, b *bench, dir string, read func(fs.FS, string, tensor.Engine) (M, error)) (M, error) {
	if m, ok := b.held.(M); ok {
		return m, nil
	}
	b.held = nil
	b.rest()
	m, err := unlessDone(ctx, func() (M, error) { return read(b.fsys, dir, b.engine) })
	if err != nil {
		return m, fmt.Errorf("model %s: %w", b.model, err)
	}
	b.held = m
	collectOften()
	return m, nil
}

func (b *bench) clip(cfg *clip.Config) benchmark {
	tokens := cfg.MaxPositionEmbeddings
	return benchmark{"clip", cfg.FLOP(tokens), true, func(ctx context.Context) (func(context.Context) error, error) {
		m, err := load(ctx, b, "text_encoder", loadTextEncoder)
		ids := make([]int32, tokens)
		return func(ctx context.Context) error {
			_, err := m.Encode(ctx, ids)
			return err
		}, err
	}}
}

// vae is a run of one on an input of the shape, which is made beforehand: its random numbers take longer than a GPU.
func (b *bench) vae(name string, flop float64, shape []int, run func(context.Context, *vae.Model, *tensor.Tensor) error) benchmark {
	return benchmark{name, flop, true, func(ctx context.Context) (func(context.Context) error, error) {
		m, err := load(ctx, b, "vae", loadVAE)
		x := normal(shape...)
		return func(ctx context.Context) error { return run(ctx, m, x) }, err
	}}
}

// unet is an evaluation for several prompts about the same latents, as guidance asks for it. It counts as one for each prompt.
func (b *bench) unet(cfg *unet.Config, side, prompts, tokens int) benchmark {
	name := fmt.Sprintf("unet-%d-b%d", side, prompts)
	return benchmark{name, float64(prompts) * cfg.FLOP(side, side, tokens), true, func(ctx context.Context) (func(context.Context) error, error) {
		m, err := load(ctx, b, "unet", loadUNet)
		in := unet.Input{Sample: normal(1, side, side, cfg.InChannels), Timestep: 501, Context: normal(prompts, tokens, cfg.CrossAttentionDim)}
		return func(ctx context.Context) error {
			_, err := m.Forward(ctx, in)
			return err
		}, err
	}}
}

// How often a COW picture with the reference's numbers asks the UNet: about the canvas in the inversion, for two prompts up to node 5, in
// the two steps of each cycle, for four, and in the last five steps, for two; about the condition, which is half as wide and high, up to
// node 7, for two.
const (
	cowCanvas    = 5*2 + 5*2
	cowCycle     = 2 * 4
	cowCondition = 7 * 2
	cowPrompts   = 5 // the prompt, nothing, and what the cycles lead away from and to
)

// lasting is a pipeline that keeps its networks.
type lasting struct{ *sow.Pipeline }

// cow is a whole picture: what grows around a condition. A warm one has its networks, another reads each when it is its turn.
func (b *bench) cow(name string, side, cycles int, warm bool, text *clip.Config, autoencoder *vae.Config, network *unet.Config) benchmark {
	cells, tokens := side/autoencoder.Factor(), text.MaxPositionEmbeddings
	flop := cowPrompts*text.FLOP(tokens) + float64(cowCanvas+cowCycle*cycles)*network.FLOP(cells, cells, tokens) +
		cowCondition*network.FLOP(cells/2, cells/2, tokens)
	for _, side := range []int{side, side / 2} { // the condition is decoded too, for the report
		flop += autoencoder.EncodeFLOP(side, side) + autoencoder.DecodeFLOP(side, side)
	}
	return benchmark{name, flop, true, func(ctx context.Context) (func(context.Context) error, error) {
		draw := func(ctx context.Context, p *sow.Pipeline) error {
			_, err := p.Generate(ctx, cowRequest(side, cycles))
			return err
		}
		if warm {
			p, err := load(ctx, b, ".", b.open)
			return func(ctx context.Context) error { return draw(ctx, p.Pipeline) }, err
		}
		p, err := load(ctx, b, ".", func(fsys fs.FS, _ string, e tensor.Engine) (*sow.Pipeline, error) {
			return sow.OpenFS(fsys, b.model, sow.On(e), sow.LowMemory())
		})
		return func(ctx context.Context) error { return draw(ctx, p) }, err
	}}
}

// open reads all networks.
func (b *bench) open(fsys fs.FS, _ string, e tensor.Engine) (lasting, error) {
	p, err := sow.OpenFS(fsys, b.model, sow.On(e))
	return lasting{p}, err
}

// reading is how long it takes to have the networks, and to let go of them.
func (b *bench) reading() benchmark {
	return benchmark{"cow-networks", 0, true, func(context.Context) (func(context.Context) error, error) {
		b.held = nil
		return func(ctx context.Context) error {
			_, err := unlessDone(ctx, func() (lasting, error) { return b.open(b.fsys, ".", b.engine) })
			b.rest()
			return err
		}, nil
	}}
}

func cowRequest(side, cycles int) sow.Request {
	params := sow.DefaultParams()
	params.Method, params.Width, params.Height, params.Cycles = sow.COW, side, side, cycles
	condition := image.NewNRGBA(image.Rect(0, 0, side/2, side/2))
	for y := range side / 2 {
		for x := range side / 2 {
			condition.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), uint8(x + y), 255})
		}
	}
	return sow.Request{Prompt: "a portrait", Conditions: []sow.Condition{{Picture: condition}}, Seed: 1, Params: &params}
}
