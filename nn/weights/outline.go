package weights

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// Outline is a [Source] with the names and shapes of another, but without its numbers: nothing is read, and the tensors are on a
// [tensor.Dry]. A network built from it is checked as one from the source itself would be, and can be evaluated to learn how much memory
// that takes.
type Outline struct {
	Source
	engine *tensor.Dry
	bytes  int64
}

// NewOutline returns the outline of src, which must be a [Shaper], for a network on e.
func NewOutline(e tensor.Engine, src Source) *Outline {
	return &Outline{Source: src, engine: tensor.NewDry(e)}
}

// Tensor implements [Source].
func (o *Outline) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	got, _, ok := o.Shape(name)
	if !ok || len(shape) > 0 && fmt.Sprint(got) != fmt.Sprint(shape) {
		return o.Source.Tensor(name, shape...) // which says what is wrong
	}
	t := tensor.NewOn(o.engine, got...)
	o.bytes += int64(t.DataSize()) * 4
	return t, nil
}

// Shape implements [Shaper] as far as the source does.
func (o *Outline) Shape(name string) (shape []int, dtype string, ok bool) {
	s, ok := o.Source.(Shaper)
	if !ok {
		return nil, "", false
	}
	return s.Shape(name)
}

// Stored implements [Storer] as far as the source does.
func (o *Outline) Stored(name string) (w kernels.Stored, ok bool) {
	s, ok := o.Source.(Storer)
	if !ok {
		return w, false
	}
	return s.Stored(name)
}

// Bytes is how much memory a network takes that was built from the source itself.
func (o *Outline) Bytes() int64 { return o.bytes + o.engine.Packed() }

// Engine returns where its tensors are.
func (o *Outline) Engine() *tensor.Dry { return o.engine }

func (o *Outline) on() tensor.Engine { return o.engine }

func (o *Outline) String() string { return nameOf(o.Source) }
