package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/nn/config"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sow"
)

// inspection is what is to be said about a model, a component of one, or a weights file.
type inspection struct {
	Path       string      `json:"path"`
	Kind       string      `json:"kind"` // model, component or file
	Components []inspected `json:"components"`
	Unused     []string    `json:"unused,omitempty"`   // folders that nothing here reads
	Defaults   *defaults   `json:"defaults,omitempty"` // of a model that loads
	Memory     int64       `json:"memory,omitempty"`   // bytes that generate takes with them
	Problems   []string    `json:"problems"`
}

// inspected is one component, or the file itself.
type inspected struct {
	Name       string           `json:"name"`
	Files      []string         `json:"files"` // of weights
	Tensors    int              `json:"tensors"`
	Parameters int64            `json:"parameters"`
	Precision  map[string]int64 `json:"precision"` // parameters by what they are stored as ("F16")
	Bytes      int64            `json:"bytes"`     // of the files
	OK         bool             `json:"ok"`
}

type defaults struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	sow.Params
}

func (a *app) inspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Tell what is in a model, and everything that is wrong with it",
		Long: `Tells what a model folder, a component's folder or a safetensors file holds: components, parameters, precision,
bytes. It loads everything there is as generate would, so it also tells everything that is wrong: files that are
missing, cut off or damaged, tensors that are missing, of another shape or not numbers, configs that are not
supported. PATH may also be builtin, the model inside the program. The exit code is 1 if anything is wrong.`,
		Example: `  sowgen inspect path/to/stable-diffusion-2-1-base
  sowgen inspect path/to/stable-diffusion-2-1-base/unet
  sowgen inspect --json latents.safetensors`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return errors.New("inspect: want one PATH: a model folder, a component's folder, a safetensors file, or builtin")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	cmd.RunE = a.work(func(cmd *cobra.Command, args []string) error {
		found, err := unlessDone(cmd.Context(), func() (*inspection, error) { return inspect(cmd.Context(), args[0]) })
		if err == nil {
			err = cmd.Context().Err()
		}
		if err != nil {
			return err
		}
		if asJSON {
			err = a.printJSON(found)
		} else {
			err = found.print(a.stdout)
		}
		switch n := len(found.Problems); {
		case n == 0:
			return err
		case n == 1 && found.Kind == "file": // it names the path
			return errors.New(found.Problems[0])
		case n == 1:
			return fmt.Errorf("%s: %s", found.Path, found.Problems[0])
		default:
			return fmt.Errorf("%s: %d problems; the first: %s", found.Path, n, found.Problems[0])
		}
	})
	return cmd
}

// inspect looks at whatever lies at path.
func inspect(ctx context.Context, at string) (*inspection, error) {
	in := &inspection{Path: at, Components: []inspected{}, Problems: []string{}}
	if info, err := os.Stat(at); err == nil && !info.IsDir() && at != sow.Builtin {
		in.Kind = "file"
		in.file(ctx)
		return in, nil
	}
	fsys, err := sow.Folder(at)
	if err != nil {
		return nil, err
	}
	if in.isModel(fsys) {
		in.Kind = "model"
		in.model(ctx, fsys)
		return in, nil
	}
	in.Kind = "component"
	for _, c := range slices.Backward(components) { // a CLIP's folder has a tokenizer's files too
		if c.lies(fsys) {
			in.component(fsys, ".", c)
			return in, nil
		}
	}
	return nil, fmt.Errorf("%s: neither a model folder (with unet, vae, text_encoder, …) nor one of its components: name another path", at)
}

