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
	// Residual is of the result's shape or repeats to it by the rules of [Add]; or nil. An engine always gets the result's shape, and its
	// dst may be the residual.
	Residual *Tensor
}

// check fails unless ep fits a product of x with so many columns.
func (ep Epilogue) check(op string, x *Tensor, out int) {
	wantShape(op, "bias", ep.Bias, out)
	if ep.Act > ActQuickGELU {
		fail(op, fmt.Sprintf("unknown activation %d", ep.Act), x)
	}
}

// result returns the tensor of a product's result, and ep as the engine is given it. A residual that has to be repeated is so in the result.
func (ep Epilogue) result(op string, e Engine, shape []int) (*Tensor, Epilogue) {
	ep.Bias = orNil(ep.Bias)
	if ep.Residual == nil {
		return alloc(op, e, shape), ep
	}
	bc, ok := broadcast(ep.Residual.Shape(), shape)
	if !ok || !slices.Equal(bc.Shape, shape) {
		wantShape(op, "residual", ep.Residual, shape...)
	}
	y := alloc(op, e, shape)
	if elements(ep.Residual.Shape()) == elements(shape) {
		ep.Residual = Contiguous(ep.Residual)
		return y, ep
	}
	e.Strided(y, Contiguous(ep.Residual), shape, bc.XStrides, 0)
	ep.Residual = y
	return y, ep
}
