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
	"slices"
	"strconv"
	"strings"

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

// names returns what the files of each treatment are called: its arm and unit, and the number of the picture where an arm has several on a unit. What
// a user calls a case may look like anything, so other characters than a file is sure to take become _, and of those that are then alike, or
// would be on a disk that does not tell A from a, the second gets ~2. Neither ~ nor the + before a picture's number is left by the former.
func names(treatments []treatment) []string {
	own := map[string][]string{} // those alike
	all := make([]string, len(treatments))
	for i, t := range treatments {
		whose := strings.Join(append(slices.Clone(t.arm), t.unit), "\x00")
		all[i] = t.name()
		alike := own[strings.ToLower(all[i])]
		at := slices.Index(alike, whose)
		if at < 0 {
			at, own[strings.ToLower(all[i])] = len(alike), append(alike, whose)
		}
		if at > 0 {
			all[i] += "~" + strconv.Itoa(at+1)
		}
		if t.repeat > 0 {
			all[i] += "+" + strconv.Itoa(t.repeat+1)
		}
	}
	return all
}

// name is a treatment's arm and unit in characters that any disk takes.
func (t *treatment) name() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, strings.Join(append(slices.Clone(t.arm), t.unit), "-"))
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
