package tensor

import (
	"fmt"

	gt "gorgonia.org/tensor"
)

// Reshape returns t's elements under another shape: a new header on the same memory (t itself keeps its shape, unlike gorgonia's
// method). One axis may be -1 and is then worked out.
func Reshape(t *Tensor, shape ...int) *Tensor {
	t = Contiguous(t)
	total := elements(t.Shape())
	dims := append([]int(nil), shape...)
	known, free := 1, -1
	for i, d := range dims {
		switch {
		case d == -1 && free < 0:
			free = i
		case d < 1:
			fail("Reshape", fmt.Sprintf("bad shape %v", shape), t)
		default:
			known *= d
		}
	}
	if free >= 0 && total%known == 0 {
		dims[free] = total / known
		known = total
	}
	if known != total {
		fail("Reshape", fmt.Sprintf("%d elements do not fill %v", total, shape), t)
	}
	y := t.ShallowClone()
	if err := y.Reshape(dims...); err != nil {
		fail("Reshape", err.Error(), t)
	}
	return y
}

// Flatten returns t as [first, rest]: all axes from the second on become one.
func Flatten(t *Tensor) *Tensor { return Reshape(t, t.Shape()[0], -1) }

// Permute returns t with its axes in another order, as a contiguous copy: axis i of the result is axis axes[i] of t.
func Permute(t *Tensor, axes ...int) *Tensor {
	t = Contiguous(t)
	seen := make([]bool, t.Dims())
	ok := len(axes) == t.Dims()
	for _, a := range axes {
		ok = ok && a >= 0 && a < t.Dims() && !seen[a]
		if ok {
			seen[a] = true
		}
	}
	if !ok {
		fail("Permute", fmt.Sprintf("%v is no order of its axes", axes), t)
	}
	from := strides(t.Shape())
	shape, walk := make([]int, len(axes)), make([]int, len(axes))
	for i, a := range axes {
		shape[i], walk[i] = t.Shape()[a], from[a]
	}
	y := like(t, shape...)
	engineOf(t).Strided(y, t, shape, walk, 0)
	return y
}

// ToChannelsLast returns a picture in PyTorch's layout [n, c, h, w] as [n, h, w, c].
func ToChannelsLast(t *Tensor) *Tensor {
	wantDims("ToChannelsLast", t, 4, "[n, c, h, w]")
	return Permute(t, 0, 2, 3, 1)
}

// ToChannelsFirst returns a picture [n, h, w, c] in PyTorch's layout [n, c, h, w].
func ToChannelsFirst(t *Tensor) *Tensor {
	wantDims("ToChannelsFirst", t, 4, "[n, h, w, c]")
	return Permute(t, 0, 3, 1, 2)
}

// Slice returns elements from … to-1 along axis, as a contiguous copy.
func Slice(t *Tensor, axis, from, to int) *Tensor {
	t = Contiguous(t)
	if axis < 0 || axis >= t.Dims() || from < 0 || to > t.Shape()[axis] || from >= to {
		fail("Slice", fmt.Sprintf("no elements %d:%d on axis %d", from, to, axis), t)
	}
	shape := t.Shape().Clone()
	shape[axis] = to - from
	walk := strides(t.Shape())
	y := like(t, shape...)
	engineOf(t).Strided(y, t, shape, walk, from*walk[axis])
	return y
}

// Split cuts t along axis into n equal parts.
func Split(t *Tensor, axis, n int) []*Tensor {
	if axis < 0 || axis >= t.Dims() || n < 1 || t.Shape()[axis]%n != 0 {
		fail("Split", fmt.Sprintf("axis %d does not fall into %d equal parts", axis, n), t)
	}
	size := t.Shape()[axis] / n
	parts := make([]*Tensor, n)
	for i := range parts {
		parts[i] = Slice(t, axis, i*size, (i+1)*size)
	}
	return parts
}

// Concat joins tensors along axis; all other axes must agree.
func Concat(axis int, ts ...*Tensor) *Tensor {
	if len(ts) == 0 {
		panic(&Error{Op: "Concat", Reason: "nothing to join"})
	}
	first := ts[0]
	if axis < 0 || axis >= first.Dims() {
		fail("Concat", fmt.Sprintf("no axis %d", axis), ts...)
	}
	shape := first.Shape().Clone()
	shape[axis] = 0
	for _, t := range ts {
		if t.Dims() != len(shape) {
			fail("Concat", "different numbers of axes", ts...)
		}
		for i, d := range t.Shape() {
			if i != axis && d != shape[i] {
				fail("Concat", fmt.Sprintf("axis %d differs", i), ts...)
			}
		}
		shape[axis] += t.Shape()[axis]
	}
	y := like(first, shape...)
	outer, pitch := elements(shape[:axis]), elements(shape[axis:])
	offset := 0
	for _, t := range ts {
		inner := elements(t.Shape()[axis:])
		engineOf(first).Place(y, Contiguous(t), outer, inner, pitch, offset)
		offset += inner
	}
	return y
}

// Gather returns the rows of table [rows, c] picked by ids, as [len(ids), c]: an embedding.
func Gather(table *Tensor, ids []int32) *Tensor {
	wantDims("Gather", table, 2, "[rows, c]")
	if len(ids) == 0 {
		fail("Gather", "no ids", table)
	}
	for i, id := range ids {
		if id < 0 || int(id) >= table.Shape()[0] {
			fail("Gather", fmt.Sprintf("id %d at position %d is not a row", id, i), table)
		}
	}
	y := like(table, len(ids), table.Shape()[1])
	engineOf(table).Gather(y, Contiguous(table), ids)
	return y
}

// Contiguous returns t itself if its elements lie in row-major order without gaps, else a copy that does (gorgonia's Slice and T
// make such views).
func Contiguous(t *Tensor) *Tensor {
	if !t.RequiresIterator() && t.DataOrder().IsRowMajor() && t.DataOrder().IsContiguous() {
		return t
	}
	if e, ok := t.Engine().(Engine); ok && !e.AllocAccessible() {
		fail("Contiguous", "views of device memory are not supported", t)
	}
	data := make([]float32, 0, elements(t.Shape()))
	it, all := t.Iterator(), t.Data().([]float32)
	for i, err := it.Next(); err == nil; i, err = it.Next() {
		data = append(data, all[i])
	}
	return gt.New(gt.WithShape(t.Shape()...), gt.WithBacking(data), gt.WithEngine(engineOf(t)))
}

// strides of a contiguous row-major tensor.
func strides(shape []int) []int {
	s := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = step
		step *= shape[i]
	}
	return s
}
