package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"path"
	"path/filepath"
	"strings"

	"github.com/sowgen/sowgen/internal/bounded"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// maxFile bounds a file of rules.
const maxFile = 1 << 20

// ReadFile reads a program and the masks it names, which lie beside it.
func ReadFile(file string) (*Program, error) {
	data, err := bounded.ReadFile(file, maxFile, "a program of rules")
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	p, err := Parse(data, func(name string) (*image.Gray, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), filepath.FromSlash(name))
		}
		return picture.ReadMask(name, true)
	})
	if err != nil {
		return nil, fmt.Errorf("rules: %s: %w", file, err)
	}
	return p, nil
}

// Parse reads a program from JSON. What is wrong is an [*Error] that says where. mask reads the pictures of mask regions; nil refuses them.
func Parse(data []byte, mask func(name string) (*image.Gray, error)) (*Program, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var top any
	if err := d.Decode(&top); err != nil {
		return nil, &Error{"", "", fmt.Sprintf("it is not JSON: %v", err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{"", "", "there is more behind the closing brace"}
	}
	r := reader{mask: mask}
	p := r.program(top)
	if r.err != nil {
		return nil, r.err
	}
	return p, p.Validate()
}

// UnmarshalJSON implements [json.Unmarshaler]; mask regions are refused.
func (p *Program) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data, nil)
	if err == nil {
		*p = *parsed
	}
	return err
}

// reader reads decoded JSON and keeps the first error.
type reader struct {
	mask func(string) (*image.Gray, error)
	err  error
}

func (r *reader) fail(path string, value any, want string) {
	if r.err == nil {
		r.err = &Error{path, brief(value), want}
	}
}

// brief is a decoded value as an error shows it; nothing of a long one.
func brief(v any) string {
	if s, ok := v.(string); ok {
		return quoted(s)
	}
	b, err := json.Marshal(v)
	if err != nil || len(b) > 60 {
		return ""
	}
	return string(b)
}

// fields calls, for each key of an object, what reads it.
func (r *reader) fields(path string, v any, read map[string]func(path string, v any)) {
	object, ok := v.(map[string]any)
	if !ok {
		r.fail(path, v, "want an object {…}")
		return
	}
	for _, key := range sortedKeys(object) {
		f, ok := read[key]
		if !ok {
			r.fail(path, key, "no such key: want "+strings.Join(sortedKeys(read), ", "))
			return
		}
		f(join(path, key), object[key])
	}
}

// list calls read for each entry of a list.
func (r *reader) list(path string, v any, read func(path string, v any)) {
	list, ok := v.([]any)
	if !ok {
		r.fail(path, v, "want a list […]")
		return
	}
	for i, entry := range list {
		read(pathOf(path, i), entry)
	}
}

func (r *reader) number(to *float64) func(string, any) {
	return func(path string, v any) {
		n, ok := v.(json.Number)
		f, err := n.Float64()
		if !ok || err != nil {
			r.fail(path, v, "want a number")
			return
		}
		if *to = f; f == 0 && path[strings.LastIndexByte(path, '.')+1:] == "scale" {
			r.fail(path, v, "want a number above 0; block is what 0 would mean")
		}
	}
}

func (r *reader) whole(path string, v any) int {
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if !ok || err != nil || i < math.MinInt32 || i > math.MaxInt32 {
		r.fail(path, v, "want a whole number")
		return 0
	}
	return int(i)
}

func (r *reader) word(path string, v any) string {
	s, ok := v.(string)
	if !ok {
		r.fail(path, v, "want a text")
	}
	return s
}

func (r *reader) flag(to *bool) func(string, any) {
	return func(path string, v any) {
		if b, ok := v.(bool); ok && b {
			*to = true
			return
		}
		r.fail(path, v, "want true, or leave it out")
	}
}

func (r *reader) window(to **Window) func(string, any) {
	return func(path string, v any) {
		if ends, ok := v.([]any); ok {
			if len(ends) != 2 {
				r.fail(path, v, "want a number or [from, to]")
				return
			}
			*to = &Window{r.whole(pathOf(path, 0), ends[0]), r.whole(pathOf(path, 1), ends[1])}
			return
		}
		n := r.whole(path, v)
		*to = &Window{n, n}
	}
}

func (r *reader) program(v any) *Program {
	p := &Program{}
	r.fields("", v, map[string]func(string, any){
		"regions": func(path string, v any) {
			object, ok := v.(map[string]any)
			if !ok {
				r.fail(path, v, "want an object {…} of names")
				return
			}
			p.Regions = map[string]Region{}
			for _, name := range sortedKeys(object) {
				p.Regions[name] = r.region(join(path, name), object[name], 0)
			}
		},
		"rules": func(path string, v any) {
			r.list(path, v, func(path string, v any) { p.Rules = append(p.Rules, r.rule(path, v)) })
		},
	})
	return p
}

