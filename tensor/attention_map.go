package tensor

// AttentionMap returns where the queries of each of p.Regions' regions look: [n, heads, R, cells], the mean over the queries of a region of the
// attention that they give to the keys of each cell, cell[j] being that of key j. A region without queries gives 0. The result is in ordinary
// memory.
//
// It is [Attention] itself with values that are 1 at the keys of a cell and 0 elsewhere, as many cells at a time as a head has channels: exact
// under any rules, and so many times as costly.
func AttentionMap(q, k *Tensor, p AttnParams, cell []int, cells int) *Tensor {
	e := home("AttentionMap", q, k)
	if p.Regions == nil || k.Dims() != 3 || len(cell) != k.Shape()[1] {
		fail("AttentionMap", "want regions, and a cell for each of the keys [n, keys, c]", q, k)
	}
	defer Tidy(q).Keep()
	p.Mass = nil
	s, queries := k.Shape(), make([]float32, len(p.Regions.Rules))
	for _, l := range p.Regions.Labels {
		queries[l]++
	}
	n, keys, c, labels, d := s[0], s[1], s[2], len(queries), s[2]/max(p.Heads, 1)
	out := New(n, p.Heads, labels, cells)
	for from := 0; from < cells; from += d {
		v := New(n, keys, c)
		for token := range n * keys {
			if x := cell[token%keys] - from; x >= 0 && x < d {
				for h := range p.Heads {
					Floats(v)[token*c+h*d+x] = 1
				}
			}
		}
		given := Floats(To(cpu, Attention(q, k, To(e, v), p)))
		for i, g := range given {
			picture, token, h, x := i/(keys*c), i/c%keys, i%c/d, from+i%d
			if x < cells {
				l := int(p.Regions.Labels[token])
				Floats(out)[((picture*p.Heads+h)*labels+l)*cells+x] += g / queries[l]
			}
		}
	}
	return out
}
