package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
)

// flagSet is the flags of one subject, as the help shows them.
type flagSet struct {
	title string
	*pflag.FlagSet
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
	g.addConditionFlags(fs)
	g.addTaskFlag(fs)
	fs.Var(choice[string]{&g.planner, planners}, "planner", "who places the condition and says what grows out of it: rules, nobody (top middle), or a model")
	fs.StringVar(&g.plan, "plan", "", "`FILE` with a plan to carry out, as --save-plan writes it")

	g.ask.add(g.set("With --planner gemini or openai"))

	fs = g.set("With what")
	fs.StringVar(&g.model, "model", sow.Builtin, "`DIR` of a Stable Diffusion 1.x or 2.x in the diffusers layout, or builtin")
	fs.Var(seedValue{&g.seed, &g.seeded}, "seed", "of the random numbers, those of PyTorch's CPU generator")
	fs.IntVar(&g.threads, "threads", 0, "`N` processor threads; 0: all. The picture does not depend on it")

	fs.Var(deviceValue{&g.device}, "device", "what the networks run on: this machine's processor, or a GPU in a build with CUDA")
	fs.Var(precisionValue{&g.precision}, "precision", "mixed: products of bfloat16 in linear layers and attention, on a GPU also in convolutions; half the weights' memory of a float32 model. f16: of float16, on a GPU only")
	fs.Var(bytesValue{&g.maxMemory}, "max-memory", "most that may be taken, such as 3GB; what there is if not given. The picture does not depend on it")

	fs = g.set(paramFlags)
	fs.Var(choice[sow.Method]{&p.Method, sow.Methods}, "method", "keep the condition with a plan, without, or draw from the text alone; the last two are to compare with")
	fs.Var(sizeValue{&p.Width, &p.Height}, "size", "of the picture in pixels, multiples of 8; the model's own if not given")
	fs.IntVar(&p.Steps, "steps", p.Steps, "`N` sampling steps between noise and picture")
	fs.IntVar(&p.Cycles, "cycles", p.Cycles, "`N` rounds of disturbing and reconstructing: more blend better, and take longer")
	fs.Float64Var(&p.Guidance, "guidance", p.Guidance, "how strictly the text is followed (classifier-free guidance); 1: not guided, twice as fast")
	fs.Float64Var(&p.InversionGuidance, "inversion-guidance", p.InversionGuidance, "the same while the condition is inverted to noise")
	fs.BoolVar(&p.MaskedGuidance, "masked-guidance", p.MaskedGuidance, "guide the cycles by four prompts (--negative, --suppress, --diverse); false: by two, twice as fast")
	fs.StringVar(&p.Negative, "negative", p.Negative, "`TEXT` to lead away from, in the cycles; in methods without cycles everywhere, and empty unless given")
	fs.StringVar(&p.Suppress, "suppress", p.Suppress, "`TEXT` that must not appear a second time around the condition")
	fs.StringVar(&p.Diverse, "diverse", p.Diverse, "`TEXT` to wish for around the condition")
	fs.Float64Var(&p.TargetMass, "target-mass", p.TargetMass, "method sow: share of its attention that what grows gives the condition; 0: none of our doing")
	fs.Float64Var(&p.NeckMass, "neck-mass", p.NeckMass, "the same of a neck, and in the final phase too; 0: as of all that grows")
	fs.StringVar(&g.rules, "rules", "", "methods sow and text: `FILE` with attention rules (docs/rules.md), after that of --target-mass")
	fs.Float64Var(&p.Eta, "eta", p.Eta, "DDIM's fresh noise in methods without cycles, 0 … 1")
	fs.Float64Var(&p.EtaCycle, "eta-cycle", p.EtaCycle, "the same in the cycles")
	fs.Float64Var(&p.EtaFinal, "eta-final", p.EtaFinal, "the same in the final phase")
	fs.Float64Var(&p.Back, "back", p.Back, "up to which node a cycle disturbs the picture, a fraction of --steps")
	fs.Float64Var(&p.Replace, "replace", p.Replace, "down to which node it reconstructs it")
	fs.Float64Var(&p.Late, "late", p.Late, "at which node the condition is laid in for the last time")
	fs.Var(choice[sow.Start]{&p.Start, []sow.Start{sow.StartSeed, sow.StartNoise}}, "start", "what the canvas grows from: the condition on grey, inverted, or noise (to see what the former is for)")
	fs.IntVar(&p.CanvasGrey, "canvas-grey", p.CanvasGrey, "`N` level of that grey, 0 … 255: what grows comes out lighter on a lighter canvas")
	fs.BoolVar(&p.Overwrite, "overwrite", p.Overwrite, "lay the condition over the latents after each step of the cycles; false: nowhere (to see what that is for)")
	fs.Var(choice[sow.LateOverwrite]{&p.LateOverwrite, []sow.LateOverwrite{sow.Once, sow.Every}}, "late-overwrite", "… or at every node of the final phase: sharper")
	fs.Var(choice[sampler.Levels]{&p.Inversion, []sampler.Levels{sampler.Aligned, sampler.Ref017}}, "inversion", "noise levels of the inversion: those DDIM samples at, or those of COW's published code")
	fs.Var(choice[picture.Blend]{&p.Blend, []picture.Blend{picture.BlendNone, picture.BlendPaste, picture.BlendFeather, picture.BlendPoisson}}, "blend", "how the condition's own pixels come back after decoding")

	fs = g.set("What comes out")
	fs.StringVarP(&g.output, "output", "o", "", "`FILE.png` to write (default sowgen-SEED.png)")
	fs.StringVar(&g.latents, "save-latents", "", "`FILE` (safetensors) for latents [1,c,h,w] as the UNet has them and image [1,3,H,W] in 0 … 1 before any blend")
	fs.StringVar(&g.savePlan, "save-plan", "", "`FILE` (JSON) for the plan that was carried out")
	fs.StringVar(&g.capture, "capture", "", "`DIR` for what the attention did: masses.csv and masses.png (which region gave how much to which), maps.png (where each looked)")
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
	for name, extensions := range map[string][]string{"condition": pictures, "mask": pictures, "plan": {"json"}, "rules": {"json"}, "output": {"png"}} {
		cmd.MarkFlagFilename(name, extensions...)
	}
	cmd.MarkFlagDirname("model")
}

