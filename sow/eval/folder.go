package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/internal/bounded"
	"github.com/sowgen/sowgen/sow/picture"
)

// A folder of cases has a file of this name: a line for each case under a line of titles, in any order. Of CelebA-TV2I, the paper's benchmark, no
// more is known than that it has pictures, masks, prompts and three scenarios; so has this.
//
//	picture    of the condition, in the folder
//	mask       of the picture's size, white is kept; empty: what is not transparent is kept
//	prompt
//	scenario   normal (if empty), attribute or style
//	seed       of the random numbers; the number of the case if empty
//	name       its number and scenario if empty
//	skin       of the face, as 240,196,158                                     } for the built-in model's
//	text_NAME  what the text says about NAME: scene, time, shirt, hair …       } world only
//	head_NAME  what the condition's head shows of NAME: hair, hat, glasses …   }
//
// picture and prompt are needed.
const CasesFile = "prompts.csv"

const (
	maxCasesFile = 64 << 20
	textPrefix   = "text_"
	headPrefix   = "head_"
)

var columns = []string{"picture", "mask", "prompt", "scenario", "seed", "name", "skin"}

// ReadFolder reads the cases in a folder ([CasesFile]). Every picture is looked at, and what is wrong with it said with the line that names it, but
// none is kept in memory: see [Case.Loaded].
func ReadFolder(dir string) ([]*Case, error) {
	path := filepath.Join(dir, CasesFile)
	data, err := bounded.ReadFile(path, maxCasesFile, "a list of cases")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file; want one with the titles picture, mask, prompt and scenario, and a line for each case", path)
	}
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	titles, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: want a line of titles: %w", path, err)
	}
	if err := checkTitles(titles); err != nil {
		return nil, fmt.Errorf("%s:1: %w", path, err)
	}
	var cases []*Case
	lines := map[string]int{} // of each name
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
			return nil, fmt.Errorf("%s:%d: %w", path, wrong.Line, wrong.Err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := r.FieldPos(0)
		c, err := parseCase(dir, titles, fields, len(cases))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		if before := lines[c.Name]; before > 0 {
			return nil, fmt.Errorf("%s:%d: the name %q is that of line %d too", path, line, c.Name, before)
		}
		lines[c.Name] = line
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("%s: there is no case under the titles", path)
	}
	return cases, nil
}

func checkTitles(titles []string) error {
	for i, title := range titles {
		known := slices.Contains(columns, title) || strings.HasPrefix(title, textPrefix) || strings.HasPrefix(title, headPrefix)
		switch {
		case !known:
			return fmt.Errorf("title %q: want some of %s, %sNAME and %sNAME", title, strings.Join(columns, ", "), textPrefix, headPrefix)
		case slices.Contains(titles[:i], title):
			return fmt.Errorf("title %q is there twice", title)
		}
	}
	for _, needed := range []string{"picture", "prompt"} {
		if !slices.Contains(titles, needed) {
			return fmt.Errorf("there is no title %q", needed)
		}
	}
	return nil
}

// parseCase reads a line.
func parseCase(dir string, titles, fields []string, number int) (*Case, error) {
	c := &Case{Scenario: Scenarios[0], Seed: uint64(number), Says: map[string]string{}, Shows: map[string]string{}}
	for i, title := range titles {
		text := strings.TrimSpace(fields[i])
		if text == "" {
			continue
		}
		var err error
		switch title {
		case "picture":
			c.files[0], err = inside(dir, text)
		case "mask":
			c.files[1], err = inside(dir, text)
		case "prompt":
			c.Prompt = text
		case "scenario":
			if c.Scenario = text; !slices.Contains(Scenarios, text) {
				err = fmt.Errorf("want %s", strings.Join(Scenarios, ", "))
			}
		case "seed":
			if c.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
				err = errors.New("want a whole number from 0")
			}
		case "name":
			c.Name = text
		case "skin":
			c.Skin, err = parseColour(text)
		default:
			if question, ok := strings.CutPrefix(title, textPrefix); ok {
				c.Says[question] = text
			} else {
				c.Shows[strings.TrimPrefix(title, headPrefix)] = text
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", title, text, err)
		}
	}
	if c.Name == "" {
		c.Name = fmt.Sprintf("%03d-%s", number, c.Scenario)
	}
	switch {
	case c.files[0] == "":
		return nil, errors.New("there is no picture")
	case c.Prompt == "":
		return nil, errors.New("there is no prompt")
	}
	if _, err := c.Loaded(); err != nil {
		return nil, err
	}
	return c, c.digestFiles()
}

