package weights

import (
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

// Rename returns src with every tensor under the name that today returns for its name in the file: how checkpoints of older versions are
// read.
func Rename(src Source, today func(name string) string) Source {
	r := renamed{Source: src, stored: map[string]string{}}
	for _, name := range src.Names() {
		r.stored[today(name)] = name
	}
	return r
}

type renamed struct {
	Source
	stored map[string]string // today's name → the name in the file
}

func (r renamed) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	if stored, ok := r.stored[name]; ok {
		name = stored
	}
	return r.Source.Tensor(name, shape...)
}

func (r renamed) Names() []string { return sortedKeys(r.stored) }
