package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/rules"
)

func (a *app) rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at a program of attention rules, as generate --rules takes it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.explainCommand())
	return cmd
}

// explanation is the flags of rules explain.
type explanation struct {
	*app
	model  string
	params sow.Params
}

func (a *app) explainCommand() *cobra.Command {
	e := &explanation{app: a, model: sow.Builtin, params: sow.Params{Method: sow.SOW}}
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Tell which of a model's attentions a program of rules touches, when, and with which rule",
		Long: `Reads a program of attention rules and tells, from a model's configs alone: each rule in words, at which steps of a run
it holds, and for each self-attention of the model which rules reach it. Where several do, the last one that is about
a pair of tokens holds. The language is described in docs/rules.md.`,
		Example: `  sowgen rules explain rules.json
  sowgen rules explain --model path/to/stable-diffusion-2-1-base --steps 50 my-rules.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return errors.New("rules explain: want one FILE with a program of rules")
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&e.model, "model", e.model, "`DIR` of a model in the diffusers layout, or builtin")
	fs.Var(choice[sow.Method]{&e.params.Method, []sow.Method{sow.SOW, sow.Text}}, "method", "of the run; the others go by no rules")
	fs.Var(sizeValue{&e.params.Width, &e.params.Height}, "size", "of the picture in pixels; the model's own if not given")
	fs.IntVar(&e.params.Steps, "steps", 0, "`N` sampling steps; the model's own if not given")
	fs.Lookup("size").DefValue, fs.Lookup("steps").DefValue = "", ""
	cmd.RunE = a.work(func(_ *cobra.Command, args []string) error { return e.run(args[0]) })
	return cmd
}

func (e *explanation) run(file string) error {
	program, err := rules.ReadFile(file)
	if err != nil {
		return err
	}
	fsys, err := sow.Folder(e.model)
	if err != nil {
		return err
	}
	p, err := sow.Defaults(fsys)
	if err != nil {
		return fmt.Errorf("model %s: %w", e.model, err)
	}
	p.Method, p.Rules = e.params.Method, program
	if e.params.Steps != 0 {
		p.Steps = e.params.Steps
	}
	if e.params.Width != 0 {
		p.Width, p.Height = e.params.Width, e.params.Height
	}
	if p.Method == sow.Text {
		p.TargetMass = 0 // nothing is related to anything
	}
	told, err := sow.Explain(fsys, &p)
	if err != nil {
		return err
	}
	e.tell(file, program, told, &p)
	return nil
}

// tell prints an explanation. The program's rules count from 1; those of the target masses, where there are some, come before.
func (e *explanation) tell(file string, program *rules.Program, told *rules.Explanation, p *sow.Params) {
	first := 1 - (len(told.Rules) - len(program.Rules))
	fmt.Fprintf(e.stdout, "%s: %d rules; %s at %dx%d, %d steps\n", oneLine(file), len(program.Rules), oneLine(e.model), p.Width, p.Height, p.Steps)
	for i, rule := range told.Rules {
		if first+i < 1 {
			rule += []string{" (--target-mass)", " (--neck-mass)"}[i]
		}
		fmt.Fprintf(e.stdout, "\n%3d  %s\n", first+i, oneLine(rule))
		for _, line := range told.When[i] {
			fmt.Fprintf(e.stdout, "     %s\n", line)
		}
		switch {
		case told.When[i] == nil:
			fmt.Fprintf(e.stdout, "     never: no step of this run is in its phases, nodes, timesteps, cycles and prompts\n")
		case !slices.ContainsFunc(told.Sites, func(s rules.Explained) bool { return slices.Contains(s.Rules, i) }):
			fmt.Fprintf(e.stdout, "     nowhere: no attention of this model is in its layers, resolutions and heads\n")
		}
	}
	fmt.Fprintln(e.stdout)
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "attention\tgrid\theads\trules")
	for _, s := range told.Sites {
		var numbers []string
		for _, i := range s.Rules {
			numbers = append(numbers, fmt.Sprint(first+i))
		}
		if numbers == nil {
			numbers = []string{"-"}
		}
		fmt.Fprintf(w, "%s\t%dx%d\t%d\t%s\n", s.Name, s.Height, s.Width, s.Heads, strings.Join(numbers, ", "))
	}
	w.Flush()
}
