package weights

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/tensor"
)

// Scope is a place in a checkpoint, as "down_blocks.0.resnets.1", from which a layer reads its tensors. All scopes of a source share a
// record of what was read and what went wrong: after the first error tensors come back nil, which [tensor.PackLinear] and
// [tensor.PackConv] pass on, and [Scope.Err] at the end tells everything at once.
type Scope struct {
	name string
	*record
}

type record struct {
	src     Source
	names   map[string]bool // every name in the source; true once it was read
	ignored []string
	errs    []error
}

// NewScope returns the root of src.
func NewScope(src Source) *Scope {
	r := &record{src: src, names: map[string]bool{}}
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

// Has reports whether there is a tensor name at s.
func (s *Scope) Has(name string) bool {
	_, ok := s.names[s.join(name)]
	return ok
}

// Tensor reads the tensor name at s, which must have the given shape. It returns nil if that fails or anything failed before, so that a
// hostile config cannot make a model of nothing fill the memory.
func (s *Scope) Tensor(name string, shape ...int) *tensor.Tensor {
	full := s.join(name)
	if _, ok := s.names[full]; !ok {
		s.errs = append(s.errs, fmt.Errorf("%s: missing, want %v", full, shape))
		return nil
	}
	s.names[full] = true
	t, err := s.src.Tensor(full, shape...)
	if err != nil {
		s.errs = append(s.errs, err)
		return nil
	}
	if len(s.errs) > 0 {
		return nil
	}
	return t
}

// Ignore declares tensors that a file may hold and nobody reads: patterns as of path.Match, where * does not span dots.
func (s *Scope) Ignore(patterns ...string) {
	for _, p := range patterns {
		s.ignored = append(s.ignored, s.join(p))
	}
}

// maxNamed is how many faults an error spells out.
const maxNamed = 8

// Err returns everything that went wrong in reading the source through any scope, including tensors that nobody read, or nil.
func (s *Scope) Err() error {
	errs := slices.Clone(s.errs)
	for _, name := range sortedKeys(s.names) {
		if !s.names[name] && !s.isIgnored(name) {
			errs = append(errs, fmt.Errorf("%s: unused: the config describes a network without it", name))
		}
	}
	if more := len(errs) - maxNamed; more > 0 {
		errs = append(errs[:maxNamed], fmt.Errorf("and %d more", more))
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return &loadError{errs}
}

func (s *Scope) isIgnored(name string) bool {
	return slices.ContainsFunc(s.ignored, func(pattern string) bool {
		ok, err := path.Match(dots.Replace(pattern), dots.Replace(name))
		return ok && err == nil
	})
}

// dots makes a tensor's name a path, in whose parts * matches.
var dots = strings.NewReplacer(".", "/")

// loadError is several faults in one line.
type loadError struct{ errs []error }

func (e *loadError) Error() string { return strings.ReplaceAll(errors.Join(e.errs...).Error(), "\n", "; ") }

func (e *loadError) Unwrap() []error { return e.errs }