// isModel reports whether fsys has any component's folder.
func (*inspection) isModel(fsys fs.FS) bool {
	return exists(fsys, "model_index.json") || slices.ContainsFunc(components, func(c component) bool { return exists(fsys, c.name) })
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// lies reports whether fsys is the folder of such a component.
func (c component) lies(fsys fs.FS) bool {
	if c.class == "" {
		return slices.ContainsFunc(c.files, func(name string) bool { return exists(fsys, name) })
	}
	var head struct {
		Class         string   `json:"_class_name"`
		Architectures []string `json:"architectures"`
	}
	return config.Read(fsys, "config.json", &head, nil) == nil && (head.Class == c.class || slices.Contains(head.Architectures, c.class))
}

// model inspects all components, and whether they make a model together.
func (in *inspection) model(ctx context.Context, fsys fs.FS) {
	pipeline, err := sow.OpenFS(fsys, in.Path, sow.LowMemory()) // one network at a time
	for _, c := range components {
		if ctx.Err() != nil {
			return
		}
		if !c.extra || exists(fsys, c.name) {
			in.component(fsys, c.name, c)
		}
	}
	if err != nil && len(in.Problems) == 0 { // each part is sound: they do not fit together
		in.problem(errors.Unwrap(err)) // without the name of the model, which all problems have
	}
	if pipeline != nil {
		in.Defaults = &defaults{pipeline.Defaults.Width, pipeline.Defaults.Height, pipeline.Defaults}
		in.memory(pipeline)
	}
	entries, _ := fs.ReadDir(fsys, ".") // what cannot be listed cannot be unused
	for _, e := range entries {
		if e.IsDir() && !slices.ContainsFunc(components, func(c component) bool { return c.name == e.Name() }) {
			in.Unused = append(in.Unused, e.Name())
		}
	}
}

// memory notes what a picture takes.
func (in *inspection) memory(p *sow.Pipeline) {
	m, err := p.Memory(sow.Request{Prompt: "a prompt"})
	var wrong *sow.MemoryError
	if errors.As(err, &wrong) { // on this machine
		m, err = wrong.Memory, nil
	}
	if err == nil {
		in.Memory = m.Peak
	}
}

// component inspects folder dir of fsys.
func (in *inspection) component(fsys fs.FS, dir string, c component) {
	part := inspected{Name: c.name, Files: []string{}, Precision: map[string]int64{}}
	before := len(in.Problems)
	if c.base != "" {
		// That they cannot be opened, c.check tells.
		if src, err := weights.OpenFolder(fsys, dir, c.base); err == nil {
			for _, info := range src.Info() {
				part.add(info)
				in.oddities(info)
			}
			src.Close()
		}
	}
	if c.check != nil {
		if err := c.check(fsys, dir); err != nil {
			in.problem(err)
		}
	}
	part.OK = len(in.Problems) == before
	in.Components = append(in.Components, part)
}

// file inspects a single file.
func (in *inspection) file(ctx context.Context) {
	part := inspected{Name: path.Base(in.Path), Files: []string{}, Precision: map[string]int64{}}
	f, err := weights.OpenFile(in.Path)
	if err != nil {
		in.problem(err)
	} else {
		defer f.Close()
		info := f.Info()
		part.add(info)
		in.oddities(info)
		for _, err := range weights.Verify(ctx, f) {
			in.problem(err)
		}
	}
	part.OK = len(in.Problems) == 0
	in.Components = append(in.Components, part)
}

func (p *inspected) add(info weights.Info) {
	p.Files = append(p.Files, path.Base(info.File))
	p.Tensors += info.Tensors
	p.Parameters += info.Parameters
	p.Bytes += info.Bytes
	for dtype, n := range info.DTypes {
		p.Precision[dtype] += n
	}
}

func (in *inspection) problem(err error) { in.Problems = append(in.Problems, oneLine(message(err))) }

func (in *inspection) oddities(info weights.Info) {
	for _, text := range info.Problems {
		in.Problems = append(in.Problems, oneLine(info.File+": "+text))
	}
}

// print writes the inspection as a table.
func (in *inspection) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n\n", oneLine(in.Path), in.Kind)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "part\tparameters\tprecision\ttensors\tfiles\tsize\t")
	var total inspected
	for _, p := range in.Components {
		state := ""
		if !p.OK {
			state = "see below"
		}
		p.row(t, state)
		total.Parameters, total.Tensors, total.Bytes = total.Parameters+p.Parameters, total.Tensors+p.Tensors, total.Bytes+p.Bytes
		total.Files = append(total.Files, p.Files...)
	}
	if len(in.Components) > 1 {
		total.Name = "total"
		total.row(t, "")
	}
	t.Flush() // an error comes again below
	if len(in.Unused) > 0 {
		fmt.Fprintf(w, "\nnot used: %s\n", oneLine(strings.Join(in.Unused, ", ")))
	}
	if d := in.Defaults; d != nil {
		fmt.Fprintf(w, "\ndefaults: --size %dx%d --method %s --steps %d --cycles %d --guidance %g --inversion-guidance %g --masked-guidance=%t\n",
			d.Width, d.Height, d.Method, d.Steps, d.Cycles, d.Guidance, d.InversionGuidance, d.MaskedGuidance)
	}
	if in.Memory > 0 {
		fmt.Fprintf(w, "memory: up to %s with these defaults\n", short(in.Memory, "B"))
	}
	_, err := fmt.Fprintln(w)
	if len(in.Problems) == 0 {
		_, err = fmt.Fprintln(w, "nothing is wrong")
	}
	for _, p := range in.Problems {
		_, err = fmt.Fprintf(w, "problem: %s\n", p)
	}
	return err
}

// row writes p as a row of the table.
func (p *inspected) row(w io.Writer, state string) {
	if len(p.Files) == 0 { // it has no weights
		fmt.Fprintf(w, "%s\t\t\t\t\t\t%s\n", oneLine(p.Name), state)
		return
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", oneLine(p.Name), short(p.Parameters, ""), strings.Join(slices.Sorted(maps.Keys(p.Precision)), " "),
		p.Tensors, len(p.Files), short(p.Bytes, "B"), state)
}

// short is a number in thousands, millions or billions.
func short(n int64, unit string) string {
	v := float64(n)
	for _, prefix := range []string{"", "k", "M", "G"} {
		if v < 1000 || prefix == "G" {
			if prefix == "" {
				return strings.TrimSpace(fmt.Sprintf("%d %s", n, unit))
			}
			return fmt.Sprintf("%.1f %s%s", v, prefix, unit)
		}
		v /= 1000
	}
	return ""
}
