package main

import (
	"context"
	"fmt"
	"math"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/plan/sketch"
)

// planning is the flags of plan: those of generate that a plan depends on.
type planning struct {
	*generate
	width, height int
}

func (a *app) planCommand() *cobra.Command {
	p := &planning{generate: &generate{app: a, planner: "offline"}, width: 512, height: 512}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say, and draw, where a condition would go and what must grow out of it, without making a picture",
		Long: `Prints a plan as JSON, as generate --plan takes it: the caption, the place of the condition, what must grow out of
it and how strongly; "others" has the places of further conditions. With -o it draws the plan.

--planner offline goes by rules. gemini and openai ask a model that is shown the condition, scaled down; only what it
says about words and boxes is used. Keys come from the environment or a file. What it answered is kept, so that the
same question costs nothing a second time. If it cannot be asked, or says nothing usable, rules plan, with a warning.`,
		Example: `  sowgen plan --condition examples/face.png --prompt "a girl with a red hat, on the left" -o plan.png

  # a model of your own, on this machine
  sowgen plan --condition me.jpg --prompt "a knight" --planner openai --planner-endpoint http://localhost:11434/v1 \
    --planner-model qwen2.5vl -o plan.png > plan.json

  # Gemini, its key in GEMINI_API_KEY; only the place and what grows are its own, the caption stays yours
  sowgen plan --condition me.jpg --prompt "a knight" --planner gemini --stages place,refine > plan.json

  # draw a plan that you have edited, then carry it out
  sowgen plan --condition me.jpg --plan plan.json -o plan.png
  sowgen generate --condition me.jpg --plan plan.json -o knight.png`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.work(func(cmd *cobra.Command, _ []string) error { return p.run(cmd.Context()) })
	p.addFlags()
	for _, set := range p.sets {
		cmd.Flags().AddFlagSet(set.FlagSet)
	}
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "face" {
			name = "condition"
		}
		return pflag.NormalizedName(name)
	})
	cmd.MarkFlagsMutuallyExclusive("plan", "planner")
	cmd.SetUsageFunc(p.usage)
	p.completions(cmd)
	return cmd
}

func (p *planning) addFlags() {
	fs := p.set("What to plan")
	fs.StringVar(&p.prompt, "prompt", "", "`TEXT` that says what to draw")
	p.addConditionFlags(fs)
	p.addTaskFlag(fs)
	fs.Var(sizeValue{&p.width, &p.height}, "size", "of the canvas in pixels")
	fs.StringVar(&p.plan, "plan", "", "`FILE` with a plan to draw instead of making one")
	fs.StringVar(&p.model, "model", sow.Builtin, "`DIR` of the model that will draw: a caption must not be longer than it reads; or builtin")

	fs = p.set("Who plans")
	fs.Var(choice[string]{&p.planner, []string{"offline", "gemini", "openai"}}, "planner", "rules, or a model that sees the condition")
	p.ask.add(fs)

	fs = p.set("What comes out, besides JSON on stdout")
	fs.StringVarP(&p.output, "output", "o", "", "`FILE.png` to draw the plan in")
	fs.BoolVar(&p.force, "force", false, "replace a file that exists")
}

func (p *planning) run(ctx context.Context) error {
	if err := p.check(); err != nil {
		return err
	}
	request, in, err := p.request()
	if err != nil {
		return err
	}
	coverCanvas(request, in, p.width, p.height)
	fits, err := p.fits()
	if err != nil {
		return err
	}
	var planned plan.Plan
	var inputs []*plan.Input
	for i := range request.Conditions {
		in, err := request.Conditions[i].PlanInput(p.prompt, p.width, p.height)
		if err != nil {
			return p.explain(err)
		}
		in.Fits, in.Number, in.Count = fits, i+1, len(request.Conditions)
		one, err := request.Planner.Plan(ctx, in)
		if err == nil {
			err = one.Validate()
		}
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		if in.Box != nil {
			one.Box = *in.Box
		}
		if inputs = append(inputs, &in); i == 0 {
			planned = one
			continue
		}
		planned.Others = append(planned.Others, plan.Place{Box: one.Box, Related: one.Related})
		planned.Warnings = append(planned.Warnings, one.Warnings...)
	}
	if p.task != "" {
		planned.Task = p.task
	}
	p.showNotes()
	for _, w := range append(planned.Warnings, p.warnings...) {
		p.complain("warning: %s", w)
	}
	if p.output != "" {
		img, err := sketch.Draw(&planned, inputs...)
		if err != nil {
			return fmt.Errorf("%s: %w", p.output, err)
		}
		if err := picture.WritePNG(p.output, img, nil, p.force); err != nil {
			return err
		}
	}
	return p.printJSON(planned)
}

// check reports flags that cannot be right.
func (p *planning) check() error {
	if !p.changed("prompt") && p.plan == "" {
		return &usageError{`--prompt is missing: say what to draw, as in --prompt "a girl with a red hat in a snowy forest"`}
	}
	if !utf8.ValidString(p.prompt) || strings.ContainsRune(p.prompt, 0) {
		return wrongFlag("prompt", fmt.Sprintf("%q", p.prompt), "want UTF-8 text")
	}
	if len(p.conditions) == 0 {
		return &usageError{"want --condition PICTURE: a plan says where it goes"}
	}
	if err := p.checkConditions(); err != nil {
		return err
	}
	if p.changed("keep") && len(p.masks) == 0 {
		return wrongFlag("keep", p.keep, "it is about a mask: give --mask PICTURE too")
	}
	for _, name := range []string{"plan", "model", "output"} {
		if p.changed(name) && p.lookup(name).Value.String() == "" {
			return wrongFlag(name, `""`, "want a path")
		}
	}
	if p.width < 16 || p.height < 16 || max(p.width, p.height) > math.MaxInt16 {
		return wrongFlag("size", fmt.Sprintf("%dx%d", p.width, p.height), "want 16 … 32767 pixels each way")
	}
	if p.output != "" {
		return checkOutputs(p.force, p.output)
	}
	return nil
}

// fits counts in the tokens of the model that will draw.
func (p *planning) fits() (func(string) bool, error) {
	fsys, err := sow.Folder(p.model)
	if err != nil {
		return nil, err
	}
	tokenizer, err := clip.LoadTokenizer(fsys, "tokenizer")
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", p.model, err)
	}
	config, err := clip.ReadConfig(fsys, path.Join("text_encoder", "config.json"))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", p.model, err)
	}
	return func(caption string) bool {
		_, cut := tokenizer.Encode(caption, config.MaxPositionEmbeddings)
		return cut == ""
	}, nil
}
