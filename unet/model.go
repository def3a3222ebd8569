package unet

import (
	"context"
	"fmt"
	"slices"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// Model is the denoising network.
type Model struct {
	Config        Config
	convIn        *nn.Conv2D
	timeEmbedding *nn.TimestepEmbedding
	downBlocks    []*DownBlock
	midBlock      *MidBlock
	upBlocks      []*UpBlock
	convNormOut   *nn.GroupNorm
	convOut       *nn.Conv2D
}

// Load builds the network of cfg with the weights in src. The error names every tensor that is missing, of another shape or unused.
func Load(cfg Config, src weights.Source) (_ *Model, err error) {
	defer tensor.Catch(&err)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("unet: config: %w", err)
	}
	s := weights.NewScope(src)
	m := &Model{Config: cfg}
	channels := cfg.BlockOutChannels
	last := len(channels) - 1
	layers, _ := cfg.LayersPerBlock.Each("layers_per_block", len(channels)) // Validate has seen these two
	heads, _ := cfg.heads()

	m.convIn = nn.LoadConv3x3(s.Sub("conv_in"), cfg.InChannels, channels[0])
	m.timeEmbedding = nn.LoadTimestepEmbedding(s.Sub("time_embedding"), channels[0], cfg.timeDim())
	in := channels[0]
	for i, out := range channels {
		m.downBlocks = append(m.downBlocks, loadDownBlock(s.Sub("down_blocks").Index(i), in, out, layers[i], heads[i],
			cfg.DownBlockTypes[i] == crossAttnDown, i == last, &cfg))
		in = out
	}
	m.midBlock = loadMidBlock(s.Sub("mid_block"), channels[last], heads[last], &cfg)
	previous := channels[last]
	for i := range channels {
		j := last - i // the block on the way down that this one mirrors
		m.upBlocks = append(m.upBlocks, loadUpBlock(s.Sub("up_blocks").Index(i), previous, channels[j], channels[max(j-1, 0)], layers[j]+1, heads[j],
			cfg.UpBlockTypes[i] == crossAttnUp, i == last, &cfg))
		previous = channels[j]
	}
	m.convNormOut = nn.LoadGroupNorm(s.Sub("conv_norm_out"), channels[0], cfg.NormNumGroups, float32(cfg.NormEps))
	m.convOut = nn.LoadConv3x3(s.Sub("conv_out"), channels[0], cfg.OutChannels)
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	return m, nil
}

// timeDim is the width of the timestep embedding.
func (c *Config) timeDim() int { return 4 * c.BlockOutChannels[0] }

// Input is what one evaluation of the network is given.
type Input struct {
	// Sample is the noisy latents, [n, h, w, in], or [1, h, w, in] to ask n prompts about the same ones: everything before the first
	// cross-attention (at 64×64 cells its largest self-attention) is then computed once.
	Sample   *tensor.Tensor
	Timestep float32        // 0 … 999
	Context  *tensor.Tensor // [n, tokens, cross_attention_dim]: the encoded prompts …
	Prompts  *Prompts       // … or what Prepare made of them, which gives the same bytes

	// Regions, if not nil, says for each self-attention which part of the picture may read which, on the site's own grid; a nil answer
	// is plain attention. Everywhere makes it from regions of the latent grid.
	Regions func(Site) *tensor.Regions
	// Mass, if not nil, is called after each self-attention that Regions touches with the attention mass between regions,
	// [n, heads, R, R] as in [tensor.AttnParams]; [1, heads, R, R] where all prompts still share it.
	Mass func(site Site, mass []float32)
	// Map, if not nil, is called before each self-attention that Regions touches with where the tokens of each region look. That costs
	// several attentions (see [tensor.AttentionMap]).
	Map func(site Site, m Map)
}

// prompts is how many prompts are asked about.
func (in *Input) prompts() int {
	if in.Prompts != nil {
		return in.Prompts.n
	}
	return in.Context.Shape()[0]
}

// evaluation is what every block of one Forward reads.
type evaluation struct {
	Input
	arena *tensor.Arena
	n     int            // prompts
	temb  *tensor.Tensor // [1, timeDim]: SiLU of the timestep's embedding
}

// forAll returns x for every prompt of the batch.
func (e *evaluation) forAll(x *tensor.Tensor) *tensor.Tensor {
	s := x.Shape()
	if s[0] == e.n {
		return x
	}
	return tensor.BroadcastTo(x, e.n, s[1], s[2], s[3])
}

