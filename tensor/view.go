package tensor

import "fmt"

// Reshape returns t's elements under another shape: a new header on the same memory, or on a copy if t is a view that is not contiguous
// (t itself keeps its shape, unlike with gorgonia's method). One axis may be -1 and is then worked out. Without a shape, a tensor of one
// element becomes a scalar.
func Reshape(t *Tensor, shape ...int) *Tensor {
	home("Reshape", t)
	dims, ok := resolve(elements(t.Shape()), shape)
	if !ok {
		fail("Reshape", fmt.Sprintf("%d elements do not fill %v", elements(t.Shape()), shape), t)
	}
	t = Contiguous(t)
	return header(home("Reshape", t), t, dims)
}

// header returns the elements of a contiguous t under another shape or engine.
func header(e Engine, t *Tensor, shape []int) *Tensor {
	if e.AllocAccessible() {
		return onHost(e, memory(t), shape)
	}
	return onDevice(e, t.Uintptr(), shape)
}

// resolve works out the axis that is -1, if there is one, and reports whether total elements fill the shape.
func resolve(total int, shape []int) (dims []int, ok bool) {
	dims = append(dims, shape...)
	known, free := 1, -1
	for i, d := range dims {
		switch {
		case d == -1 && free < 0:
			free = i
		case d < 1 || known > total/d:
			return nil, false
		default:
			known *= d
		}
	}
	if free >= 0 {
		dims[free] = total / known
		known *= dims[free]
	}
	return dims, known == total
}

// Flatten returns t as [first, rest]: all axes from the second on become one.
func Flatten(t *Tensor) *Tensor {
	wantAxes("Flatten", t, 1, "[first, ...]")
	return Reshape(t, t.Shape()[0], -1)
}

// Permute returns t with its axes in another order, as a contiguous copy: axis i of the result is axis axes[i] of t.
func Permute(t *Tensor, axes ...int) *Tensor { return permute("Permute", t, axes) }

// ToChannelsLast returns a picture in PyTorch's layout [n, c, h, w] as [n, h, w, c].
func ToChannelsLast(t *Tensor) *Tensor {
	wantDims("ToChannelsLast", t, 4, "[n, c, h, w]")
	return permute("ToChannelsLast", t, []int{0, 2, 3, 1})
}

// ToChannelsFirst returns a picture [n, h, w, c] in PyTorch's layout [n, c, h, w].
func ToChannelsFirst(t *Tensor) *Tensor {
	wantDims("ToChannelsFirst", t, 4, "[n, h, w, c]")
	return permute("ToChannelsFirst", t, []int{0, 3, 1, 2})
}

func permute(op string, t *Tensor, axes []int) *Tensor {
	e := home(op, t)
	seen := make([]bool, t.Dims())
	ok := len(axes) == t.Dims()
	for _, a := range axes {
		ok = ok && a >= 0 && a < t.Dims() && !seen[a]
		if ok {
			seen[a] = true
		}
	}
	if !ok {
		fail(op, fmt.Sprintf("%v is no order of its axes", axes), t)
	}
	t = Contiguous(t)
	from := strides(t.Shape())
	shape, walk := make([]int, len(axes)), make([]int, len(axes))
	for i, a := range axes {
		shape[i], walk[i] = t.Shape()[a], from[a]
	}
	y := alloc(op, e, shape)
	e.Strided(y, t, shape, walk, 0)
	return y
}

// Contiguous returns t itself if its elements lie in row-major order without gaps, else a copy that does (gorgonia's Slice and T make
// such views). gorgonia's masks are not looked at.
func Contiguous(t *Tensor) *Tensor {
	e := home("Contiguous", t)
	if contiguous(t) {
		return t
	}
	y := alloc("Contiguous", e, t.Shape())
	e.Strided(y, t, t.Shape(), t.Strides(), 0)
	return y
}
