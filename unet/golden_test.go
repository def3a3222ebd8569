package unet

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// testdata/models and golden-*.safetensors of package sow, made by sow/testdata/gen_golden.py.
const data = "../sow/testdata/"

// All tests run in poisoned memory: what reads it before it is written, or after it was given back, gives NaN.
func init() { tensor.PoisonArenas(true) }

func load(t *testing.T, kind string) (*Model, weights.Source) {
	t.Helper()
	return loadOn(t, tensortest.Device(t), kind)
}

func loadOn(t *testing.T, e tensor.Engine, kind string) (*Model, weights.Source) {
	t.Helper()
	fsys := os.DirFS(data + "models/" + kind)
	cfg, err := ReadConfig(fsys, "unet/config.json")
	require.NoError(t, err)
	src, err := weights.OpenFolder(fsys, "unet", "diffusion_pytorch_model")
	require.NoError(t, err)
	defer src.Close()
	m, err := Load(cfg, weights.On(e, src))
	require.NoError(t, err)
	golden, err := weights.OpenFile(data + "golden-" + kind + ".safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { golden.Close() })
	return m, golden
}

func read(t *testing.T, src weights.Source, name string) *tensor.Tensor {
	t.Helper()
	x, err := src.Tensor(name)
	require.NoError(t, err)
	return x
}

// TestAgreesWithDiffusers holds the whole network to 1e-4 of the output's standard deviation, at even and at odd sizes.
func TestAgreesWithDiffusers(t *testing.T) {
	for _, kind := range []string{"sd15", "sd21", "vpred"} {
		m, golden := load(t, kind)
		for _, name := range []string{"unet", "unet_odd"} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				got, err := m.Forward(context.Background(), Input{
					Sample:   tensor.ToChannelsLast(read(t, golden, name+"/sample")),
					Timestep: 501,
					Context:  read(t, golden, name+"/encoder_hidden_states"),
				})
				require.NoError(t, err)
				tensortest.CloseToStd(t, tensor.ToChannelsFirst(got), read(t, golden, name+"/out"), 1e-4)
			})
		}
	}
}

// TestSharedSample: asking several prompts about one sample gives what asking them about copies of it gives.
func TestSharedSample(t *testing.T) {
	m, golden := load(t, "vpred")
	one := tensor.Slice(tensor.ToChannelsLast(read(t, golden, "unet/sample")), 0, 0, 1)
	in := Input{Sample: tensor.Concat(0, one, one), Timestep: 501, Context: read(t, golden, "unet/encoder_hidden_states")}
	copies, err := m.Forward(context.Background(), in)
	require.NoError(t, err)
	in.Sample = one
	shared, err := m.Forward(context.Background(), in)
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(copies), tensor.Floats(shared))
}