// selfAttention returns the tokens that the attention at site is to see, its parameters, and what to call after it. The tokens are x
// [n or 1, tokens, c], for each prompt its own where prompts go by rules of their own.
func (e *evaluation) selfAttention(site Site, x *tensor.Tensor) (tokens *tensor.Tensor, p tensor.AttnParams, done func()) {
	done = func() {}
	if e.Regions != nil {
		p.Regions = e.Regions(site)
	}
	if p.Regions == nil {
		return x, p, done
	}
	if s := x.Shape(); s[0] < e.n && len(p.Regions.PerHead) > site.Heads {
		x = tensor.BroadcastTo(x, e.n, s[1], s[2])
	}
	if e.Mass != nil {
		p.Mass = make([]float32, x.Shape()[0]*site.Heads*len(p.Regions.Rules)*len(p.Regions.Rules))
		done = func() { e.Mass(site, p.Mass) }
	}
	return x, p, done
}

// crossAttention returns what x [n or 1, tokens, c] reads of the prompts, plus residual of that shape.
func (e *evaluation) crossAttention(a *nn.Attention, x, residual *tensor.Tensor) *tensor.Tensor {
	if e.Prompts == nil {
		return a.Cross(x, e.Context, residual)
	}
	kv := e.Prompts.read[a]
	return a.Read(x, e.arena.Enter(kv[0]), e.arena.Enter(kv[1]), residual)
}

// Forward returns the prediction [n, h, w, out] for the noisy latents: the noise or, for models trained so, the velocity. It returns
// ctx's error as soon as ctx is done, checked at every block. Sample and context may lie on any engine; the prediction is in ordinary memory.
func (m *Model) Forward(ctx context.Context, in Input) (y *tensor.Tensor, err error) {
	defer tensor.Catch(&err)
	if err := m.check(in); err != nil {
		return nil, err
	}
	arena := tensor.Borrow(tensor.Device(m.convIn.Bias))
	defer arena.Return(&y)
	in.Sample, in.Context = arena.Enter(in.Sample), arena.Enter(in.Context)
	sinusoids := arena.Enter(nn.Timesteps(in.Timestep, m.Config.BlockOutChannels[0], m.Config.FlipSinToCos, float32(m.Config.FreqShift)))
	e := &evaluation{Input: in, arena: arena, n: in.prompts(), temb: m.timeEmbedding.ForwardSiLU(sinusoids)}

	x := m.convIn.Forward(in.Sample)
	skips := []*tensor.Tensor{x}
	for _, b := range m.downBlocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, skips = b.forward(x, skips, e)
	}
	x = m.midBlock.forward(x, e)
	for _, b := range m.upBlocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, skips = b.forward(x, skips, e)
	}
	return m.convOut.ForwardNormed(x, m.convNormOut), nil
}

// check reports inputs the network was not built for.
func (m *Model) check(in Input) error {
	if in.Sample == nil || in.Sample.Dims() != 4 || in.Sample.Shape()[3] != m.Config.InChannels {
		return fmt.Errorf("unet: sample: want [n, h, w, %d], got %v", m.Config.InChannels, shapeOf(in.Sample))
	}
	n := in.Sample.Shape()[0]
	switch {
	case in.Prompts == nil:
		if err := m.checkContext(in.Context, n); err != nil {
			return err
		}
	case n != 1 && n != in.Prompts.n:
		return fmt.Errorf("unet: prompts: want %d, the n of the sample, got %d", n, in.Prompts.n)
	}
	if !(in.Timestep >= 0 && in.Timestep <= 1e6) {
		return fmt.Errorf("unet: timestep %g is out of range, want 0 … 999", in.Timestep)
	}
	return nil
}

// checkContext reports a context that does not fit the network or a sample of n.
func (m *Model) checkContext(context *tensor.Tensor, n int) error {
	if context == nil || context.Dims() != 3 || context.Shape()[2] != m.Config.CrossAttentionDim || n != 1 && n != context.Shape()[0] {
		return fmt.Errorf("unet: context: want [n, tokens, %d] for the n = %d of the sample, got %v", m.Config.CrossAttentionDim, n, shapeOf(context))
	}
	return nil
}

func shapeOf(t *tensor.Tensor) []int {
	if t == nil {
		return nil
	}
	return slices.Clone([]int(t.Shape()))
}
