package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// tensors are named as in diffusers.
type tensors map[string]*tensor.Tensor

// forward is the command's flags and its input.
type forward struct {
	model, part, input, output string
	threads                    int
	precision                  tensor.Precision
	device                     string
	force                      bool

	engine tensor.Engine // of the device

	fsys fs.FS
	in   *weights.File
}

// passages run one component on the tensors of a file, which are laid out as in diffusers: pictures and latents [n, c, h, w].
var passages = map[string]func(*forward, context.Context) (tensors, error){
	"text_encoder": (*forward).textEncoder,
	"unet":         (*forward).unet,
	"vae_encoder":  (*forward).encoder,
	"vae_decoder":  (*forward).decoder,
}

func (a *app) forwardCommand() *cobra.Command {
	f := forward{device: "cpu"}
	names := slices.Sorted(maps.Keys(passages))
	cmd := &cobra.Command{
		Use:   "forward",
		Short: "Run one component of a model on the tensors of a safetensors file",
		Long: `Runs one component of a model on the tensors of a safetensors file, named and laid out as in diffusers, and writes
what comes out: to compare numbers with PyTorch, or to use a component alone.

  text_encoder  input_ids [n, tokens] (int64 or int32)            → last_hidden_state [n, tokens, d]
  unet          sample [n, c, h, w], timestep [] or [1] or [n],
                encoder_hidden_states [n, tokens, d]              → sample [n, c, h, w]
  vae_encoder   image [n, 3, H, W] in -1 … 1                      → mean, logvar [n, c, h, w], not scaled
  vae_decoder   latents [n, c, h, w], not scaled                  → image [n, 3, H, W] in about -1 … 1

Numbers may be stored as F32, F16 or BF16; what is written is F32. Tensors of other names are not looked at.`,
		Example: `  sowgen forward --model path/to/stable-diffusion-2-1-base --component unet --input in.safetensors --output out.safetensors`,
		Args:    cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.model, "model", sow.Builtin, "`DIR` of a Stable Diffusion 1.x or 2.x in the diffusers layout, or builtin")
	flags.Var(choice[string]{&f.part, names}, "component", "which part of the model")
	flags.StringVar(&f.input, "input", "", "`FILE` (safetensors) with what goes in")
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` (safetensors) for what comes out")
	flags.IntVar(&f.threads, "threads", 0, "`N` processor threads; 0: all")
	flags.Var(deviceValue{&f.device}, "device", "what the network runs on: this machine's processor, or a GPU in a build with CUDA")
	flags.Var(precisionValue{&f.precision}, "precision", "mixed: products of bfloat16 in linear layers, 1×1 convolutions and attention, on a GPU in all convolutions; f16: of float16, on a GPU only")
	flags.BoolVar(&f.force, "force", false, "replace the output if it exists")
	cmd.RegisterFlagCompletionFunc("component", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("precision", cobra.FixedCompletions(precisionValue{&f.precision}.words(), cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagDirname("model")
	cmd.MarkFlagFilename("input", "safetensors")
	cmd.MarkFlagFilename("output", "safetensors")
	cmd.RunE = a.work(func(cmd *cobra.Command, _ []string) error {
		switch {
		case f.part == "":
			return &usageError{"--component is missing: want " + strings.Join(names, ", ")}
		case f.input == "":
			return &usageError{"--input is missing: name the safetensors file with what goes in"}
		case f.output == "":
			return &usageError{"--output is missing: name the safetensors file to write"}
		}
		if err := setThreads(f.threads); err != nil {
			return err
		}
		return f.run(cmd.Context())
	})
	return cmd
}

func (f *forward) run(ctx context.Context) (err error) {
	if err := picture.CheckOutput(f.output, f.force); err != nil {
		return err
	}
	if f.in, err = weights.OpenFile(f.input); err != nil {
		return err
	}
	defer f.in.Close()
	if f.fsys, err = sow.Folder(f.model); err != nil {
		return err
	}
	out, err := unlessDone(ctx, func() (out tensors, err error) {
		err = on(f.device, f.precision, func(e tensor.Engine) (err error) {
			f.engine = e
			out, err = passages[f.part](f, ctx)
			return err
		})
		return out, err
	})
	if err != nil {
		return err
	}
	arrays := map[string]weights.Array{}
	for name, t := range out {
		arrays[name] = weights.Floats(t)
	}
	var b bytes.Buffer
	if err := weights.Encode(&b, arrays, nil); err != nil {
		return fmt.Errorf("%s: %w", f.output, err)
	}
	return writeAll([]outputFile{{f.output, b.Bytes()}}, f.force)
}

// wrong is an error about a tensor of the input.
func (f *forward) wrong(name, format string, args ...any) error {
	return &weights.Error{File: f.input, Tensor: name, Reason: fmt.Sprintf(format, args...)}
}

// loadFor loads the component that f needs.
func loadFor[M any](f *forward, dir string, load func(fs.FS, string, tensor.Engine) (M, error)) (M, error) {
	m, err := load(f.fsys, dir, f.engine)
	if err != nil {
		return m, fmt.Errorf("model %s: %w", f.model, err)
	}
	return m, nil
}

func (f *forward) textEncoder(ctx context.Context) (tensors, error) {
	ids, err := f.in.Ints("input_ids")
	if err != nil {
		return nil, err
	}
	shape, _, _ := f.in.Shape("input_ids")
	if len(shape) == 1 {
		shape = []int{1, shape[0]}
	}
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 {
		return nil, f.wrong("input_ids", "shape %v, want [n, tokens]", shape)
	}
	m, err := loadFor(f, "text_encoder", loadTextEncoder)
	if err != nil {
		return nil, err
	}
	var rows []*tensor.Tensor
	for row := range slices.Chunk(ids, shape[1]) {
		tokens := make([]int32, len(row))
		for i, id := range row {
			if id < 0 || id >= int64(m.Config.VocabSize) {
				return nil, f.wrong("input_ids", "%d is no token: want 0 … %d", id, m.Config.VocabSize-1)
			}
			tokens[i] = int32(id)
		}
		hidden, err := m.Encode(ctx, tokens)
		if err != nil {
			return nil, err
		}
		rows = append(rows, hidden)
	}
	return tensors{"last_hidden_state": tensor.Concat(0, rows...)}, nil
}

func (f *forward) unet(ctx context.Context) (tensors, error) {
	sample, err := f.images("sample")
	if err != nil {
		return nil, err
	}
	hidden, err := f.in.Tensor("encoder_hidden_states")
	if err != nil {
		return nil, err
	}
	n := sample.Shape()[0]
	if s := hidden.Shape(); len(s) != 3 || s[0] != n {
		return nil, f.wrong("encoder_hidden_states", "shape %v, want [%d, tokens, d] as sample has %d", s, n, n)
	}
	times, err := f.timesteps(n)
	if err != nil {
		return nil, err
	}
	m, err := loadFor(f, "unet", loadUNet)
	if err != nil {
		return nil, err
	}
	// Those of equal time go through together.
	var parts []*tensor.Tensor
	for from := 0; from < n; {
		to := from + 1
		for to < n && times[to] == times[from] {
			to++
		}
		out, err := m.Forward(ctx, unet.Input{
			Sample: tensor.Slice(sample, 0, from, to), Timestep: times[from], Context: tensor.Slice(hidden, 0, from, to),
		})
		if err != nil {
			return nil, err
		}
		parts, from = append(parts, out), to
	}
	return tensors{"sample": tensor.ToChannelsFirst(tensor.Concat(0, parts...))}, nil
}

func (f *forward) encoder(ctx context.Context) (tensors, error) {
	image, err := f.images("image")
	if err != nil {
		return nil, err
	}
	m, err := loadFor(f, "vae", loadVAE)
	if err != nil {
		return nil, err
	}
	mean, logvar, err := m.Encode(ctx, image)
	if err != nil {
		return nil, err
	}
	return tensors{"mean": tensor.ToChannelsFirst(mean), "logvar": tensor.ToChannelsFirst(logvar)}, nil
}

func (f *forward) decoder(ctx context.Context) (tensors, error) {
	latents, err := f.images("latents")
	if err != nil {
		return nil, err
	}
	m, err := loadFor(f, "vae", loadVAE)
	if err != nil {
		return nil, err
	}
	image, err := m.Decode(ctx, latents)
	if err != nil {
		return nil, err
	}
	return tensors{"image": tensor.ToChannelsFirst(image)}, nil
}

// images reads a tensor [n, c, h, w] as [n, h, w, c].
func (f *forward) images(name string) (*tensor.Tensor, error) {
	t, err := f.in.Tensor(name)
	if err != nil {
		return nil, err
	}
	if t.Dims() != 4 {
		return nil, f.wrong(name, "shape %v, want [n, c, h, w]", t.Shape())
	}
	return tensor.ToChannelsLast(t), nil
}

// timesteps reads a timestep, or one for each of n.
func (f *forward) timesteps(n int) ([]float32, error) {
	shape, dtype, _ := f.in.Shape("timestep")
	var times []float32
	if strings.HasPrefix(dtype, "I") {
		whole, err := f.in.Ints("timestep")
		if err != nil {
			return nil, err
		}
		for _, t := range whole {
			times = append(times, float32(t))
		}
	} else {
		t, err := f.in.Tensor("timestep")
		if err != nil {
			return nil, err
		}
		times = tensor.Floats(t)
	}
	switch {
	case len(shape) > 1 || len(times) != 1 && len(times) != n:
		return nil, f.wrong("timestep", "shape %v, want [], [1] or [%d]", shape, n)
	case slices.ContainsFunc(times, func(t float32) bool { return !(t >= 0 && t <= math.MaxInt32) }):
		return nil, f.wrong("timestep", "%v, want 0 … 999", times)
	case len(times) == 1:
		times = slices.Repeat(times, n)
	}
	return times, nil
}