func (r *reader) rule(path string, v any) (rule Rule) {
	r.fields(path, v, map[string]func(string, any){
		"query":    func(path string, v any) { rule.Query = r.region(path, v, 0) },
		"key":      func(path string, v any) { rule.Key = r.region(path, v, 0) },
		"enhance":  r.number(&rule.Enhance),
		"suppress": r.number(&rule.Suppress),
		"bias":     r.number(&rule.Bias),
		"scale":    r.number(&rule.Scale),
		"target":   r.number(&rule.Target),
		"block":    r.flag(&rule.Block),
		"plain":    r.flag(&rule.Plain),
		"layer":    func(path string, v any) { rule.Layer = r.word(path, v) },
		"heads": func(path string, v any) {
			rule.Heads = []int{}
			r.list(path, v, func(path string, v any) { rule.Heads = append(rule.Heads, r.whole(path, v)) })
		},
		"phases": func(path string, v any) {
			rule.Phases = []Phase{}
			r.list(path, v, func(path string, v any) { rule.Phases = append(rule.Phases, Phase(r.word(path, v))) })
		},
		"roles": func(path string, v any) {
			rule.Roles = []Role{}
			r.list(path, v, func(path string, v any) { rule.Roles = append(rule.Roles, Role(r.word(path, v))) })
		},
		"resolution": r.window(&rule.Resolution),
		"node":       r.window(&rule.Node),
		"timestep":   r.window(&rule.Timestep),
		"cycle":      r.window(&rule.Cycle),
		"strength":   func(path string, v any) { rule.Strength = r.strength(path, v) },
	})
	for name, empty := range map[string]bool{
		"heads": rule.Heads != nil && len(rule.Heads) == 0, "phases": rule.Phases != nil && len(rule.Phases) == 0, "roles": rule.Roles != nil && len(rule.Roles) == 0,
	} {
		if empty {
			r.fail(join(path, name), []any{}, "an empty list would never hold: leave it out for all")
		}
	}
	return rule
}

func (r *reader) strength(path string, v any) (s Strength) {
	if _, ok := v.(json.Number); ok {
		var constant float64
		r.number(&constant)(path, v)
		return Constant(constant)
	}
	r.list(path, v, func(path string, v any) {
		pair, ok := v.([]any)
		if !ok || len(pair) != 2 {
			r.fail(path, v, "want [node, strength]")
			return
		}
		p := Point{Node: r.whole(pathOf(path, 0), pair[0])}
		r.number(&p.Value)(pathOf(path, 1), pair[1])
		s = append(s, p)
	})
	if len(s) == 0 {
		r.fail(path, v, "want a number, or a list of [node, strength]")
	}
	return s
}

func (r *reader) region(path string, v any, depth int) (region Region) {
	if name, ok := v.(string); ok {
		return Region{Name: name}
	}
	if depth > maxParts {
		r.fail(path, nil, "regions within regions too deep")
		return Region{}
	}
	object, ok := v.(map[string]any)
	if !ok || len(object) != 1 {
		r.fail(path, v, `want a name such as "condition", or an object with one of box, mask, union, minus, complement`)
		return Region{}
	}
	regions := func(to *[]Region) func(string, any) {
		return func(path string, v any) {
			*to = []Region{}
			r.list(path, v, func(path string, v any) { *to = append(*to, r.region(path, v, depth+1)) })
		}
	}
	r.fields(path, v, map[string]func(string, any){
		"box": func(path string, v any) {
			var corners []int
			r.list(path, v, func(path string, v any) { corners = append(corners, r.whole(path, v)) })
			if len(corners) != 4 {
				r.fail(path, v, "want [ymin, xmin, ymax, xmax] in thousandths of the canvas")
				return
			}
			region.Box = (*plan.Box)(corners)
		},
		"mask":       func(path string, v any) { region.Mask = r.readMask(path, v) },
		"union":      regions(&region.Union),
		"minus":      regions(&region.Minus),
		"complement": func(path string, v any) { part := r.region(path, v, depth+1); region.Complement = &part },
	})
	return region
}

func (r *reader) readMask(path string, v any) *Mask {
	m := &Mask{File: r.word(path, v)}
	switch {
	case r.err != nil:
	case m.File == "":
		r.fail(path, v, "want the name of a picture")
	case r.mask == nil:
		r.fail(path, v, "a mask can only be named in a file of rules, beside which it lies")
	default:
		var err error
		if m.Image, err = r.mask(m.File); err != nil {
			r.fail(path, v, err.Error())
		}
	}
	return m
}

// checkGlob reports a pattern that matches no name by its form.
func checkGlob(at, glob string) error {
	if _, err := path.Match(glob, ""); err != nil {
		return &Error{at, quoted(glob), `want a pattern with * and ?, such as "up_blocks.*"`}
	}
	return nil
}
