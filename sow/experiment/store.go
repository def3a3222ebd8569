package experiment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
)

// store keeps what was made in an experiment's folder: pictures/NAME.png, and beside it NAME.json with the figures and what the picture is known
// by. Each comes to its name complete, the picture first, so that an interruption costs no more than what was being made.
type store struct {
	dir string // of the pictures
}

// kept is NAME.json.
type kept struct {
	Key     string       `json:"key"`     // the digest of all that it was made from
	Picture string       `json:"picture"` // the digest of NAME.png
	Figures eval.Figures `json:"figures"`
}

func (s *store) path(name, extension string) string { return filepath.Join(s.dir, name+extension) }

// load returns the figures under a name, if they were made from what key says and the picture beside them is theirs.
func (s *store) load(name, key string) (eval.Figures, bool) {
	data, err := os.ReadFile(s.path(name, ".json"))
	if err != nil {
		return nil, false
	}
	var k kept
	if json.Unmarshal(data, &k) != nil || k.Key != key {
		return nil, false
	}
	png, err := os.ReadFile(s.path(name, ".png"))
	if err != nil || digest(png) != k.Picture {
		return nil, false
	}
	return k.Figures, true
}

// save puts a picture and its figures under a name.
func (s *store) save(name, key string, img *image.NRGBA, figures eval.Figures) error {
	var png bytes.Buffer
	if err := picture.EncodePNG(&png, img, nil); err != nil {
		return err
	}
	text, err := json.MarshalIndent(kept{key, digest(png.Bytes()), figures}, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := write(s.path(name, ".png"), png.Bytes()); err != nil {
		return err
	}
	return write(s.path(name, ".json"), append(text, '\n'))
}

// picture reads the picture under a name.
func (s *store) picture(name string) (*image.NRGBA, error) { return picture.Read(s.path(name, ".png")) }

// write replaces a file as a whole.
func write(path string, content []byte) error {
	return picture.WriteFile(path, true, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// origin is what everything in a lab is made with.
type origin struct {
	Program       string // the digest of the executable
	Kernels       string
	Model         string
	Files         string // the digest of the model's file names, sizes and times
	Defaults      sow.Params
	Width, Height int
	Seed          uint64
}

func (l *Lab) origin() (*origin, error) {
	p := l.Pipeline
	o := &origin{
		Kernels: kernels.Implementation(), Model: p.Model, Defaults: p.Defaults, Width: p.Defaults.Width, Height: p.Defaults.Height, Seed: l.Seed,
	}
	var err error
	if o.Program, err = program(); err != nil {
		return nil, err
	}
	fsys, err := sow.Folder(p.Model)
	if err != nil {
		return nil, err
	}
	o.Files, err = digestFiles(fsys)
	return o, err
}

// digestFiles returns the digest of a folder's file names, sizes and times.
func digestFiles(fsys fs.FS) (string, error) {
	var files strings.Builder
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&files, path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	return digest([]byte(files.String())), err
}

// program returns the digest of the executable: its version says nothing of a change that is being tried.
func program() (string, error) {
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

// key is what a treatment's result is known by.
func (o *origin) key(e *Experiment, t *treatment) (string, error) {
	text, err := json.Marshal(struct {
		*origin
		Experiment string
		Arm        []string
		Unit       string
		From       any
	}{o, e.Name, t.arm, t.unit, t.from})
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.name(), err)
	}
	return digest(text), nil
}

// name is what a treatment's files are called.
func (t *treatment) name() string {
	words := append(append([]string{}, t.arm...), t.unit)
	if t.repeat > 0 {
		words = append(words, strconv.Itoa(t.repeat+1))
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, strings.Join(words, "-"))
	return strings.TrimLeft(name, ".")
}

// makeFolders makes an experiment's folder.
func makeFolders(dir string) (*store, error) {
	s := &store{filepath.Join(dir, "pictures")}
	err := os.MkdirAll(s.dir, 0o777)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = fmt.Errorf("%s: %w: want a folder that can be written to", path.Path, path.Err)
	}
	return s, err
}
