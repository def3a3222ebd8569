package tensor

import (
	"fmt"
	"slices"
)

// Activation is a function of one number that a product can apply to its result.
type Activation uint8

// The activations. They have the numbers of package kernels' own.
const (
	NoAct        Activation = iota
	ActSiLU                 // as [SiLU]
	ActGELU                 // as [GELU]
	ActQuickGELU            // as [QuickGELU]
)

// Epilogue is what happens to a product on its way to memory: act(product + bias) + residual, in the pass that stores it.
type Epilogue struct {
	Bias *Tensor // [out], or nil
	Act  Activation
	// Residual is of the result's shape or repeats to it by the rules of [Add]; or nil. One of the result's shape that is spent ([Spend]) gives its
	// memory to the result. An engine always gets the result's shape, and its dst may be the residual.
	Residual *Tensor
}

// check fails unless ep fits a product of x with so many columns.
func (ep Epilogue) check(op string, x *Tensor, out int) {
	wantShape(op, "bias", ep.Bias, out)
	if ep.Act > ActQuickGELU {
		fail(op, fmt.Sprintf("unknown activation %d", ep.Act), x)
	}
}

// result returns the tensor of a product's result, and ep as the engine is given it. It lies in x, if that is not nil, or the residual, if one is
// spent. A residual that has to be repeated is so in the result.
func (ep Epilogue) result(op string, e Engine, shape []int, x *Tensor) (*Tensor, Epilogue) {
	ep.Bias = orNil(ep.Bias)
	if ep.Residual != nil {
		bc, ok := broadcast(ep.Residual.Shape(), shape)
		if !ok || !slices.Equal(bc.Shape, shape) {
			wantShape(op, "residual", ep.Residual, shape...)
		}
		if elements(ep.Residual.Shape()) != elements(shape) {
			y := alloc(op, e, shape)
			e.Strided(y, Contiguous(ep.Residual), shape, bc.XStrides, 0)
			ep.Residual = y
			return y, ep
		}
		ep.Residual = Contiguous(ep.Residual)
	}
	y := inPlace(shape, x, ep.Residual)
	if y == nil {
		y = alloc(op, e, shape)
	}
	return y, ep
}
