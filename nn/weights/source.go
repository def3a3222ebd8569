package weights

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// Source is where parameters come from.
type Source interface {
	// Tensor reads a tensor as float32, whatever it is stored as. If a shape is given, a tensor of another shape is an error, and so is
	// a number that is not finite.
	Tensor(name string, shape ...int) (*tensor.Tensor, error)
	// Names returns the names of all tensors, sorted.
	Names() []string
}

// Shaper is a [Source] that knows the shape of a tensor, and what it is stored as ("F16"), without reading it; ok is false if it does
// not. With one, a [Scope] tells that a checkpoint does not fit before it reads gigabytes.
type Shaper interface {
	Shape(name string) (shape []int, dtype string, ok bool)
}

// Storer is a [Source] that gives a tensor as it is stored; ok is false if it cannot, and [Source.Tensor] is to be asked. A number that is
// not finite is an error of the reading.
type Storer interface {
	Shaper
	Stored(name string) (w kernels.Stored, ok bool)
}

// On returns src, from which a [Scope] reads onto engine e: how a model gets its device and its precision. Without it that is the CPU in
// float32.
func On(e tensor.Engine, src Source) Source { return placed{src, e} }

type placed struct {
	Source
	engine tensor.Engine
}

// engineOf returns the engine for what is read from src.
func engineOf(src Source) tensor.Engine {
	if p, ok := src.(interface{ on() tensor.Engine }); ok {
		return p.on()
	}
	return tensor.CPU{}
}

func (p placed) on() tensor.Engine { return p.engine }

// Shape implements [Shaper] as far as the source does.
func (p placed) Shape(name string) (shape []int, dtype string, ok bool) {
	if s, ok := p.Source.(Shaper); ok {
		return s.Shape(name)
	}
	return nil, "", false
}

// Stored implements [Storer] as far as the source does.
func (p placed) Stored(name string) (w kernels.Stored, ok bool) {
	if s, ok := p.Source.(Storer); ok {
		return s.Stored(name)
	}
	return w, false
}

func (p placed) String() string { return nameOf(p.Source) }

// Rename returns src with every tensor under the name that today returns for its name in the file: how checkpoints of older versions are
// read. Two tensors that come to the same name are an error when it is asked for.
func Rename(src Source, today func(name string) string) Source {
	r := renamed{Source: src, stored: map[string][]string{}}
	for _, name := range src.Names() {
		r.stored[today(name)] = append(r.stored[today(name)], name)
	}
	return r
}

type renamed struct {
	Source
	stored map[string][]string // today's name → the names in the file
}

func (r renamed) Names() []string { return sortedKeys(r.stored) }

func (r renamed) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	stored := r.stored[name]
	switch len(stored) {
	case 0:
		return nil, &Error{File: r.String(), Tensor: name, Reason: "is not there", Fix: notThisModel}
	case 1:
		return r.Source.Tensor(stored[0], shape...)
	}
	return nil, &Error{File: r.String(), Tensor: name, Reason: fmt.Sprintf("is there twice, as %s and as %s", shorten(stored[0]), shorten(stored[1])),
		Fix: "remove one of them"}
}

func (r renamed) on() tensor.Engine { return engineOf(r.Source) }

// Shape implements [Shaper] as far as the source does.
func (r renamed) Shape(name string) (shape []int, dtype string, ok bool) {
	s, ok := r.Source.(Shaper)
	if !ok || len(r.stored[name]) != 1 {
		return nil, "", false
	}
	return s.Shape(r.stored[name][0])
}

// Stored implements [Storer] as far as the source does.
func (r renamed) Stored(name string) (w kernels.Stored, ok bool) {
	s, ok := r.Source.(Storer)
	if !ok || len(r.stored[name]) != 1 {
		return w, false
	}
	return s.Stored(r.stored[name][0])
}

func (r renamed) String() string { return nameOf(r.Source) }

// nameOf is what errors call a source.
func nameOf(src Source) string {
	if s, ok := src.(fmt.Stringer); ok {
		return s.String()
	}
	return "the checkpoint"
}
