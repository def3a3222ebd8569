package cuda

import "slices"

// Strided is dst = src element by element: dst is filled in order, src starts at element offset and walks shape by strides, 0 repeating.
func Strided(dst, src Pointer, shape, strides []int, offset int) []Launch {
	w := walk{shape, [][]int{strides}}.collapse()
	src = src.plus(offset)
	if l, ok := transpose(dst, src, w); ok {
		return []Launch{l}
	}
	var launches []Launch
	w.each(func(at int, from []int, n uint32, d axes, s []axes) {
		launches = append(launches, Launch{"copy", "strided", spread(n), Dim{threads, 1, 1}, 0, params(
			dst.plus(at), src.plus(from[0]), n, d[1], d[2], d[3], d[4], d[5], s[0][0], s[0][1], s[0][2], s[0][3], s[0][4], s[0][5]), moved(int(n), distinct(d, s[0]))})
	})
	return launches
}

// transpose is the launch of a walk of which src has neighbours along another axis than dst does, the last; with up to two axes besides.
func transpose(dst, src Pointer, w walk) (l Launch, ok bool) {
	strides, last := w.strides[0], len(w.shape)-1
	axis := slices.Index(strides, 1)
	if axis < 0 || axis == last || last > 3 {
		return l, false
	}
	var planes, to, from []int // extents of the other axes, and how dst and src advance along them
	pitch := 1
	for i, place := last, 1; i >= 0; i-- {
		if i == axis {
			pitch = place
		} else if i != last {
			planes, to, from = append(planes, w.shape[i]), append(to, place), append(from, strides[i])
		}
		place *= w.shape[i]
	}
	for len(planes) < 2 {
		planes, to, from = append(planes, 1), append(to, 0), append(from, 0)
	}
	const edge = 32
	rows, cols := w.shape[axis], w.shape[last]
	grid := Dim{ceilDiv(rows, edge) * ceilDiv(cols, edge), 1, planes[0] * planes[1]}
	if grid.Z > maxGrid {
		return l, false
	}
	n := int(count(w.shape...))
	return Launch{"copy", "transpose", grid, Dim{threads, 1, 1}, 0, params(
		dst, src, count(rows), count(cols), count(pitch), count(strides[last]),
		count(planes[0]), count(to[1]), count(to[0]), count(from[1]), count(from[0])), moved(2 * n)}, true
}

// Place is src [outer, inner] put into dst [outer, pitch] at column offset.
func Place(dst, src Pointer, outer, inner, pitch, offset int) Launch {
	count(outer, pitch)
	return Launch{"copy", "place", spread(count(outer, inner)), Dim{threads, 1, 1}, 0, params(
		dst, src, count(outer), count(inner), count(pitch), count(offset)), moved(2 * outer * inner)}
}

// Gather is dst [rows, c], each row that of table which ids, rows int32 on the device, name.
func Gather(dst, table, ids Pointer, rows, c int) Launch {
	return Launch{"copy", "gather", spread(count(rows, c)), Dim{threads, 1, 1}, 0, params(dst, table, ids, count(rows), count(c)), moved(2 * rows * c)}
}

// UpsampleNearest is dst [n, oh, ow, c] from x [n, h, w, c], each pixel that at the same relative place.
func UpsampleNearest(dst, x Pointer, n, h, w, c, oh, ow int) Launch {
	count(n, h, w, c)
	return Launch{"upsample", "upsample_nearest", spread(count(n, oh, ow, c)), Dim{threads, 1, 1}, 0, params(
		dst, x, count(n), count(h), count(w), count(c), count(oh), count(ow), float32(h)/float32(oh), float32(w)/float32(ow)), moved(n*h*w*c, n*oh*ow*c)}
}
