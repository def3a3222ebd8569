package weights

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/tensor"
)

// Scope is a place in a checkpoint, as "down_blocks.0.resnets.1", from which a layer reads its tensors. All scopes of a source share a
// record of what was read and what went wrong: a layer need not look, [Scope.Err] at the end tells everything at once.
type Scope struct {
	name string
	*record
}

type record struct {
	src                Source
	engine             tensor.Engine   // of what is read
	names              map[string]bool // every name in the source; true once it was asked for
	ignored            []string
	missing, misshapen []string
	err                error // of the one tensor that could not be read
}

// NewScope returns the root of src.
func NewScope(src Source) *Scope {
	r := &record{src: src, engine: engineOf(src), names: map[string]bool{}}
	for _, name := range src.Names() {
		r.names[name] = false
	}
	return &Scope{record: r}
}

// Name returns where s is: "" for the root.
func (s *Scope) Name() string { return s.name }

// Sub returns the place name below s.
func (s *Scope) Sub(name string) *Scope { return &Scope{s.join(name), s.record} }

// Index returns the i-th place below s.
func (s *Scope) Index(i int) *Scope { return s.Sub(strconv.Itoa(i)) }

func (s *Scope) join(name string) string {
	if s.name == "" {
		return name
	}
	return s.name + "." + name
}

// Has reports whether there is a tensor name at s: how a model learns of an optional part.
func (s *Scope) Has(name string) bool {
	_, ok := s.names[s.join(name)]
	return ok
}

// Tensor reads the tensor name at s, which must have the given shape. If that fails or anything failed before, the model is not to be, and
// a stand-in comes back: a zero with as many axes, all of them 1. What is still asked for is then only looked up. So neither a config
// without weights nor a broken file makes a model of nothing fill the memory.
func (s *Scope) Tensor(name string, shape ...int) *tensor.Tensor {
	if s.fits(name, shape) {
		t, err := s.read(s.join(name), shape)
		if err == nil {
			return t
		}
		s.err = err
	}
	return s.standIn(shape)
}

// read brings a tensor to the engine: as it is stored, if the source is a [Storer] and the engine a [tensor.StoredReader].
func (s *Scope) read(full string, shape []int) (*tensor.Tensor, error) {
	if src, ok := s.src.(Storer); ok {
		if e, ok := s.engine.(tensor.StoredReader); ok {
			if w, ok := src.Stored(full); ok {
				return tensor.Read(e, w, shape...)
			}
		}
	}
	t, err := s.src.Tensor(full, shape...)
	if err != nil {
		return nil, err
	}
	return tensor.To(s.engine, t), nil
}

// Weight reads and packs the weight name at s: of a linear layer if shape is [out, in], of a convolution if it is [out, in, kh, kw]. If the
// source is a [Storer] and the engine a [tensor.StoredPacker], it is packed as it is read. It fails as [Scope.Tensor] does.
func (s *Scope) Weight(name string, shape ...int) *tensor.Weight {
	return s.weight(name, false, shape)
}

// Gated is Weight for the weight [2·out, in] of a linear layer with a gate (see [tensor.PackGated]).
func (s *Scope) Gated(name string, out, in int) *tensor.Weight {
	return s.weight(name, true, []int{2 * out, in})
}

func (s *Scope) weight(name string, gated bool, shape []int) *tensor.Weight {
	if s.fits(name, shape) {
		w, err := s.readWeight(s.join(name), gated, shape)
		if err == nil {
			return w
		}
		s.err = err
	}
	return pack(s.standIn(shape), false)
}

func (s *Scope) readWeight(full string, gated bool, shape []int) (*tensor.Weight, error) {
	src, stored := s.src.(Storer)
	if e, ok := s.engine.(tensor.StoredPacker); ok && stored {
		if w, ok := src.Stored(full); ok {
			if gated {
				return tensor.ReadGated(e, w, shape[0]/2, shape[1])
			}
			return tensor.ReadWeight(e, w, shape...)
		}
	}
	t, err := s.read(full, shape)
	if err != nil {
		return nil, err
	}
	return pack(t, gated), nil
}

func pack(t *tensor.Tensor, gated bool) *tensor.Weight {
	switch {
	case gated:
		return tensor.PackGated(t)
	case t.Dims() == 2:
		return tensor.PackLinear(t)
	}
	return tensor.PackConv(t)
}

// fits notes that the tensor name is read, and reports whether it is there in the shape and nothing failed before.
func (s *Scope) fits(name string, shape []int) bool {
	full := s.join(name)
	if _, ok := s.names[full]; !ok {
		s.missing = append(s.missing, fmt.Sprintf("%s %v", shorten(full), shape))
		return false
	}
	s.names[full] = true
	if src, ok := s.src.(Shaper); ok {
		if got, _, ok := src.Shape(full); ok && !slices.Equal(got, shape) {
			s.misshapen = append(s.misshapen, fmt.Sprintf("%s is %v, want %v", shorten(full), got, shape))
			return false
		}
	}
	return !s.failed()
}

func (r *record) standIn(shape []int) *tensor.Tensor {
	ones := make([]int, max(len(shape), 1))
	for i := range ones {
		ones[i] = 1
	}
	return tensor.NewOn(r.engine, ones...)
}

func (r *record) failed() bool { return len(r.missing) > 0 || len(r.misshapen) > 0 || r.err != nil }

// Ignore declares tensors that a file may hold and nobody reads: patterns as of path.Match, where * does not span dots.
func (s *Scope) Ignore(patterns ...string) {
	for _, p := range patterns {
		s.ignored = append(s.ignored, s.join(p))
	}
}

// Err returns everything that went wrong in reading the source through any scope, including tensors that nobody asked for, or nil: a
// [*FitError], or the error of the source if all that failed was reading one tensor.
func (s *Scope) Err() error {
	e := &FitError{Source: nameOf(s.src), Missing: s.missing, Misshapen: s.misshapen, Err: s.err}
	for _, name := range sortedKeys(s.names) {
		if !s.names[name] && !s.isIgnored(name) {
			e.Unused = append(e.Unused, shorten(name))
		}
	}
	if len(e.Missing)+len(e.Misshapen)+len(e.Unused) > 0 {
		return e
	}
	return s.err
}

func (s *Scope) isIgnored(name string) bool {
	return slices.ContainsFunc(s.ignored, func(pattern string) bool {
		ok, err := path.Match(dots.Replace(pattern), dots.Replace(name))
		return ok && err == nil
	})
}

// dots makes a tensor's name a path, in whose parts * matches.
var dots = strings.NewReplacer(".", "/")

// FitError says how a checkpoint and the model that was to be built from it differ, in one line.
type FitError struct {
	Source    string
	Missing   []string // "name [shape]": asked for, not there
	Misshapen []string // "name is [shape], want [shape]"
	Unused    []string // there, not asked for
	Err       error    // what else went wrong, or nil
}

func (e *FitError) Error() string {
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"missing", e.Missing}, {"of another shape", e.Misshapen}, {"unused", e.Unused}} {
		const most = 4
		names, more := p.names, ""
		if len(names) > most {
			names, more = names[:most], fmt.Sprintf(", and %d more", len(names)-most)
		}
		if len(names) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s%s)", len(p.names), p.what, strings.Join(names, ", "), more))
		}
	}
	s := fmt.Sprintf("weights: %s: tensors: %s: %s", e.Source, strings.Join(parts, "; "), notThisModel)
	if e.Err != nil {
		s += "; besides: " + e.Err.Error()
	}
	return s
}

func (e *FitError) Unwrap() error { return e.Err }
