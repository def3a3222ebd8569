package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// generate is the command's flags, and what they lead to.
type generate struct {
	*app
	sets []flagSet

	prompt     string
	conditions []string
	mask, keep string
	box        image.Rectangle
	planner    string
	plan       string
	warning    string // about the plan

	model   string
	params  sow.Params // DefaultParams until the model is open; see settle
	seed    uint64
	seeded  bool
	threads int

	output, latents, savePlan string
	json, force               bool
}

// flagSet is the flags of one subject, as the help shows them.
type flagSet struct {
	title string
	*pflag.FlagSet
}

func (a *app) generateCommand() *cobra.Command {
	g := &generate{app: a, params: sow.DefaultParams(), keep: "white", planner: "offline"}
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a picture: keep a condition, grow the rest from a text",
		Long: `Keeps a condition, a face as a rule, and grows a whole picture around it from a text (method sow or cow), or makes
a picture from the text alone (method text).

The condition is laid into a box on the canvas. What its mask, or its transparency, keeps stays; everything else
grows. Without --box the planner places it: words in the prompt such as "on the left", "close-up" or "full body"
move it. --save-plan writes what was planned as JSON, which may be edited and given back with --plan.

When it does not look right:
  the face is blurred or changed    --late-overwrite every, then --blend feather or poisson; a larger --box
  it does not fit its surroundings  more --cycles, --blend none, a mask that keeps less
  the person does not take after it --target-mass 0.5 (method sow)
  the text is not followed          a higher --guidance; fewer and plainer words
  it is noisy or over-coloured      a lower --guidance, --eta-cycle 0.5, more --steps
  good, but not quite               another --seed`,
		Example: `  # a face and a sentence in, a whole picture out
  sowgen generate --condition examples/face.png --prompt "a girl with a red hat in a snowy forest" -o out.png

  # of a photograph, only what the mask shows white; its place chosen by hand
  sowgen generate --condition me.jpg --mask me-mask.png --box 128,0,256,256 --prompt "a knight in armour" -o knight.png

  # look at the plan, edit it, use it
  sowgen generate --condition face.png --prompt "a boy at the sea" --seed 7 --save-plan plan.json -o first.png
  sowgen generate --condition face.png --prompt "a boy at the sea" --seed 7 --plan plan.json -o second.png

  # text alone, and another model
  sowgen generate --method text --model path/to/stable-diffusion-2-1-base --prompt "a boat on a lake" --steps 25 -o boat.png`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.work(func(cmd *cobra.Command, _ []string) error { return g.run(cmd.Context()) })
	g.addFlags()
	for _, set := range g.sets {
		cmd.Flags().AddFlagSet(set.FlagSet)
	}
	// The face is the condition's usual name outside the papers.
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "face" {
			name = "condition"
		}
		return pflag.NormalizedName(name)
	})
	cmd.MarkFlagsMutuallyExclusive("plan", "planner")
	cmd.SetUsageFunc(g.usage)
	g.completions(cmd)
	return cmd
}

func (g *generate) set(title string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(title, pflag.ContinueOnError)
	fs.SortFlags = false
	g.sets = append(g.sets, flagSet{title, fs})
	return fs
}

// paramFlags is the title of the flags that override a model's own defaults.
const paramFlags = "The method's numbers (defaults as in the papers; a model's sow.json may set others)"

