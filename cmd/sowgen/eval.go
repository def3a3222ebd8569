package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	drawn "github.com/sowgen/sowgen/sow/eval/benchmark"
	"github.com/sowgen/sowgen/sow/experiment"
)

// evaluation is the flags of sowgen eval.
type evaluation struct {
	lab
	make      string
	clip      string
	methods   []string
	scenarios []string
	seeds     int
}

// benchmarkName stands for the cases inside the program.
const benchmarkName = "builtin"

const maxSeeds = 1000 // of a case

func (a *app) evalCommand() *cobra.Command {
	v := &evaluation{lab: lab{app: a}}
	cmd := &cobra.Command{
		Use:   "eval DIR | builtin",
		Short: "Measure methods against each other on a folder of cases",
		Long: `Makes a picture of every case by every method, with the same weights, place and seed, measures them, and prints a
table of means with 95 % bootstrap intervals: over all cases, and of each scenario. builtin is the built-in model's
benchmark: 216 cases, of 72 drawn heads that were never seen in training; --make DIR writes them as a folder.

DIR has prompts.csv, a line for each case under a line of titles, of which picture and prompt are needed:
  picture    of the condition, a path within DIR
  mask       of the picture's size, white is kept; empty: what is not transparent is
  prompt
  scenario   normal (if empty), attribute or style
  seed       of the random numbers; the number of the case if empty
  name       its number and scenario if empty
and for cases in the built-in model's world skin (240,196,158), text_NAME and head_NAME: what the text says and what the
head shows of scene, time, shirt, hair and so on, which the attribute probe is then asked for.

How well a picture agrees with its text tells a CLIP, for cases of any kind, where there is one: in the model's folder
clip_model, where diffusers' CLIP-guided pipeline saves it, or where --clip says. It is a folder as
openai/clip-vit-base-patch32: config.json, model.safetensors, vocab.json and merges.txt or tokenizer.json, and
preprocessor_config.json.

The folder of results has everything: index.html, which opens offline, the pictures, every figure (figures.csv), the
means (report.json). What is finished is kept: after an interruption the same command goes on from there.`,
		Example: `  sowgen eval builtin --cases 12
  sowgen eval --make cases && sowgen eval cases --methods inpaint,sow -o results
  sowgen eval photographs --model path/to/stable-diffusion-2-1-base --clip path/to/clip-vit-base-patch32 --json > table.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if (v.make == "") == (len(args) == 1) && len(args) < 2 {
				return nil
			}
			return &usageError{"want the DIR of the cases, or builtin; or --make DIR alone"}
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&v.make, "make", "", "`DIR` to write the built-in model's benchmark to, and nothing else")
	fs.StringVarP(&v.output, "output", "o", "evaluation", "`DIR` for the results")
	fs.StringSliceVar(&v.methods, "methods", []string{"text", "paste", "inpaint", "cow", "sow"}, "`NAMES` of the methods, as generate --method has them")
	fs.StringSliceVar(&v.scenarios, "scenarios", eval.Scenarios, "`NAMES` of the scenarios whose cases are taken")
	fs.IntVar(&v.cases, "cases", 0, "`N` first cases of those; 0: all")
	fs.Uint64Var(&v.seed, "seed", 0, "`N` that is added to the seed of each case")
	fs.IntVar(&v.seeds, "seeds", 1, fmt.Sprintf("`N` pictures of each case by each method, with seeds %d apart. Intervals are over the cases however many there are", experiment.SeedsApart))
	fs.StringVar(&v.model, "model", sow.Builtin, "`DIR` of a Stable Diffusion 1.x or 2.x in the diffusers layout, or builtin")
	fs.StringVar(&v.clip, "clip", "", "`DIR` of a CLIP that tells how well pictures agree with their texts; the model's clip_model, if it has one")
	fs.IntVar(&v.jobs, "jobs", 0, "`N` pictures at once, each on a thread of its own; 0: one for each processor. It changes no figure but time")
	fs.BoolVar(&v.again, "again", false, "make anew what is finished")
	fs.BoolVar(&v.json, "json", false, "print the table as JSON and no progress")
	for _, flag := range []string{"make", "output", "model", "clip"} {
		cmd.MarkFlagDirname(flag)
	}
	cmd.RunE = a.work(func(cmd *cobra.Command, args []string) error {
		if v.make != "" {
			return v.write()
		}
		return v.run(cmd.Context(), args[0])
	})
	return cmd
}

// write writes the benchmark.
func (v *evaluation) write() error {
	cases, err := drawn.Cases()
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(v.make); err == nil && len(entries) > 0 {
		return wrongFlag("make", v.make, "want a folder that is empty, or not there yet")
	}
	if err := eval.WriteFolder(v.make, cases); err != nil {
		return err
	}
	fmt.Fprintf(v.stdout, "%s: %d cases; sowgen eval %s measures the methods on them\n", v.make, len(cases), v.make)
	return nil
}

// check reports flags that cannot be right, and returns the methods.
func (v *evaluation) check() (methods []sow.Method, err error) {
	if err := v.checkShared("all"); err != nil {
		return nil, err
	}
	if v.seeds < 1 || v.seeds > maxSeeds {
		return nil, wrongFlag("seeds", v.seeds, fmt.Sprintf("want 1 … %d", maxSeeds))
	}
	for _, name := range v.methods {
		m := sow.Method(strings.TrimSpace(name))
		if !slices.Contains(sow.Methods, m) || slices.Contains(methods, m) {
			return nil, wrongFlag("methods", strings.Join(v.methods, ","), "want some of "+joined(sow.Methods)+", each once")
		}
		methods = append(methods, m)
	}
	for _, s := range v.scenarios {
		if !slices.Contains(eval.Scenarios, s) {
			return nil, wrongFlag("scenarios", strings.Join(v.scenarios, ","), "want some of "+joined(eval.Scenarios))
		}
	}
	if methods == nil {
		return nil, wrongFlag("methods", `""`, "want some of "+joined(sow.Methods))
	}
	return methods, nil
}

func joined[T ~string](words []T) string {
	var list []string
	for _, w := range words {
		list = append(list, string(w))
	}
	return strings.Join(list, ", ")
}

func (v *evaluation) run(ctx context.Context, folder string) error {
	methods, err := v.check()
	if err != nil {
		return err
	}
	cases, err := readCases(folder)
	if err != nil {
		return err
	}
	cases = slices.DeleteFunc(cases, func(c *eval.Case) bool { return !slices.Contains(v.scenarios, c.Scenario) })
	if len(cases) == 0 {
		return wrongFlag("scenarios", strings.Join(v.scenarios, ","), folder+" has no such case")
	}
	probe, err := eval.LoadProbe(builtin.Probe)
	if err != nil {
		return err
	}
	judge := &eval.Judge{Probe: probe, Faces: experiment.Faces}
	if judge.CLIP, err = unlessDone(ctx, v.openCLIP); err != nil {
		return err
	}
	with, err := v.open(ctx, sow.Beside(judge.Memory()))
	if err != nil {
		return err
	}
	with.Seeds = v.seeds
	report, err := v.observe(ctx, with, experiment.Evaluation(cases, methods, judge), "pictures", v.output)
	if err != nil {
		return err
	}
	return v.print(report, experiment.Summaries(report, cases))
}

// openCLIP loads the CLIP that the flags name, or the model's; nil if there is none.
func (v *evaluation) openCLIP() (*eval.CLIP, error) {
	if v.clip != "" {
		info, err := os.Stat(v.clip)
		if err != nil {
			return nil, fmt.Errorf("--clip %s: %w; want the folder of a CLIP", v.clip, errors.Unwrap(err))
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("--clip %s: want the folder of a CLIP, not a file", v.clip)
		}
		return eval.OpenCLIP(os.DirFS(v.clip), ".", v.clip)
	}
	fsys, err := sow.Folder(v.model)
	if err != nil || !exists(fsys, eval.CLIPFolder) {
		return nil, err
	}
	return eval.OpenCLIP(fsys, eval.CLIPFolder, filepath.Join(v.model, eval.CLIPFolder))
}

func readCases(folder string) ([]*eval.Case, error) {
	if folder == benchmarkName {
		return drawn.Cases()
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; want a folder of cases, or %s", folder, errors.Unwrap(err), benchmarkName)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: want a folder of cases, not a file", folder)
	}
	return eval.ReadFolder(folder)
}

// print tells what came out.
func (v *evaluation) print(r *experiment.Report, summaries []experiment.Summary) error {
	if v.json {
		return v.printJSON(struct {
			Model    string               `json:"model"`
			Version  string               `json:"version"`
			Tables   []experiment.Summary `json:"tables"`
			Checks   []experiment.Check   `json:"checks"`
			Notes    []string             `json:"notes"`
			PeakMB   int64                `json:"process_peak_mb,omitempty"` // of this run, with so many pictures at once
			Pictures int                  `json:"pictures_at_once"`
		}{r.Model, r.Program, summaries, r.Checks, r.Notes, peakRSS() / 1e6, v.jobs})
	}
	var b strings.Builder
	if len(summaries) == 2 { // of one scenario all is said by its own table
		summaries = summaries[1:]
	}
	for _, s := range summaries {
		name := "all scenarios"
		if s.Scenario != "" {
			name = "scenario " + s.Scenario
		}
		fmt.Fprintf(&b, "%s, %d cases\n", name, s.Cases)
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "  \t%s\n", strings.Join(s.Methods, "\t"))
		for _, figure := range s.Figures {
			fmt.Fprintf(w, "  %s", figure.Title)
			for _, m := range s.Methods {
				fmt.Fprintf(w, "\t%s", s.Cell(figure.Name, m))
			}
			fmt.Fprintln(w)
		}
		w.Flush()
		fmt.Fprintln(&b)
	}
	tellClaims(&b, r, "")
	if peak := peakRSS(); peak > 0 {
		fmt.Fprintf(&b, "The process took up to %s of memory, %s at once.\n", short(peak, "B"), count(v.jobs, "picture", "pictures"))
	}
	fmt.Fprintln(&b, filepath.Join(v.output, "index.html"))
	_, err := io.WriteString(v.stdout, b.String())
	return err
}
