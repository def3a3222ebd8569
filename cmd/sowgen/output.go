package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
)

// outputFile is a file to be written.
type outputFile struct {
	path    string
	content []byte
}

// checkOutputs tells before any computing whether the files can be written. The first is the picture; "" is none.
func checkOutputs(force bool, paths ...string) error {
	if !strings.EqualFold(filepath.Ext(paths[0]), ".png") {
		return wrongFlag("output", paths[0], "want a name that ends in .png: no other kind is written")
	}
	seen := map[string]bool{}
	for _, path := range paths {
		if path == "" {
			continue
		}
		if err := picture.CheckOutput(path, force); err != nil {
			return err
		}
		full, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		if seen[full] {
			return &usageError{fmt.Sprintf("%s would be written twice: give every output its own name", path)}
		}
		seen[full] = true
	}
	return nil
}

// writeAll writes all files or none. Each comes to its name only when all that follow it are complete, so that a full disk leaves nothing.
func writeAll(files []outputFile, force bool) error {
	if len(files) == 0 {
		return nil
	}
	err := picture.WriteFile(files[0].path, force, func(w io.Writer) error {
		if _, err := w.Write(files[0].content); err != nil {
			return err
		}
		return writeAll(files[1:], force)
	})
	// The innermost error is about the file that failed; those around it are about files that waited for it.
	for inner := (*picture.Error)(nil); errors.As(err, &inner) && errors.As(inner.Err, new(*picture.Error)); {
		err = inner.Err
	}
	return err
}

// files is everything that the flags ask for, in memory.
func (g *generate) files(result *sow.Result, in *inputs) ([]outputFile, error) {
	texts, err := g.texts(result, in)
	if err != nil {
		return nil, err
	}
	var png bytes.Buffer
	if err := picture.EncodePNG(&png, result.Image, texts); err != nil {
		return nil, fmt.Errorf("%s: %w", g.output, err)
	}
	files := []outputFile{{g.output, png.Bytes()}}
	if g.latents != "" {
		var b bytes.Buffer
		if err := weights.Encode(&b, map[string]weights.Array{
			"latents": weights.Floats(tensor.ToChannelsFirst(result.Latents)), "image": weights.Floats(tensor.ToChannelsFirst(result.Decoded)),
		}, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", g.latents, err)
		}
		files = append(files, outputFile{g.latents, b.Bytes()})
	}
	if g.savePlan != "" {
		text, err := json.MarshalIndent(result.Plan, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.savePlan, err)
		}
		files = append(files, outputFile{g.savePlan, append(text, '\n')})
	}
	return files, nil
}

// inputFile names a file without its folder, which is nobody's business, and what was in it.
type inputFile struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256,omitempty"`
}

func fingerprint(path string) (*inputFile, error) {
	in := &inputFile{File: filepath.Base(path)}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return in, err // a pipe: it was read already
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, err
	}
	in.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return in, nil
}

// texts is what the picture carries: A1111's "parameters" and all that is needed to repeat the run as "sow". No times: the same run gives
// the same bytes.
func (g *generate) texts(result *sow.Result, in *inputs) ([]picture.Text, error) {
	r := &result.Report
	model := modelName(r.Model)
	record, err := json.Marshal(struct {
		Version string     `json:"version"`
		Kernels string     `json:"kernels"`
		Model   string     `json:"model"`
		Prompt  string     `json:"prompt"`
		Seed    uint64     `json:"seed"`
		Width   int        `json:"width"`
		Height  int        `json:"height"`
		Params  sow.Params `json:"params"`
		*inputs
		Planner string    `json:"planner"`
		Plan    plan.Plan `json:"plan"`
	}{r.Version, kernels.Implementation(), model, g.prompt, r.Seed, r.Width, r.Height, r.Params, in, g.plannerName(), result.Plan})
	if err != nil {
		return nil, err
	}
	return []picture.Text{{Key: "parameters", Text: parameters(result, model)}, {Key: "sow", Text: string(record)}}, nil
}

// modelName is a model's name without the folders above it.
func modelName(model string) string {
	if full, err := filepath.Abs(model); err == nil {
		model = full // "." has a name too
	}
	return filepath.Base(model)
}

func (g *generate) plannerName() string {
	if g.plan != "" {
		return "file"
	}
	return g.planner
}

// parameters is the text that AUTOMATIC1111's web UI writes and most tools read.
func parameters(result *sow.Result, model string) string {
	r := &result.Report
	p := &r.Params
	var b strings.Builder
	b.WriteString(result.Plan.Prompt)
	if p.Negative != "" {
		fmt.Fprintf(&b, "\nNegative prompt: %s", p.Negative)
	}
	fmt.Fprintf(&b, "\nSteps: %d, Sampler: DDIM, CFG scale: %g, Seed: %d, Size: %dx%d, Model: %s, Method: %s, Version: %s",
		p.Steps, p.Guidance, r.Seed, r.Width, r.Height, quoted(model), r.Method, quoted("sowgen "+r.Version))
	return b.String()
}

// quoted puts a value that would break the list into JSON quotes, as A1111 does.
func quoted(value string) string {
	if !strings.ContainsAny(value, ",:\n") {
		return value
	}
	text, _ := json.Marshal(value) // a string always has a JSON form
	return string(text)
}

// printJSON writes v to stdout for programs, and for people who look at it.
func (a *app) printJSON(v any) error {
	out := json.NewEncoder(a.stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
