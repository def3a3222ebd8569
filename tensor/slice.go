package tensor

import "fmt"

// Slice returns elements from … to-1 along axis, as a contiguous copy.
func Slice(t *Tensor, axis, from, to int) *Tensor { return slice("Slice", t, axis, from, to) }

// Split cuts t along axis into n equal parts, which are copies.
func Split(t *Tensor, axis, n int) []*Tensor {
	home("Split", t)
	if axis < 0 || axis >= t.Dims() || n < 1 || t.Shape()[axis]%n != 0 {
		fail("Split", fmt.Sprintf("axis %d does not fall into %d equal parts", axis, n), t)
	}
	t = Contiguous(t)
	size := t.Shape()[axis] / n
	parts := make([]*Tensor, n)
	for i := range parts {
		parts[i] = slice("Split", t, axis, i*size, (i+1)*size)
	}
	return parts
}

func slice(op string, t *Tensor, axis, from, to int) *Tensor {
	e := home(op, t)
	if axis < 0 || axis >= t.Dims() || from < 0 || to > t.Shape()[axis] || from >= to {
		fail(op, fmt.Sprintf("no elements %d:%d on axis %d", from, to, axis), t)
	}
	t = Contiguous(t)
	shape := t.Shape().Clone()
	shape[axis] = to - from
	walk := strides(t.Shape())
	y := alloc(op, e, shape)
	e.Strided(y, t, shape, walk, from*walk[axis])
	return y
}

// Concat joins tensors along axis; all other axes must agree.
func Concat(axis int, ts ...*Tensor) *Tensor {
	if len(ts) == 0 {
		panic(&Error{Op: "Concat", Reason: "nothing to join"})
	}
	e, first := home("Concat", ts...), ts[0]
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
	y := alloc("Concat", e, shape)
	outer, pitch := elements(shape[:axis]), elements(shape[axis:])
	offset := 0
	for _, t := range ts {
		inner := elements(t.Shape()[axis:])
		e.Place(y, Contiguous(t), outer, inner, pitch, offset)
		offset += inner
	}
	return y
}

// Gather returns the rows of table [rows, c] picked by ids, as [len(ids), c]: an embedding.
func Gather(table *Tensor, ids []int32) *Tensor {
	e := home("Gather", table)
	wantDims("Gather", table, 2, "[rows, c]")
	if len(ids) == 0 {
		fail("Gather", "no ids", table)
	}
	for i, id := range ids {
		if id < 0 || int(id) >= table.Shape()[0] {
			fail("Gather", fmt.Sprintf("id %d at position %d is not a row", id, i), table)
		}
	}
	y := alloc("Gather", e, []int{len(ids), table.Shape()[1]})
	e.Gather(y, Contiguous(table), ids)
	return y
}
