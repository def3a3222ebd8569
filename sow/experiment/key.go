package experiment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
)

// version counts the changes to what decides, beside a treatment's numbers and the model, which picture comes out and what is measured on it: the
// method, the planner, the benchmark's cases, the measures, the probe. A program of another version makes everything anew, one of the same goes on
// from what another has left, whatever else was changed in between. TestVersion tells when it has to be raised; while a change is being tried,
// [Lab].Again makes everything anew.
const version = 3

// origin is what everything in a lab is made with.
type origin struct {
	Version       int
	Kernels       string
	Model         string
	Files         string // the digest of the model's files
	Defaults      sow.Params
	Width, Height int
	Seed          uint64
}

func (l *Lab) origin() (*origin, error) {
	p := l.Pipeline
	o := &origin{
		Version: version, Kernels: kernels.Implementation(), Model: p.Model,
		Defaults: p.Defaults, Width: p.Defaults.Width, Height: p.Defaults.Height, Seed: l.Seed,
	}
	fsys, err := sow.Folder(p.Model)
	if err != nil {
		return nil, err
	}
	o.Files, err = digestFiles(fsys)
	return o, err
}

// digestFiles returns the digest of a folder's file names, sizes and times; of what lies in the program, which has no times, that of the contents.
func digestFiles(fsys fs.FS) (string, error) {
	var files strings.Builder
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		known := info.ModTime().String()
		if info.ModTime().IsZero() {
			data, err := fs.ReadFile(fsys, path)
			if err != nil {
				return err
			}
			known = digest(data)
		}
		fmt.Fprintln(&files, path, info.Size(), known)
		return nil
	})
	return digest([]byte(files.String())), err
}

// keys are what the results of treatments are known by.
func (e *Experiment) keys(lab *Lab, treatments []treatment) (keys []string, err error) {
	from, err := lab.origin()
	if err != nil {
		return nil, err
	}
	program := ""
	if e.alone { // times are those of one program
		if program, err = digestProgram(); err != nil {
			return nil, err
		}
	}
	for i := range treatments {
		t := &treatments[i]
		text, err := json.Marshal(struct {
			*origin
			Program    string
			Experiment string
			Arm        []string
			Unit       string
			From       any
		}{from, program, e.Name, t.arm, t.unit, t.from})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name(), err)
		}
		keys = append(keys, digest(text))
	}
	return keys, nil
}

// digestProgram returns the digest of the executable.
func digestProgram() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), err
}