// TestStepsAllocateNothing: once the arena has settled, only headers of tensors come from the heap, and the arena does not grow.
func TestStepsAllocateNothing(t *testing.T) {
	m, golden := loadOn(t, tensor.CPU{}, "sd21")
	context1 := tensor.Slice(read(t, golden, "unet/encoder_hidden_states"), 0, 0, 1)
	in := Input{Sample: tensor.New(1, 64, 64, 4), Timestep: 501, Context: tensor.Concat(0, context1, context1, context1)}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection may take the kernels' working memory
	tensor.ReleaseArenas(tensor.CPU{})
	step := func() (allocated uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := m.Forward(context.Background(), in)
		require.NoError(t, err)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	step()
	step() // where an arena is not one stretch of addresses, it becomes one piece only now (in a race build, too)
	peak := tensor.ArenaPeak(tensor.CPU{})
	for range 2 {
		smallest := uint64(3 * 64 * 64 * m.Config.BlockOutChannels[0] * 4) // a feature map of the first level
		require.Less(t, step(), smallest)
	}
	require.Equal(t, peak, tensor.ArenaPeak(tensor.CPU{}))
}

// TestPreparedPrompts: keys and values that were computed once give the bytes of those computed at every step, and do not outlive Close.
func TestPreparedPrompts(t *testing.T) {
	for _, kind := range []string{"sd15", "sd21"} {
		m, golden := load(t, kind)
		in := Input{Sample: tensor.Slice(tensor.ToChannelsLast(read(t, golden, "unet/sample")), 0, 0, 1), Context: read(t, golden, "unet/encoder_hidden_states")}
		prompts, err := m.Prepare(in.Context)
		require.NoError(t, err)
		for _, in.Timestep = range []float32{1, 981} {
			want, err := m.Forward(context.Background(), in)
			require.NoError(t, err)
			got, err := m.Forward(context.Background(), Input{Sample: in.Sample, Timestep: in.Timestep, Prompts: prompts})
			require.NoError(t, err)
			require.Equal(t, tensor.Floats(want), tensor.Floats(got))
		}
		_, err = m.Forward(context.Background(), Input{Sample: tensor.New(3, 16, 16, 4), Prompts: prompts})
		require.EqualError(t, err, "unet: prompts: want 3, the n of the sample, got 2")
		_, err = m.Prepare(tensor.New(2, 3))
		require.ErrorContains(t, err, "unet: context: want [n, tokens, 32]")
		prompts.Close()
		_, err = m.Forward(context.Background(), Input{Sample: in.Sample, Prompts: prompts})
		require.ErrorContains(t, err, "memory that was given back")
	}
}

// TestRegionsReachEverySite checks that the rules take effect in every self-attention whose grid is large enough, and that neutral
// rules change nothing.
func TestRegionsReachEverySite(t *testing.T) {
	m, golden := load(t, "vpred")
	in := Input{
		Sample:   tensor.ToChannelsLast(read(t, golden, "unet/sample")),
		Timestep: 501,
		Context:  read(t, golden, "unet/encoder_hidden_states"),
	}
	plain, err := m.Forward(context.Background(), in)
	require.NoError(t, err)

	regions := &tensor.Regions{Labels: make([]uint8, 16*16), Height: 16, Width: 16, Rules: [][]tensor.Rule{{{}, {}}, {{}, {}}}, Smallest: 5}
	for i := range 8 * 16 {
		regions.Labels[i] = 1
	}
	in.Regions = Everywhere(regions)
	same, err := m.Forward(context.Background(), in)
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(plain), tensor.Floats(same), "neutral rules")

	regions.Rules[0][1].Target = 0.7
	sites := map[string]Site{}
	in.Mass = func(site Site, mass []float32) {
		sites[site.Name] = site
		for head := range len(mass) / 4 {
			require.InDelta(t, 0.7, mass[4*head+1], 1e-5, "what region 0 gives region 1 at %s, head %d", site.Name, head)
		}
	}
	changed, err := m.Forward(context.Background(), in)
	require.NoError(t, err)
	require.NotEqual(t, tensor.Floats(plain), tensor.Floats(changed))
	// Two levels have transformers, with two layers on the way down and three up; the middle's grid of 4×4 is below Smallest.
	require.Len(t, sites, 2*2+2*3)
	require.Contains(t, sites, "down_blocks.0.attentions.1.transformer_blocks.0.attn1")
}

// TestSites: the config alone tells which self-attentions there are, in their order; odd grids included.
func TestSites(t *testing.T) {
	for _, name := range []string{"sd15", "sd21", "vpred"} {
		m, _ := load(t, name)
		for _, size := range [][2]int{{16, 16}, {9, 14}} {
			var seen []Site
			_, err := m.Forward(context.Background(), Input{
				Sample: tensor.New(1, size[0], size[1], 4), Timestep: 1, Context: tensor.New(1, 77, m.Config.CrossAttentionDim),
				Regions: func(s Site) *tensor.Regions { seen = append(seen, s); return nil },
			})
			require.NoError(t, err)
			require.Equal(t, seen, m.Config.Sites(size[0], size[1]))
		}
	}
}

// TestMaps: what a region gives to the cells of another adds up to the mass between them, also on a map that is coarser than its site.
func TestMaps(t *testing.T) {
	m, golden := load(t, "vpred")
	regions := &tensor.Regions{Labels: make([]uint8, 40*12), Height: 40, Width: 12, Rules: [][]tensor.Rule{{{}, {Target: 0.7}}, {{Alpha: 0.5}, {}}}}
	for i := range 20 * 12 {
		regions.Labels[i] = 1
	}
	maps := map[string]Map{}
	sample := tensor.New(1, 40, 12, 4)
	for i := range tensor.Floats(sample) {
		tensor.Floats(sample)[i] = float32(i*i%37)/18 - 1
	}
	_, err := m.Forward(context.Background(), Input{
		Sample: sample, Timestep: 501, Context: read(t, golden, "unet/encoder_hidden_states"), Regions: Everywhere(regions),
		Map: func(s Site, m Map) { maps[s.Name] = m },
		Mass: func(s Site, mass []float32) {
			m, upper := maps[s.Name], regions.On(s.Height, s.Width).Labels
			require.LessOrEqual(t, max(m.Height, m.Width), 32)
			step, cells := (max(s.Height, s.Width)+31)/32, m.Height*m.Width
			for i, want := range mass { // [n, heads, 2, 2]
				sum := 0.0
				for c, given := range tensor.Floats(m.Mass)[i/2*cells : (i/2+1)*cells] {
					if int(upper[c/m.Width*step*s.Width]) == i%2 {
						sum += float64(given)
					}
				}
				require.InDelta(t, want, sum, 1e-5, s.Name)
			}
		},
	})
	require.NoError(t, err)
	require.NotEmpty(t, maps)
}