func (g *generate) addFlags() {
	p := &g.params
	fs := g.set("What to draw")
	fs.StringVar(&g.prompt, "prompt", "", "`TEXT` that says what to draw")
	fs.StringArrayVar(&g.conditions, "condition", nil, "`PICTURE` to keep (PNG, JPEG, WebP, …); --face is the same")
	fs.StringVar(&g.mask, "mask", "", "`PICTURE` of the condition's size that says which part of it is kept; without it, what is not transparent")
	fs.Var(choice[string]{&g.keep, []string{"white", "black"}}, "keep", "which colour of the mask is kept")
	fs.Var(boxValue{&g.box}, "box", "where the condition goes on the canvas, in pixels; snaps to multiples of 8")
	fs.Var(choice[string]{&g.planner, []string{"offline", "none"}}, "planner", "who places the condition and says what grows out of it: rules, or nobody (top middle)")
	fs.StringVar(&g.plan, "plan", "", "`FILE` with a plan to carry out, as --save-plan writes it")

	fs = g.set("With what")
	fs.StringVar(&g.model, "model", sow.Builtin, "`DIR` of a Stable Diffusion 1.x or 2.x in the diffusers layout, or builtin")
	fs.Var(seedValue{&g.seed, &g.seeded}, "seed", "of the random numbers, those of PyTorch's CPU generator")
	fs.IntVar(&g.threads, "threads", 0, "`N` processor threads; 0: all. The picture does not depend on it")

	fs = g.set(paramFlags)
	fs.Var(choice[sow.Method]{&p.Method, []sow.Method{sow.SOW, sow.COW, sow.Text}}, "method", "keep the condition with a plan, without, or draw from the text alone")
	fs.Var(sizeValue{&p.Width, &p.Height}, "size", "of the picture in pixels, multiples of 8; the model's own if not given")
	fs.IntVar(&p.Steps, "steps", p.Steps, "`N` sampling steps between noise and picture")
	fs.IntVar(&p.Cycles, "cycles", p.Cycles, "`N` rounds of disturbing and reconstructing: more blend better, and take longer")
	fs.Float64Var(&p.Guidance, "guidance", p.Guidance, "how strictly the text is followed (classifier-free guidance); 1: not guided, twice as fast")
	fs.Float64Var(&p.InversionGuidance, "inversion-guidance", p.InversionGuidance, "the same while the condition is inverted to noise")
	fs.BoolVar(&p.MaskedGuidance, "masked-guidance", p.MaskedGuidance, "guide the cycles by four prompts (--negative, --suppress, --diverse); false: by two, twice as fast")
	fs.StringVar(&p.Negative, "negative", p.Negative, "`TEXT` to lead away from, in the cycles; in method text everywhere, and empty unless given")
	fs.StringVar(&p.Suppress, "suppress", p.Suppress, "`TEXT` that must not appear a second time around the condition")
	fs.StringVar(&p.Diverse, "diverse", p.Diverse, "`TEXT` to wish for around the condition")
	fs.Float64Var(&p.TargetMass, "target-mass", p.TargetMass, "method sow: share of its attention that what grows gives the condition; 0: none of our doing")
	fs.Float64Var(&p.Eta, "eta", p.Eta, "DDIM's fresh noise in method text, 0 … 1")
	fs.Float64Var(&p.EtaCycle, "eta-cycle", p.EtaCycle, "the same in the cycles")
	fs.Float64Var(&p.EtaFinal, "eta-final", p.EtaFinal, "the same in the final phase")
	fs.Float64Var(&p.Back, "back", p.Back, "up to which node a cycle disturbs the picture, a fraction of --steps")
	fs.Float64Var(&p.Replace, "replace", p.Replace, "down to which node it reconstructs it")
	fs.Float64Var(&p.Late, "late", p.Late, "at which node the condition is laid in for the last time")
	fs.Var(choice[sow.LateOverwrite]{&p.LateOverwrite, []sow.LateOverwrite{sow.Once, sow.Every}}, "late-overwrite", "… or at every node of the final phase: sharper")
	fs.Var(choice[sampler.Levels]{&p.Inversion, []sampler.Levels{sampler.Aligned, sampler.Ref017}}, "inversion", "noise levels of the inversion: those DDIM samples at, or those of COW's published code")
	fs.Var(choice[picture.Blend]{&p.Blend, []picture.Blend{picture.BlendNone, picture.BlendPaste, picture.BlendFeather, picture.BlendPoisson}}, "blend", "how the condition's own pixels come back after decoding")

	fs = g.set("What comes out")
	fs.StringVarP(&g.output, "output", "o", "", "`FILE.png` to write (default sowgen-SEED.png)")
	fs.StringVar(&g.latents, "save-latents", "", "`FILE` (safetensors) for latents [1,c,h,w] as the UNet has them and image [1,3,H,W] in 0 … 1 before any blend")
	fs.StringVar(&g.savePlan, "save-plan", "", "`FILE` (JSON) for the plan that was carried out")
	fs.BoolVar(&g.json, "json", false, "print a report as JSON on stdout and no progress")
	fs.BoolVar(&g.force, "force", false, "replace files that exist")
}

// usage prints the flags by subject.
func (g *generate) usage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "Usage:\n  %s\n\nExamples:\n%s\n", cmd.UseLine(), cmd.Example)
	for _, set := range g.sets {
		fmt.Fprintf(w, "\n%s:\n%s", set.title, set.FlagUsages())
	}
	return nil
}

func (g *generate) completions(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if words, ok := f.Value.(interface{ words() []string }); ok {
			cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words.words(), cobra.ShellCompDirectiveNoFileComp))
		}
	})
	pictures := []string{"png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"}
	for name, extensions := range map[string][]string{"condition": pictures, "mask": pictures, "plan": {"json"}, "output": {"png"}} {
		cmd.MarkFlagFilename(name, extensions...)
	}
	cmd.MarkFlagDirname("model")
}

// changed reports whether a flag was given.
func (g *generate) changed(name string) bool {
	return slices.ContainsFunc(g.sets, func(s flagSet) bool { f := s.Lookup(name); return f != nil && f.Changed })
}

