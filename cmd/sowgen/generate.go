package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/face"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
)

// generate is the command's flags, and what they lead to.
type generate struct {
	*app
	sets []flagSet

	prompt     string
	conditions []string
	masks      []string
	keep       string
	faceMask   face.Shape
	faceIndex  []int // 0: the largest
	boxes      []image.Rectangle
	planner    string
	task       plan.Task // "": the plan's
	ask        plannerFlags
	plan       string
	rules      string
	program    *rules.Program // what is in the file of rules

	model     string
	params    sow.Params // DefaultParams until the model is open; see settle
	seed      uint64
	seeded    bool
	threads   int
	precision tensor.Precision
	device    string

	maxMemory int64 // 0: what there is

	output, latents, savePlan string
	capture                   string
	json, force               bool

	warnings []string
	notes    []string
}

func (a *app) generateCommand() *cobra.Command {
	g := &generate{app: a, params: sow.DefaultParams(), planner: "offline", device: "cpu"}
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a picture: keep a condition, grow the rest from a text",
		Long: `Keeps a condition, a face as a rule, and grows a whole picture around it from a text (method sow or cow), or makes
a picture from the text alone (method text).

Several conditions, two people for example, are given by several --condition. The first --mask and --box are those
of the first, the second of the second, and so on; auto stands for one that is not given. They are placed side by
side; one that overlaps an earlier one lies over it.

The condition is laid into a box on the canvas. What its mask, or its transparency, keeps stays; everything else
grows. Of a photograph that has neither, the face is found, and a square about it is the condition (see sowgen face
--help; --mask auto takes the picture as it is). To compare with, method paste pastes the condition on the text's
picture, and method inpaint replaces the latents of that place after every step.

Without --box the planner places it: words in the prompt such as "on the left", "close-up" or "full body"
move it; or a model that sees pictures decides (--planner gemini or openai, see sowgen plan --help). --save-plan
writes what was planned as JSON, which may be edited and given back with --plan.

The task decides how long the condition is held: normal keeps it; attribute lets the text change something about it,
glasses or the colour of the hair; style lets all of it be drawn in another way. A planner says which it is, rules by
words such as "a watercolour painting of" or "hair dyed pink"; --task says it in any case. To edit a whole picture
give it with --mask auto --box whole.

When it does not look right:
  the face is blurred or changed    --late-overwrite every, then --blend feather or poisson; a larger --box
  it does not fit its surroundings  more --cycles, --blend none, a mask that keeps less
  the person does not take after it --target-mass 0.5 (method sow)
  the text is not followed          a higher --guidance; fewer and plainer words
  it is noisy or over-coloured      a lower --guidance, --eta-cycle 0.5, more --steps
  good, but not quite               another --seed`,
		Example: `  # a face and a sentence in, a whole picture out
  sowgen generate --condition examples/face.png --prompt "a girl with a red hat in a snowy forest" -o out.png

  # of a photograph, the face
  sowgen generate --condition me.jpg --prompt "a knight in armour" -o knight.png

  # of a photograph, only what the mask shows white; its place chosen by hand
  sowgen generate --condition me.jpg --mask me-mask.png --box 128,0,256,256 --prompt "a knight in armour" -o knight.png

  # two people, the second with a mask
  sowgen generate --face anna.png --face ben.jpg --mask auto --mask ben-mask.png --prompt "a couple on a beach" -o two.png

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
	if g.capture != "" {
		if err := os.MkdirAll(g.capture, 0o777); err != nil {
			return err
		}
		defer os.Remove(g.capture) // if nothing came to lie in it
	}
	if err := checkOutputs(g.force, append([]string{g.output, g.latents, g.savePlan}, g.captureFiles()...)...); err != nil {
		return err
	}
	request, inputs, err := g.request()
	if err != nil {
		return err
	}
	if g.rules != "" {
		if g.program, err = rules.ReadFile(g.rules); err != nil {
			return err
		}
	}
	if !g.json && isTerminal(g.stderr) {
		fmt.Fprintln(g.stderr, oneLine("loading the model "+g.model))
	}
	return on(g.device, g.precision, func(e tensor.Engine) error { return g.make(ctx, e, request, inputs) })
}

// make makes the picture on e.
func (g *generate) make(ctx context.Context, e tensor.Engine, request *sow.Request, inputs *inputs) error {
	pipeline, err := g.open(ctx, e)
	if err != nil {
		return err
	}
	g.settle(pipeline.For(g.task))
	request.ParamsFor = func(task plan.Task) sow.Params {
		g.settle(pipeline.For(task))
		return g.params
	}
	coverCanvas(request, inputs, g.params.Width, g.params.Height)
	memory, err := pipeline.Memory(*request)
	if err != nil {
		return g.explain(err)
	}
	var show progress = silence{}
	defer func() { show.close() }()
	request.Progress = func(e sow.Event) {
		if show == (silence{}) && !g.json { // all that could be refused has been
			fmt.Fprintf(g.stderr, "up to %s of memory\n", short(memory.Peak, "B"))
			show = newProgress(g.stderr, g.params.Cycles)
		}
		show.event(e)
	}
	if g.capture != "" {
		request.Capture = &capture.Capture{}
	}
	result, err := pipeline.Generate(ctx, *request)
	if err == nil {
		err = ctx.Err() // interrupted while decoding
	}
	show.close()
	if err != nil {
		return g.explain(err)
	}
	g.warnIdle()
	result.Report.Warnings = append(result.Report.Warnings, g.warnings...)
	files, err := g.files(result, inputs)
	if err == nil && g.capture != "" {
		files, err = g.captured(files, request.Capture)
	}
	if err != nil {
		return err
	}
	if err := writeAll(files, g.force); err != nil {
		return err
	}
	return g.report(result, inputs)
}

// request reads the pictures and the plan.
func (g *generate) request() (*sow.Request, *inputs, error) {
	r := &sow.Request{Prompt: g.prompt, Seed: g.seed, Task: g.task}
	in := &inputs{}
	var err error
	if r.Conditions, in.Conditions, err = g.readConditions(); err != nil {
		return nil, nil, err
	}
	if r.Planner, err = g.ask.planner(g.planner); err != nil || g.plan == "" {
		return r, in, err
	}
	recorded, err := plan.ReadFile(g.plan)
	if err != nil {
		return nil, nil, err
	}
	if g.changed("prompt") && recorded.Prompt != "" && recorded.Prompt != g.prompt {
		g.warnings = append(g.warnings,
			fmt.Sprintf("the prompt is that of %s, %q, not --prompt %q: take it out of the file to use yours", g.plan, recorded.Prompt, g.prompt))
	}
	r.Planner = plan.Replay{Recorded: *recorded}
	return r, in, nil
}

// open loads the model onto e.
func (g *generate) open(ctx context.Context, e tensor.Engine) (*sow.Pipeline, error) {
	if _, err := sow.Folder(g.model); err != nil {
		return nil, err
	}
	p, err := unlessDone(ctx, func() (*sow.Pipeline, error) {
		return sow.Open(g.model, sow.On(e), sow.LowMemory(), sow.MemoryLimit(g.maxMemory))
	})
	if err == nil || errors.Is(err, context.Canceled) {
		return p, err
	}
	// Not %w: a *sow.ParamError in there is about the model's sow.json, not about our flags.
	return nil, fmt.Errorf("%v (for everything that is wrong: sowgen inspect %s)", err, g.model)
}

// settle takes the model's own numbers, for a task, for those no flag was given for.
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
	if g.program != nil {
		g.params.Rules = g.program
	}
	if !g.changed("negative") {
		g.params = g.params.As(g.params.Method)
	}
}

// report tells what was made.
func (g *generate) report(result *sow.Result, in *inputs) error {
	for _, w := range result.Report.Warnings {
		g.complain("warning: %s", w)
	}
	if g.json {
		return g.printJSON(struct {
			Output  string `json:"output"`
			Latents string `json:"latents,omitempty"`
			Prompt  string `json:"prompt"`
			*inputs
			sow.Report
			Plan plan.Plan `json:"plan"`
		}{g.output, g.latents, g.prompt, in, result.Report, result.Plan})
	}
	if task := result.Plan.Task; g.task == "" && task != plan.Normal && task != "" && g.params.Method != sow.Text {
		g.note("task %s, as planned: the condition itself may change; --task normal keeps it", task)
	}
	g.showNotes()
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
