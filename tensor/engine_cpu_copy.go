package tensor

// Strided implements [Engine].
func (CPU) Strided(dst, src *Tensor, shape, strides []int, offset int) {
	d, s := floats(dst), src.Float32s()[offset:] // of a view, all there is
	walk := Broadcast{shape, strides, strides}.collapse()
	shape, strides = walk.Shape, walk.XStrides
	last := len(shape) - 1
	n, step := shape[last], strides[last]
	if step > 1 {
		for axis := range last {
			if strides[axis] == 1 {
				transpose(d, s, shape, strides, axis)
				return
			}
		}
	}
	runs(len(d)/n, n, func(row, from, to int) {
		x, y := s[place(row, shape[:last], strides)+from*step:], d[row*n+from:row*n+to]
		if step == 1 {
			copy(y, x)
			return
		}
		for j := range y {
			y[j] = x[j*step]
		}
	})
}

// transpose is a strided copy in which dst is contiguous along the last axis and src along axis: planes dst[i·pitch + j] = src[i + j·step].
// They are walked in tiles long lines by short wide, so that every cache line is used up while it is there. The side whose lines lie
// farther apart gets few long ones: far apart often means a power of two, and such lines fight for the same few places in the cache.
func transpose(dst, src []float32, shape, srcStrides []int, axis int) {
	last := len(shape) - 1
	rows, cols := shape[axis], shape[last]
	pitch, step := elements(shape[axis+1:]), srcStrides[last]
	planes, ds, ss := without(shape, axis, last), without(strides(shape), axis, last), without(srcStrides, axis, last)
	const long = 512
	gather := step >= pitch // from distant lines of src; else spread over distant lines of dst
	bands := (cols + long - 1) / long
	if gather {
		bands = (rows + long - 1) / long
	}
	split(elements(planes)*bands, rows*cols/bands, func(unit int) {
		d, s := dst[place(unit/bands, planes, ds):], src[place(unit/bands, planes, ss):]
		from := unit % bands * long
		if gather {
			interleave(d[from*pitch:], s[from:], min(long, rows-from), cols, pitch, step)
		} else {
			deal(d[from:], s[from*step:], rows, min(long, cols-from), pitch, step)
		}
	})
}

// interleave is dst[i·pitch + j] = src[i + j·step] for i < n and j < cols: eight lines of src are read at a time.
func interleave(dst, src []float32, n, cols, pitch, step int) {
	for ; cols >= 8; cols -= 8 {
		a, b, c, d := src[:n], src[step:][:n], src[2*step:][:n], src[3*step:][:n]
		e, f, g, h := src[4*step:][:n], src[5*step:][:n], src[6*step:][:n], src[7*step:][:n]
		for i := range n {
			to := (*[8]float32)(dst[i*pitch:])
			to[0], to[1], to[2], to[3], to[4], to[5], to[6], to[7] = a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]
		}
		if cols > 8 {
			dst, src = dst[8:], src[8*step:]
		}
	}
	for j := range cols {
		for i, v := range src[j*step:][:n] {
			dst[i*pitch+j] = v
		}
	}
}

// deal is dst[i·pitch + j] = src[i + j·step] for i < rows and j < n: eight lines of dst are written at a time.
func deal(dst, src []float32, rows, n, pitch, step int) {
	for ; rows >= 8; rows -= 8 {
		a, b, c, d := dst[:n], dst[pitch:][:n], dst[2*pitch:][:n], dst[3*pitch:][:n]
		e, f, g, h := dst[4*pitch:][:n], dst[5*pitch:][:n], dst[6*pitch:][:n], dst[7*pitch:][:n]
		for j := range n {
			from := (*[8]float32)(src[j*step:])
			a[j], b[j], c[j], d[j], e[j], f[j], g[j], h[j] = from[0], from[1], from[2], from[3], from[4], from[5], from[6], from[7]
		}
		if rows > 8 {
			dst, src = dst[8*pitch:], src[8:]
		}
	}
	for i := range rows {
		for j := range dst[i*pitch:][:n] {
			dst[i*pitch+j] = src[i+j*step]
		}
	}
}

// without returns s less the elements at a and b.
func without(s []int, a, b int) []int {
	var out []int
	for i, v := range s {
		if i != a && i != b {
			out = append(out, v)
		}
	}
	return out
}

// Place implements [Engine].
func (CPU) Place(dst, src *Tensor, outer, inner, pitch, offset int) {
	d, s := floats(dst), floats(src)
	runs(outer, inner, func(row, from, to int) {
		copy(d[row*pitch+offset+from:], s[row*inner+from:row*inner+to])
	})
}

// Gather implements [Engine].
func (CPU) Gather(dst, table *Tensor, ids []int32) {
	d, s, c := floats(dst), floats(table), table.Shape()[1]
	runs(len(ids), c, func(row, from, to int) {
		copy(d[row*c+from:], s[int(ids[row])*c+from:int(ids[row])*c+to])
	})
}
