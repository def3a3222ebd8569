package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/experiment"
)

// experiments is the flags of sowgen experiment.
type experiments struct {
	lab
	check bool
}

func (a *app) experimentCommand() *cobra.Command {
	x := &experiments{lab: lab{app: a}}
	cmd := &cobra.Command{
		Use:   "experiment NAME… | all",
		Short: "Make the experiments of docs/method.md again",
		Long: `Makes experiments on the method: each a set of pictures that differ in one thing, what was measured on them, and
whether what must come out does. sowgen experiment list tells them.

Each leaves a folder DIR/NAME: index.html shows it all and opens offline; beside it the pictures, a contact sheet
(sheet.png), every figure (figures.csv), their means with 95 % bootstrap intervals and the checks (report.json), and a
plot (plot.png). The same seed gives the same figures, but for those of time and memory.

What is finished is kept: after an interruption the same command goes on from there. What was made from other numbers,
another model or by another version of the method is made anew, and in every build what measures time (cost).`,
		Example: `  sowgen experiment did-base
  sowgen experiment half-head cycles --cases 8 -o /tmp/try
  sowgen experiment all --check --json > experiments.json`,
		Args: func(_ *cobra.Command, args []string) error {
			_, err := chosenExperiments(args)
			return err
		},
		ValidArgsFunction: cobra.FixedCompletions(append(experimentNames(), "all"), cobra.ShellCompDirectiveNoFileComp),
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVarP(&x.output, "output", "o", "experiments", "`DIR` for the experiments' folders")
	fs.IntVar(&x.cases, "cases", 0, "`N` cases in each experiment that has some; 0: as many as it is sized for")
	fs.Uint64Var(&x.seed, "seed", 1, "`N` that all random numbers come from")
	fs.StringVar(&x.model, "model", sow.Builtin, "`DIR` of a Stable Diffusion 1.x or 2.x in the diffusers layout, or builtin; the cases are drawn for the latter")
	fs.IntVar(&x.jobs, "jobs", 0, "`N` pictures at once, each on a thread of its own; 0: one for each processor")
	fs.BoolVar(&x.again, "again", false, "make anew what is finished")
	fs.BoolVar(&x.check, "check", false, "exit with 1 if a claim does not hold")
	fs.BoolVar(&x.json, "json", false, "print the reports as a list in JSON and no progress")
	cmd.MarkFlagDirname("output")
	cmd.MarkFlagDirname("model")
	cmd.RunE = a.work(func(cmd *cobra.Command, args []string) error { return x.run(cmd.Context(), args) })
	cmd.AddCommand(a.experimentListCommand())
	return cmd
}

func (a *app) experimentListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Tell what experiments there are and what must come out",
		Args:  cobra.NoArgs,
		RunE: a.work(func(*cobra.Command, []string) error {
			for _, e := range experiment.All() {
				fmt.Fprintf(a.stdout, "%s\n    %s\n    %s\n", e.Name, e.About, e.Claim)
			}
			return nil
		}),
	}
}

func experimentNames() (names []string) {
	for _, e := range experiment.All() {
		names = append(names, e.Name)
	}
	return names
}

// chosenExperiments returns the experiments that arguments name.
func chosenExperiments(args []string) (chosen []*experiment.Experiment, err error) {
	if len(args) == 1 && args[0] == "all" {
		return experiment.All(), nil
	}
	for _, name := range args {
		e := experiment.Find(name)
		if e == nil {
			return nil, fmt.Errorf("experiment %q: want all, or some of %s", name, strings.Join(experimentNames(), ", "))
		}
		chosen = append(chosen, e)
	}
	if chosen == nil {
		return nil, fmt.Errorf("experiment: want all, or some of %s", strings.Join(experimentNames(), ", "))
	}
	return chosen, nil
}

func (x *experiments) run(ctx context.Context, args []string) error {
	chosen, err := chosenExperiments(args)
	if err != nil {
		return err
	}
	if err := x.checkShared("as many as each is sized for"); err != nil {
		return err
	}
	with, err := x.open(ctx)
	if err != nil {
		return err
	}
	probe, err := eval.LoadProbe(builtin.Probe) // the cases are of its world, whatever the model
	if err != nil {
		return err
	}
	with.Judge = &eval.Judge{Probe: probe}
	var reports []*experiment.Report
	failed := 0
	for _, e := range chosen {
		report, err := x.observe(ctx, with, e, e.Name, filepath.Join(x.output, e.Name))
		if err != nil {
			return err
		}
		reports = append(reports, report)
		if !report.Holds() {
			failed++
		}
		if !x.json {
			if err := x.print(report); err != nil {
				return err
			}
		}
	}
	if x.json {
		if err := x.printJSON(reports); err != nil {
			return err
		}
	}
	if x.check && failed > 0 {
		return errors.New(count(failed, "experiment does", "experiments do") + " not show what must come out: the tables say where")
	}
	return nil
}

// print tells what came out.
func (x *experiments) print(r *experiment.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Name, r.About)
	tellClaims(&b, r, "  ")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{r.Table.Titles}, r.Table.Rows...) {
		fmt.Fprintf(w, "  %s\n", strings.Join(row, "\t"))
	}
	w.Flush()
	fmt.Fprintf(&b, "  %s\n\n", filepath.Join(x.output, r.Name, "index.html"))
	_, err := io.WriteString(x.stdout, b.String())
	return err
}