// run makes the picture. Everything that can be refused is, before anything is computed.
func (g *generate) run(ctx context.Context) error {
	if err := g.check(); err != nil {
		return err
	}
	if !g.seeded {
		g.seed = randomSeed()
	}
	if g.output == "" {
		g.output = fmt.Sprintf("sowgen-%d.png", g.seed)
	}
	if err := checkOutputs(g.force, g.output, g.latents, g.savePlan); err != nil {
		return err
	}
	request, inputs, err := g.request()
	if err != nil {
		return err
	}
	if !g.json && isTerminal(g.stderr) {
		fmt.Fprintln(g.stderr, oneLine("loading the model "+g.model))
	}
	pipeline, err := g.open(ctx)
	if err != nil {
		return err
	}
	g.settle(pipeline.Defaults)
	show := newProgress(g.stderr, g.json, g.params.Cycles)
	defer show.close()
	request.Params, request.Progress = &g.params, show.event
	result, err := pipeline.Generate(ctx, *request)
	if err == nil {
		err = ctx.Err() // interrupted while decoding
	}
	show.close()
	if err != nil {
		return g.explain(err)
	}
	if g.warning != "" {
		result.Report.Warnings = append(result.Report.Warnings, g.warning)
	}
	files, err := g.files(result, inputs)
	if err != nil {
		return err
	}
	if err := writeAll(files, g.force); err != nil {
		return err
	}
	return g.report(result, inputs)
}

// check reports flags that contradict each other or cannot be right with any model.
func (g *generate) check() error {
	if !g.changed("prompt") && g.plan == "" {
		return &usageError{`--prompt is missing: say what to draw, as in --prompt "a girl with a red hat in a snowy forest"`}
	}
	for _, name := range []string{"prompt", "negative", "suppress", "diverse"} {
		if text := g.lookup(name).Value.String(); !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return wrongFlag(name, fmt.Sprintf("%q", text), "want UTF-8 text")
		}
	}
	if err := setThreads(g.threads); err != nil {
		return err
	}
	if len(g.conditions) == 0 {
		for _, name := range []string{"mask", "keep", "box", "plan"} {
			if g.changed(name) {
				return wrongFlag(name, g.lookup(name).Value, "it is about a condition: give --condition PICTURE too")
			}
		}
		if g.changed("method") && g.params.Method != sow.Text {
			return wrongFlag("method", g.params.Method, "give the picture to keep with --condition, or take --method text")
		}
	}
	if g.changed("keep") && g.mask == "" {
		return wrongFlag("keep", g.keep, "it is about a mask: give --mask PICTURE too")
	}
	for _, name := range []string{"mask", "plan", "model"} {
		if g.changed(name) && g.lookup(name).Value.String() == "" {
			return wrongFlag(name, `""`, "want a path")
		}
	}
	// Most numbers are wrong for any model: no need to load one to say so. Sizes, and the order of the nodes, depend on it.
	var wrong *sow.ParamError
	if err := g.params.Validate(8); errors.As(err, &wrong) {
		if name := flagOf(wrong.Name); name != "size" && g.lookup(name) != nil {
			return g.explain(err)
		}
	}
	return nil
}

func (g *generate) lookup(name string) *pflag.Flag {
	for _, s := range g.sets {
		if f := s.Lookup(name); f != nil {
			return f
		}
	}
	return nil
}

// flagOf is the flag behind a parameter's name in a [sow.ParamError].
func flagOf(param string) string {
	switch param {
	case "width", "height":
		return "size"
	case "conditions":
		return "condition"
	}
	return strings.ReplaceAll(param, " ", "-")
}

// explain puts the library's complaint about a parameter in terms of flags and files.
func (g *generate) explain(err error) error {
	var wrong *sow.ParamError
	if !errors.As(err, &wrong) {
		return err
	}
	name := flagOf(wrong.Name)
	switch {
	case g.lookup(name) == nil:
		return err
	case name == "size":
		return wrongFlag(name, fmt.Sprintf("%dx%d", g.params.Width, g.params.Height), wrong.Name+": "+wrong.Want)
	case name == "mask" && g.mask != "":
		return wrongFlag(name, fmt.Sprintf("%s %v", g.mask, wrong.Value), wrong.Want)
	case name == "mask":
		return wrongFlag("condition", fmt.Sprintf("%s %v", g.conditions[0], wrong.Value), wrong.Want)
	}
	return wrongFlag(name, wrong.Value, wrong.Want)
}

