package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"runtime/pprof"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/random"
	"github.com/sowgen/sowgen/tensor"
)

// bench is the command's flags, and what they lead to.
type bench struct {
	*app
	model, random  string
	device         string
	threads, reps  int
	precision      tensor.Precision
	only           []string
	profile        string
	json, paced    bool
	kernelByKernel bool

	fsys   fs.FS
	engine tensor.Engine // where all is computed
	gpu    *onGPU        // that, if it is a GPU
	held   any           // the network that the benchmark before worked with
	roof   float64       // operations a second that a core can do in float32, or the GPU in the precision
}

// benchmark is one thing to be measured.
type benchmark struct {
	name    string
	flop    float64                                                            // of a run
	part    bool                                                               // it ends with numbers on the host
	prepare func(context.Context) (run func(context.Context) error, err error) // loads what a run needs
}

// askedOnly begins the names of what is measured only if --only names it: each takes as long as a picture.
const askedOnly = "cow-"

func (a *app) benchCommand() *cobra.Command {
	b := &bench{app: a, device: "cpu"}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the speed and memory of kernels and networks on this machine",
		Long: `Measures how fast this machine computes: a core's roof (multiply-adds between registers), each kernel at the shapes
that Stable Diffusion gives it, and the networks: an evaluation of the UNet at 64×64 and 32×32 latents for one, two
and four prompts, the VAE at 512×512 pixels, the text encoder. Without flags that takes a minute or two, of a model of
Stable Diffusion 2.1's size with random weights. Whole COW pictures are measured if --only names them: of 512×512
(cow-512; cow-512-c1 has one cycle instead of ten) and of 128×128 (cow-128), reading the networks as generate does,
or, cow-512-warm, by a program that keeps them; cow-networks is reading them alone.

Of each, the fastest of a few runs counts: processor seconds of all threads together, wall seconds, and the
floating-point operations of the textbook's algorithm, whether or not fewer were done; so percent of the roof, which
is that of float32 products on one core, may be above 100. Peak memory is that of the process while it was measured,
weights included.

On a GPU (--device cuda) the times are those of the GPU's clock for a kernel, and of the wall for a network, each
against its roofline: what all its launches cannot be faster than, the products at the GPU's peak or the numbers,
each moved once, at its memory's bandwidth. Peaks follow from what the driver says of clocks, multiprocessors and the
memory's bus. The budget is the time at 60 % of the roofline (docs/cuda.md). The tensor cores want --precision f16 or mixed.`,
		Example: `  sowgen bench
  sowgen bench --only 'attention*,unet-64-b1' --threads 1
  sowgen bench --model path/to/stable-diffusion-2-1-base --only cow-512 --json > cow.json
  sowgen bench --device cuda --precision f16`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&b.model, "model", "", "`DIR` of a Stable Diffusion 1.x or 2.x in the diffusers layout, or builtin")
	flags.Var(choice[string]{&b.random, random.Names()}, "random", "a model of that size with random weights, made in memory (default sd21)")
	flags.Var(deviceValue{&b.device}, "device", "what is measured: this machine's processor, or a GPU in a build with CUDA")
	flags.IntVar(&b.threads, "threads", 0, "`N` processor threads; 0: all")
	flags.Var(precisionValue{&b.precision}, "precision", "of products; generate --help says what mixed and f16 are")
	flags.StringSliceVar(&b.only, "only", nil, "`NAMES` of what to measure; * stands for anything")
	flags.IntVar(&b.reps, "reps", 0, "`N` runs of each; 0: at least two unless they take long, and until half a second is spent")
	flags.StringVar(&b.profile, "profile", "", "`FILE` for where the processor's time went, for go tool pprof")
	flags.BoolVar(&b.json, "json", false, "print a list as JSON instead of a table")
	flags.BoolVar(&b.paced, "paced", false, "measure the only benchmark once for each line on standard input and print a line of JSON each: to take turns with other programs")
	flags.BoolVar(&b.kernelByKernel, "kernels", false, "on a GPU, print the kernels of each, the longest first")
	cmd.MarkFlagsMutuallyExclusive("model", "random")
	cmd.MarkFlagsMutuallyExclusive("json", "kernels")
	cmd.MarkFlagsMutuallyExclusive("paced", "kernels")
	cmd.MarkFlagsMutuallyExclusive("paced", "reps")
	cmd.MarkFlagsMutuallyExclusive("paced", "profile")
	cmd.MarkFlagDirname("model")
	cmd.RegisterFlagCompletionFunc("precision", cobra.FixedCompletions(precisionValue{&b.precision}.words(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("random", cobra.FixedCompletions(random.Names(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = a.work(func(cmd *cobra.Command, _ []string) error {
		if b.reps < 0 {
			return wrongFlag("reps", b.reps, "want 0 (as many as it takes) or more")
		}
		if err := setThreads(b.threads); err != nil {
			return err
		}
		if b.kernelByKernel && !b.measuresGPU() {
			return wrongFlag("kernels", true, "want --device cuda: a processor's time is told by --profile")
		}
		chosen, err := b.choose()
		if err != nil {
			return err
		}
		return on(b.device, b.precision, func(e tensor.Engine) error {
			if err := b.use(e); err != nil {
				return err
			}
			if b.paced {
				return b.pace(cmd.Context(), cmd.InOrStdin(), chosen)
			}
			return b.profiled(func() error { return b.run(cmd.Context(), chosen) })
		})
	})
	return cmd
}

// choose opens the model, without its weights, and returns what is to be measured.
func (b *bench) choose() (chosen []benchmark, err error) {
	if b.model != "" {
		b.fsys, err = sow.Folder(b.model)
	} else {
		if b.random == "" {
			b.random = "sd21"
		}
		b.model = "random " + b.random
		b.fsys, err = random.Model(b.random, 1)
	}
	if err != nil {
		return nil, err
	}
	networks, err := b.networks()
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", b.model, err)
	}
	all := slices.Concat(b.peaks(), b.kernels(), networks)
	for _, m := range all {
		if b.wants(m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		var names []string
		for _, m := range all {
			names = append(names, m.name)
		}
		return nil, wrongFlag("only", strings.Join(b.only, ","), "want some of "+strings.Join(names, ", "))
	}
	return chosen, nil
}

// use takes the engine of the device, and finds out what it can do at most.
func (b *bench) use(e tensor.Engine) (err error) {
	b.engine = e
	if !b.measuresGPU() {
		b.roof = roof()
		return nil
	}
	if b.gpu, err = meet(e); err == nil {
		b.roof = b.gpu.Peak(b.precision)
	}
	return err
}

// measuresGPU says so before there is an engine.
func (b *bench) measuresGPU() bool { return strings.HasPrefix(b.device, "cuda") }

func (b *bench) wants(name string) bool {
	if len(b.only) == 0 {
		return !strings.HasPrefix(name, askedOnly)
	}
	return slices.ContainsFunc(b.only, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// run measures all that was chosen, then prints it.
func (b *bench) run(ctx context.Context, chosen []benchmark) error {
	if _, ok := kernels.PeakBF16(0); !ok && b.gpu == nil && b.wants("peak-bf16") {
		fmt.Fprintf(b.stderr, "peak-bf16 is not measured: the %s kernels have no products of bfloat16 here\n", kernels.Implementation())
	}
	all := []measurement{}
	for i, m := range chosen {
		fmt.Fprintf(b.stderr, "%2d/%d  %s\n", i+1, len(chosen), m.name)
		measured, err := b.measure(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		all = append(all, measured)
	}
	if b.json {
		e := json.NewEncoder(b.stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	if b.gpu == nil {
		return b.print(all)
	}
	if err := b.printGPU(all); err != nil || !b.kernelByKernel {
		return err
	}
	for _, m := range chosen {
		run, err := b.ready(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		launched, err := b.gpu.kernelsOf(func() error { return run(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if err := b.printKernels(m.name, launched); err != nil {
			return err
		}
	}
	return nil
}

// profiled does what f does and writes the profile of it, if one is asked for.
func (b *bench) profiled(f func() error) error {
	if b.profile == "" {
		return f()
	}
	if err := picture.CheckOutput(b.profile, false); err != nil {
		return err
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return err
	}
	err := f()
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	return writeAll([]outputFile{{b.profile, profile.Bytes()}}, false)
}

// print writes the measurements as a table.
func (b *bench) print(all []measurement) error {
	fmt.Fprintf(b.stdout, "sowgen %s, model %s, precision %s, kernels %s, %d threads; the roof is %.1f GFLOP a second on a core\n\n",
		sow.Version(), oneLine(b.model), b.precision, kernels.Implementation(), kernels.Threads(), b.roof/1e9)
	t := tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "name\tcpu s\twall s\tGFLOP\tGFLOP/cpu s\t% of roof\tpeak MB\t")
	for _, m := range all {
		fmt.Fprintf(t, "%s\t%.4g\t%.4g\t%.4g\t%.1f\t%.1f\t%.0f\t\n", m.Name, m.CPU, m.Wall, m.GFLOP, m.GFLOP/m.CPU, m.Percent, m.Memory)
	}
	return t.Flush()
}
