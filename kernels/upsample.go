package kernels

// UpsampleNearest is dst [n, oh, ow, c] from x [n, h, w, c], dst[y, x] = x[⌊y·h/oh⌋, ⌊x·w/ow⌋]. The quotient h/oh is rounded to
// float32 first, as torch's interpolate(mode="nearest") does. It shrinks as well. dst must not overlap x.
func UpsampleNearest(dst, x []float32, n, h, w, c, oh, ow int) {
	sizes("UpsampleNearest", n, h, w, c, oh, ow)
	need("UpsampleNearest", "x", len(x), n*h*w*c)
	need("UpsampleNearest", "dst", len(dst), n*oh*ow*c)
	if n*oh*ow*c == 0 {
		return
	}
	if h*w == 0 {
		fail("UpsampleNearest", "a picture of %d×%d has nothing to show at %d×%d", h, w, oh, ow)
	}
	byRows(n*oh, ow*c, func(r int) {
		line := x[(r/oh*h+nearest(r%oh, h, oh))*w*c:][:w*c]
		out := dst[r*ow*c:][:ow*c]
		for i := range ow {
			copy(out[i*c:][:c], line[nearest(i, w, ow)*c:])
		}
	})
}

// nearest is the source of place i when size becomes out.
func nearest(i, size, out int) int {
	return min(int(float32(i)*(float32(size)/float32(out))), size-1)
}