// changed reports whether a flag was given.
func (g *generate) changed(name string) bool {
	return slices.ContainsFunc(g.sets, func(s flagSet) bool { f := s.Lookup(name); return f != nil && f.Changed })
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
	if err := g.checkConditions(); err != nil && len(g.conditions) > 0 {
		return err
	}
	if len(g.conditions) == 0 {
		for _, name := range []string{"mask", "keep", "face-mask", "face-index", "box", "plan"} {
			if g.changed(name) {
				return wrongFlag(name, g.lookup(name).Value, "it is about a condition: give --condition PICTURE too")
			}
		}
		if g.changed("method") && g.params.Method != sow.Text {
			return wrongFlag("method", g.params.Method, "give the picture to keep with --condition, or take --method text")
		}
	}
	if g.changed("keep") && len(g.masks) == 0 {
		return wrongFlag("keep", g.keep, "it is about a mask: give --mask PICTURE too")
	}
	for _, name := range []string{"plan", "rules", "model", "output", "save-latents", "save-plan", "capture"} {
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
	case name == "mask" && g.maskFile(wrong.Condition) != "":
		return wrongFlag(name, fmt.Sprintf("%s %v", g.maskFile(wrong.Condition), wrong.Value), wrong.Want)
	case name == "mask":
		return wrongFlag("condition", fmt.Sprintf("%s %v", g.conditions[wrong.Condition], wrong.Value), wrong.Want)
	}
	return wrongFlag(name, wrong.Value, wrong.Want)
}

// withoutCycles are the flags that are about cycles, and the rules of what is related.
const withoutCycles = "cycles inversion-guidance masked-guidance suppress diverse target-mass neck-mass eta-cycle eta-final back replace late start canvas-grey overwrite late-overwrite inversion"

// idle are the flags that have no effect with a method.
var idle = map[sow.Method]string{
	sow.Text: withoutCycles + " blend planner",
	sow.COW:  "eta target-mass neck-mass rules",
	sow.SOW:  "eta",

	sow.Paste:   withoutCycles + " rules",
	sow.Inpaint: withoutCycles + " rules",
}

// warnIdle notes flags that were given and did nothing.
func (g *generate) warnIdle() {
	var given []string
	for name := range strings.FieldsSeq(idle[g.params.Method]) {
		if g.changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 0 {
		g.warnings = append(g.warnings, fmt.Sprintf("no effect with method %s: %s", g.params.Method, strings.Join(given, ", ")))
	}
	if g.params.Method == sow.SOW && g.planner == "none" && g.plan == "" {
		g.warnings = append(g.warnings, "without a plan nothing takes after the condition: method sow then does what cow does")
	}
}
