package cuda

// Work is what a launch cannot do without: its products, and its numbers, each moved once however often they are read.
type Work struct {
	Format Format  // of the two sides of the products
	FLOP   float64 // two for each multiply-add of a product, as the textbook has them; what lies between products counts nothing
	Floats float64 // float32 that are read or written; the few of a bias, of the parameters of a norm and of indices are left out
	Weight float64 // bytes of a packed weight
}

// Bytes is what goes from memory and to it.
func (w Work) Bytes() float64 { return 4*w.Floats + w.Weight }

// moved is the work of a launch that only moves numbers: tensors of so many elements, read or written.
func moved(elements ...int) Work {
	var w Work
	for _, n := range elements {
		w.Floats += float64(n)
	}
	return w
}

// product is the work of m·k·n multiply-adds, of which the left side and the result are so many float32.
func product(f Format, m, k, n int, floats ...int) Work {
	w := moved(floats...)
	w.Format, w.FLOP = f, 2*float64(m)*float64(k)*float64(n)
	return w
}

// residual is the elements of one that an epilogue adds.
func (ep Epilogue) residual(n int) int {
	if ep.Residual == 0 {
		return 0
	}
	return n
}
