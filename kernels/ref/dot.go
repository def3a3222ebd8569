package ref

import "math"

// Dot is Matrix for products of bfloat16: every number of A and of B is a word of two of them, an even one of the inner index in its lower
// half and the odd one after it in its upper, and every product is the sum of two:
//
//	sum += lower(a)·lower(b) + upper(a)·upper(b)
//
// K, the strides and the panels count words.
func Dot(t *Tile) {
	for i := range t.Rows {
		for j := 0; j < t.Cols; j += 4 { // as many sums as stay in registers
			var sum [4]float32
			if t.Init != nil {
				sum = [4]float32(t.Init[i*t.InitStride+j:])
			}
			for s := range t.Segs {
				for p := range t.K {
					a := math.Float32bits(t.A[i*t.ARow+s*t.ASeg+p*t.ACol])
					lower, upper := math.Float32frombits(a<<16), math.Float32frombits(a&0xffff0000)
					for c, v := range (*[4]float32)(t.B[(s*t.K+p)*Panel+j:]) {
						b := math.Float32bits(v)
						sum[c] += lower * math.Float32frombits(b<<16)
						sum[c] += upper * math.Float32frombits(b&0xffff0000)
					}
				}
			}
			for c, v := range sum {
				if t.Add != nil {
					v += t.Add[i*t.AddStride+j+c]
				}
				t.Dst[i*t.DstStride+j+c] = v
			}
		}
	}
}

// Pairs rounds x to bfloat16 and joins neighbours to words, for the A of Dot. The last of an odd number is joined to a zero. Denormal numbers may
// become zero.
func Pairs(dst, x []float32) {
	var h [2]uint16
	for i := range dst {
		h[1] = 0
		n := min(2, len(x)-2*i)
		F32ToBF16(h[:n], x[2*i:])
		dst[i] = math.Float32frombits(uint32(h[0]) | uint32(h[1])<<16)
	}
}

// Join rounds x and y to bfloat16 and joins them to words: those of x are the lower halves, those of y the upper. Two rows are so for the A of
// Dot that is read down its columns.
func Join(dst, x, y []float32) {
	for i := range dst {
		var lower, upper [1]uint16
		F32ToBF16(lower[:], x[i:])
		F32ToBF16(upper[:], y[i:])
		dst[i] = math.Float32frombits(uint32(lower[0]) | uint32(upper[0])<<16)
	}
}

// PanelPairs rounds the first 2·pairs rows of the panel s to bfloat16 and joins each two of them to a row of words, for the B of Dot. These come
// to stand one after the other from the first row on. Denormal numbers may become zero.
func PanelPairs(s []float32, pairs int) {
	for i := range pairs {
		Join(s[i*Panel:][:Panel], s[2*i*Panel:], s[(2*i+1)*Panel:])
	}
}
