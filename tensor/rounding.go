package tensor

// roundingEngine is an engine whose products read less than float32. What only a product reads it makes so at once, and never as float32.
type roundingEngine interface {
	// convolveNormed is Conv2D of SiLU of x·scale + shift; false says that it is not for this one, and that nothing was done.
	convolveNormed(dst, x, scale, shift *Tensor, w *Weight, ep Epilogue, g ConvGeometry) bool
	// feedForward is what [FeedForward] is for, if feedsForward says that it is for these.
	feedForward(dst, x *Tensor, gated *Weight, bias *Tensor, w *Weight, ep Epilogue)
	feedsForward(x *Tensor, gated, w *Weight) bool
}
