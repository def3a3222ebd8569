package cuda

// walk goes through tensors side by side: along axis i of shape, operand o advances by strides[o][i] elements.
type walk struct {
	shape   []int
	strides [][]int // [operand][axis]
}

// axes is what a kernel takes of a walk: extents or strides, the innermost last.
type axes [6]uint32

// collapse drops axes of one element and merges neighbours that every operand walks in one stride. There is at least one axis.
func (w walk) collapse() walk {
	out := walk{strides: make([][]int, len(w.strides))}
	for i, d := range w.shape {
		if d == 1 {
			continue
		}
		last := len(out.shape) - 1
		merge := last >= 0
		for o := range w.strides {
			merge = merge && out.strides[o][last] == d*w.strides[o][i]
		}
		if !merge {
			out.shape, last = append(out.shape, 1), last+1
			for o := range out.strides {
				out.strides[o] = append(out.strides[o], 0)
			}
		}
		out.shape[last] *= d
		for o := range out.strides {
			out.strides[o][last] = w.strides[o][i]
		}
	}
	if len(out.shape) == 0 {
		out.shape = []int{1}
		for o := range out.strides {
			out.strides[o] = []int{0}
		}
	}
	return out
}

// each cuts a walk into such that a kernel's axes hold, most often one: the element of the result that each begins with, those of the
// operands, how many elements it has, its extents and each operand's strides.
func (w walk) each(f func(at int, from []int, n uint32, extents axes, strides []axes)) {
	outer := max(0, len(w.shape)-len(axes{}))
	var extents axes
	for i := range extents {
		extents[i] = 1
	}
	strides := make([]axes, len(w.strides))
	for i, d := range w.shape[outer:] {
		slot := len(extents) - len(w.shape[outer:]) + i
		extents[slot] = count(d)
		for o := range strides {
			strides[o][slot] = count(w.strides[o][outer+i])
		}
	}
	n := count(w.shape[outer:]...)
	for i := range int(count(w.shape[:outer]...)) {
		from, rest := make([]int, len(w.strides)), i
		for axis := outer - 1; axis >= 0; axis-- {
			for o := range from {
				from[o] += rest % w.shape[axis] * w.strides[o][axis]
			}
			rest /= w.shape[axis]
		}
		f(i*int(n), from, n, extents, strides)
	}
}

// distinct is how many elements an operand has that walks extents by strides: an axis along which it repeats counts once.
func distinct(extents, strides axes) int {
	n := 1
	for i, d := range extents {
		if strides[i] != 0 {
			n *= int(d)
		}
	}
	return n
}

// plus is the address n float32 on.
func (p Pointer) plus(n int) Pointer { return p + Pointer(4*n) }