// inputs is what a picture was made from, for those who want to repeat it.
type inputs struct {
	Condition *inputFile `json:"condition,omitempty"`
	Mask      *inputFile `json:"mask,omitempty"`
	Keep      string     `json:"keep,omitempty"`
	Box       []int      `json:"box,omitempty"` // as asked for: x, y, width, height
}

// request reads the pictures and the plan.
func (g *generate) request() (*sow.Request, *inputs, error) {
	r := &sow.Request{Prompt: g.prompt, Seed: g.seed}
	in := &inputs{}
	for _, file := range g.conditions {
		img, err := picture.Read(file)
		if err != nil {
			return nil, nil, err
		}
		r.Conditions = append(r.Conditions, sow.Condition{Picture: img, Box: g.box})
		if in.Condition, err = fingerprint(file); err != nil {
			return nil, nil, err
		}
	}
	if g.mask != "" {
		mask, err := picture.ReadMask(g.mask, g.keep == "white")
		if err != nil {
			return nil, nil, err
		}
		c := &r.Conditions[0]
		if m, p := mask.Bounds().Size(), c.Picture.Bounds().Size(); m != p {
			return nil, nil, wrongFlag("mask", g.mask, fmt.Sprintf("it is %dx%d, want %dx%d, the size of %s", m.X, m.Y, p.X, p.Y, g.conditions[0]))
		}
		c.Mask = mask
		if in.Mask, err = fingerprint(g.mask); err != nil {
			return nil, nil, err
		}
		in.Keep = g.keep
	}
	if !g.box.Empty() {
		in.Box = []int{g.box.Min.X, g.box.Min.Y, g.box.Dx(), g.box.Dy()}
	}
	switch {
	case g.plan != "":
		recorded, err := plan.ReadFile(g.plan)
		if err != nil {
			return nil, nil, err
		}
		if g.changed("prompt") && recorded.Prompt != "" && recorded.Prompt != g.prompt {
			g.warning = fmt.Sprintf("the prompt is that of %s, %q, not --prompt %q: take it out of the file to use yours", g.plan, recorded.Prompt, g.prompt)
		}
		r.Planner = plan.Replay{Recorded: *recorded}
	case g.planner == "offline":
		r.Planner = plan.Offline{}
	}
	return r, in, nil
}

// open loads the model.
func (g *generate) open(ctx context.Context) (*sow.Pipeline, error) {
	if _, err := folder(g.model); err != nil {
		return nil, err
	}
	p, err := unlessDone(ctx, func() (*sow.Pipeline, error) { return sow.Open(g.model) })
	if err == nil || errors.Is(err, context.Canceled) {
		return p, err
	}
	// Not %w: a *sow.ParamError in there is about the model's sow.json, not about our flags.
	return nil, fmt.Errorf("%v (for everything that is wrong: sowgen inspect %s)", err, g.model)
}

// settle takes the model's own numbers for those no flag was given for.
func (g *generate) settle(defaults sow.Params) {
	given := map[string]string{}
	for _, set := range g.sets {
		if set.title == paramFlags {
			set.VisitAll(func(f *pflag.Flag) {
				if f.Changed {
					given[f.Name] = f.Value.String()
				}
			})
		}
	}
	g.params = defaults
	for name, value := range given {
		g.lookup(name).Value.Set(value) // it came out of the flag: it goes in again
	}
	if g.params.Method == sow.Text && !g.changed("negative") {
		g.params.Negative = "" // plain text-to-image, as everywhere
	}
}

// report tells what was made.
func (g *generate) report(result *sow.Result, in *inputs) error {
	for _, w := range result.Report.Warnings {
		g.complain("warning: %s", w)
	}
	if g.json {
		e := json.NewEncoder(g.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			Output  string `json:"output"`
			Latents string `json:"latents,omitempty"`
			Prompt  string `json:"prompt"`
			*inputs
			sow.Report
			Plan plan.Plan `json:"plan"`
		}{g.output, g.latents, g.prompt, in, result.Report, result.Plan})
	}
	r := &result.Report
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %dx%d, method %s, seed %d, %.1f s\n", g.output, r.Width, r.Height, r.Method, r.Seed, r.Total)
	if k := r.Kept; k != nil {
		fmt.Fprintf(&b, "kept region: PSNR %s", decibels(k.After))
		if r.Params.Blend != picture.BlendNone {
			fmt.Fprintf(&b, ", %s before the blend", decibels(k.Decoded))
		}
		fmt.Fprintf(&b, "; the VAE alone leaves %s\n", decibels(k.Ceiling))
	}
	_, err := io.WriteString(g.stdout, b.String())
	return err
}

func decibels(d sow.Decibel) string {
	if math.IsInf(float64(d), 1) {
		return "∞ (every byte is the condition's)"
	}
	return fmt.Sprintf("%.1f dB", d)
}