// inside returns the path of a file that must lie in the folder.
func inside(dir, name string) (string, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", errors.New("want a path within the folder")
	}
	return filepath.Join(dir, filepath.FromSlash(name)), nil
}

func parseColour(text string) (*color.NRGBA, error) {
	var levels [3]uint8
	parts := strings.Split(text, ",")
	if len(parts) != len(levels) {
		return nil, errors.New("want red, green, blue, such as 240,196,158")
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(strings.TrimSpace(part), 10, 8)
		if err != nil {
			return nil, errors.New("want red, green, blue, each 0 … 255")
		}
		levels[i] = uint8(v)
	}
	return &color.NRGBA{levels[0], levels[1], levels[2], 255}, nil
}

// digestFiles sets Content to what is in the files.
func (c *Case) digestFiles() error {
	sum := sha256.New()
	for _, path := range c.files {
		if path == "" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		n, err := io.Copy(sum, f)
		f.Close()
		if err != nil {
			return err
		}
		fmt.Fprintln(sum, n)
	}
	c.Content = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// WriteFolder writes cases, whose pictures are there, as a folder that [ReadFolder] reads.
func WriteFolder(dir string, cases []*Case) error {
	says, shows := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		for question := range c.Says {
			says[question] = true
		}
		for question := range c.Shows {
			shows[question] = true
		}
	}
	titles := slices.Clone(columns)
	for _, question := range slices.Sorted(maps.Keys(says)) {
		titles = append(titles, textPrefix+question)
	}
	for _, question := range slices.Sorted(maps.Keys(shows)) {
		titles = append(titles, headPrefix+question)
	}
	for _, sub := range []string{"pictures", "masks"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			return err
		}
	}
	var list bytes.Buffer
	w := csv.NewWriter(&list)
	w.Write(titles)
	for _, c := range cases {
		fields, err := c.write(dir, titles)
		if err != nil {
			return err
		}
		w.Write(fields)
	}
	w.Flush()
	return picture.WriteFile(filepath.Join(dir, CasesFile), false, func(to io.Writer) error {
		_, err := to.Write(list.Bytes())
		return err
	})
}

// write writes the pictures of a case and returns its line.
func (c *Case) write(dir string, titles []string) (fields []string, err error) {
	file := c.Name + ".png"
	if err := picture.WritePNG(filepath.Join(dir, "pictures", file), c.Picture, nil, false); err != nil {
		return nil, err
	}
	mask := ""
	if c.Mask != nil {
		mask = "masks/" + file
		if err := picture.WriteFile(filepath.Join(dir, "masks", file), false, func(w io.Writer) error { return png.Encode(w, c.Mask) }); err != nil {
			return nil, err
		}
	}
	skin := ""
	if c.Skin != nil {
		skin = fmt.Sprintf("%d,%d,%d", c.Skin.R, c.Skin.G, c.Skin.B)
	}
	own := map[string]string{
		"picture": "pictures/" + file, "mask": mask, "prompt": c.Prompt, "scenario": c.Scenario, "seed": strconv.FormatUint(c.Seed, 10), "name": c.Name, "skin": skin,
	}
	for _, title := range titles {
		text, ok := own[title]
		if question, says := strings.CutPrefix(title, textPrefix); says {
			text = c.Says[question]
		} else if !ok {
			text = c.Shows[strings.TrimPrefix(title, headPrefix)]
		}
		fields = append(fields, text)
	}
	return fields, nil
}
