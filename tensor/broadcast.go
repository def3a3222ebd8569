package tensor

import (
	"fmt"
	"slices"
)

// Broadcast is how the shapes of two contiguous tensors meet: the common shape and, per axis of it, the stride of each side, 0 where
// that side repeats.
type Broadcast struct {
	Shape    []int
	XStrides []int
	YStrides []int
}

// BroadcastTo returns x repeated to shape by the rules of [Add].
func BroadcastTo(x *Tensor, shape ...int) *Tensor {
	e := home("BroadcastTo", x)
	bc, ok := broadcast(x.Shape(), shape)
	if !ok || !slices.Equal(bc.Shape, shape) {
		fail("BroadcastTo", fmt.Sprintf("cannot be repeated to %v", shape), x)
	}
	y := alloc("BroadcastTo", e, shape)
	e.Strided(y, Contiguous(x), shape, bc.XStrides, 0)
	return y
}

// broadcast aligns x and y at their last axes.
func broadcast(x, y []int) (bc Broadcast, ok bool) {
	dims := max(len(x), len(y))
	bc = Broadcast{make([]int, dims), make([]int, dims), make([]int, dims)}
	xs, ys := 1, 1 // strides of the next axis inwards
	for i := 1; i <= dims; i++ {
		dx, dy := 1, 1
		if i <= len(x) {
			dx = x[len(x)-i]
		}
		if i <= len(y) {
			dy = y[len(y)-i]
		}
		if dx != dy && dx != 1 && dy != 1 {
			return bc, false
		}
		at := dims - i
		bc.Shape[at] = max(dx, dy)
		if dx > 1 {
			bc.XStrides[at] = xs
		}
		if dy > 1 {
			bc.YStrides[at] = ys
		}
		xs, ys = xs*dx, ys*dy
	}
	return bc, true
}