// TestRegionsOfOnePrompt: rules for one prompt of the batch leave the others as they are, also where the prompts share their latents.
func TestRegionsOfOnePrompt(t *testing.T) {
	m, golden := load(t, "vpred")
	one := tensor.Slice(tensor.ToChannelsLast(read(t, golden, "unet/sample")), 0, 0, 1)
	in := Input{Sample: one, Timestep: 501, Context: read(t, golden, "unet/encoder_hidden_states")}
	plain, err := m.Forward(context.Background(), in)
	require.NoError(t, err)
	neutral, target := [][]tensor.Rule{{{}, {}}, {{}, {}}}, [][]tensor.Rule{{{}, {Target: 0.7}}, {{}, {}}}
	in.Regions = func(s Site) *tensor.Regions {
		r := &tensor.Regions{Labels: make([]uint8, s.Height*s.Width), Height: s.Height, Width: s.Width, Rules: neutral, PerHead: make([][][]tensor.Rule, 2*s.Heads)}
		for i := range s.Height / 2 * s.Width {
			r.Labels[i] = 1
		}
		for h := range s.Heads {
			r.PerHead[s.Heads+h] = target
		}
		return r
	}
	ruled, err := m.Forward(context.Background(), in)
	require.NoError(t, err)
	require.InDeltaSlice(t, tensor.Floats(tensor.Slice(plain, 0, 0, 1)), tensor.Floats(tensor.Slice(ruled, 0, 0, 1)), 1e-5)
	require.NotEqual(t, tensor.Floats(tensor.Slice(plain, 0, 1, 2)), tensor.Floats(tensor.Slice(ruled, 0, 1, 2)))
}

func TestForwardRefuses(t *testing.T) {
	m, golden := load(t, "sd21")
	good := Input{Sample: tensor.New(1, 16, 16, 4), Timestep: 1, Context: tensor.New(1, 77, 32)}
	_, err := m.Forward(context.Background(), good)
	require.NoError(t, err)
	for name, change := range map[string]func(*Input){
		"sample":   func(in *Input) { in.Sample = tensor.New(1, 16, 16, 3) },
		"context":  func(in *Input) { in.Context = read(t, golden, "vae_decoder/latents") },
		"timestep": func(in *Input) { in.Timestep = -1 },
		"regions": func(in *Input) {
			in.Regions = func(Site) *tensor.Regions { return &tensor.Regions{Height: 8, Width: 8, Labels: make([]uint8, 64)} }
		},
	} {
		in := good
		change(&in)
		_, err := m.Forward(context.Background(), in)
		require.ErrorContains(t, err, name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = m.Forward(ctx, good)
	require.ErrorIs(t, err, context.Canceled)
}

func TestConfigRefuses(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"block_out_channels": func(c *Config) { c.BlockOutChannels = []int{0, 64} },
		"down_block_types":   func(c *Config) { c.DownBlockTypes = []string{"AttnDownBlock2D", "DownBlock2D"} },
		"up_block_types":     func(c *Config) { c.UpBlockTypes = c.UpBlockTypes[:1] },
		"layers_per_block":   func(c *Config) { c.LayersPerBlock = []int{1e9} },
		"attention_head_dim": func(c *Config) { c.AttentionHeadDim = []int{7} },
		"norm_num_groups":    func(c *Config) { c.NormNumGroups = 5 },
		"norm_eps":           func(c *Config) { c.NormEps = -1 },
		"mid_block_type":     func(c *Config) { c.MidBlockType = "UNetMidBlock2DSimpleCrossAttn" },
	} {
		cfg := DefaultConfig()
		cfg.BlockOutChannels = []int{32, 64}
		cfg.DownBlockTypes, cfg.UpBlockTypes = []string{crossAttnDown, plainDown}, []string{plainUp, crossAttnUp}
		require.NoError(t, cfg.Validate())
		change(&cfg)
		require.ErrorContains(t, cfg.Validate(), want)
	}
}
