// Package kerneltest holds what the kernels are measured against: each operation as the plain float64 loop of its definition,
// and how far a float32 result may be from it. Its tests run every implementation of package kernels on odd shapes, between
// guard words, in place, with NaN, and on one and two threads.
package kerneltest

import (
	"math"

	"github.com/sowgen/sowgen/kernels"
)

// Epsilon is the unit roundoff of float32.
const Epsilon = 0x1p-24

// Result is what an operation should give, and the size of what was added up on the way to each value, Σ|terms|: the scale of
// its rounding errors.
type Result struct{ Want, Size []float64 }

func newResult(n int) Result { return Result{make([]float64, n), make([]float64, n)} }

// add puts a term into value i.
func (r Result) add(i int, term float64) {
	r.Want[i] += term
	r.Size[i] += math.Abs(term)
}

// epilogue applies bias, activation and residual to value i of column j. Activations have slopes up to 1.13.
func (r Result) epilogue(i, j int, ep kernels.Epilogue) {
	if ep.Bias != nil {
		r.add(i, float64(ep.Bias[j]))
	}
	if ep.Act != kernels.None {
		r.Want[i] = Activation(ep.Act)(r.Want[i])
		r.Size[i] *= 1.13
	}
	if ep.Residual != nil {
		r.add(i, float64(ep.Residual[i]))
	}
}

// Activation is the function that a names.
func Activation(a kernels.Activation) func(float64) float64 {
	switch a {
	case kernels.SiLUAct:
		return func(x float64) float64 { return x / (1 + math.Exp(-x)) }
	case kernels.GELUAct:
		return func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }
	case kernels.QuickGELUAct:
		return func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) }
	}
	return func(x float64) float64 { return x }
}

// Gemm is act(a·b + bias) + residual for a [m, k] and b [k, n], or b [n, k] if transB is set.
func Gemm(a, b []float32, m, k, n int, transB bool, ep kernels.Epilogue) Result {
	r := newResult(m * n)
	for i := range m {
		for j := range n {
			for p := range k {
				at := p*n + j
				if transB {
					at = j*k + p
				}
				r.add(i*n+j, float64(a[i*k+p])*float64(b[at]))
			}
			r.epilogue(i*n+j, j, ep)
		}
	}
	return r
}

// Gated is value·GELU(gate) [m, c] for a [m, k] and the weight w [2c, k], whose first c rows make values and whose others make their gates;
// bias [2c] may be nil.
func Gated(a, w []float32, m, k, c int, bias []float32) Result {
	both, r := Gemm(a, w, m, k, 2*c, true, kernels.Epilogue{Bias: bias}), newResult(m*c)
	gelu := Activation(kernels.GELUAct)
	for i := range r.Want {
		value := i/c*2*c + i%c
		v, g := both.Want[value], both.Want[value+c]
		r.Want[i] = v * gelu(g)
		r.Size[i] = both.Size[value]*math.Abs(g) + 1.13*math.Abs(v)*both.Size[value+c]
	}
	return r
}

// Conv2D is a convolution of x [n, h, w, c] by w [out, c, kh, kw].
func Conv2D(x, w []float32, s kernels.ConvShape, ep kernels.Epilogue) Result {
	oh, ow := s.OutH(), s.OutW()
	r := newResult(s.N * oh * ow * s.Out)
	for i := range r.Want {
		o, ox, oy, n := i%s.Out, i/s.Out%ow, i/s.Out/ow%oh, i/s.Out/ow/oh
		for ky := range s.KH {
			for kx := range s.KW {
				y, x0 := oy*s.Stride+ky-s.PadTop, ox*s.Stride+kx-s.PadLeft
				if y < 0 || y >= s.H || x0 < 0 || x0 >= s.W {
					continue
				}
				for c := range s.C {
					r.add(i, float64(x[((n*s.H+y)*s.W+x0)*s.C+c])*float64(w[((o*s.C+c)*s.KH+ky)*s.KW+kx]))
				}
			}
		}
		r.epilogue(i, o, ep)
	}
	return r
}

// Winograd is Conv2D for a 3×3 filter and stride 1 with the size of what Winograd's algorithm adds up on the way to each value:
// |Aᵀ|·[Σ_c (|G|·|g|·|Gᵀ|) ⊙ (|Bᵀ|·|d|·|B|)]·|A|. It is larger than Σ|x·w|, and the rounding errors with it.
func Winograd(x, w []float32, s kernels.ConvShape, ep kernels.Epilogue) Result {
	oh, ow := s.OutH(), s.OutW()
	sizes := newResult(s.N * oh * ow * s.Out)
	at, g, bt := winograd()
	u := make([]square, s.Out*s.C)
	for i := range u {
		u[i] = sandwich(g, 3, func(y, x int) float64 { return float64(w[i*9+3*y+x]) })
	}
	v := make([]square, s.C)
	for n := range s.N {
		for y := 0; y < oh; y += 4 {
			for x0 := 0; x0 < ow; x0 += 4 {
				for c := range v {
					v[c] = sandwich(bt, 6, func(i, j int) float64 {
						y, x0 := y+i-s.PadTop, x0+j-s.PadLeft
						if y < 0 || y >= s.H || x0 < 0 || x0 >= s.W {
							return 0
						}
						return float64(x[((n*s.H+y)*s.W+x0)*s.C+c])
					})
				}
				for o := range s.Out {
					var m square
					for c, v := range v {
						for i := range m {
							for j := range m[i] {
								m[i][j] += v[i][j] * u[o*s.C+c][i][j]
							}
						}
					}
					tile := sandwich(at, 6, func(i, j int) float64 { return m[i][j] })
					for i := range min(4, oh-y) {
						for j := range min(4, ow-x0) {
							sizes.Size[((n*oh+y+i)*ow+x0+j)*s.Out+o] = tile[i][j]
						}
					}
				}
			}
		}
	}
	for i := range sizes.Size {
		sizes.epilogue(i, i%s.Out, ep)
	}
	return Result{Conv2D(x, w, s, ep).Want, sizes.Size}
}

type square [6][6]float64

// winograd makes the matrices of F(4×4, 3×3) from their points by Lagrange's formula; the last point is ∞.
func winograd() (at, g, bt square) {
	x := [5]float64{0, 5. / 8, -5. / 8, 3. / 2, -3. / 2}
	product := func(skip int) []float64 { // the coefficients of ∏ (t - x), without one
		c := []float64{1}
		for i, x := range x {
			if i != skip {
				c = append(c, 0)
				for k := len(c) - 1; k > 0; k-- {
					c[k] = c[k-1] - x*c[k]
				}
				c[0] *= -x
			}
		}
		return c
	}
	for p, x0 := range x {
		norm := 1.
		for i, x := range x {
			if i != p {
				norm *= x0 - x
			}
		}
		for k := range 4 {
			at[k][p] = math.Pow(x0, float64(k))
		}
		for k := range 3 {
			g[p][k] = math.Pow(x0, float64(k)) / norm
		}
		copy(bt[p][:], product(p))
	}
	at[3][5], g[5][2] = 1, 1
	copy(bt[5][:], product(-1))
	return at, g, bt
}

// sandwich is |m|·|x|·|mᵀ| for x [n, n].
func sandwich(m square, n int, x func(i, j int) float64) square {
	var half, all square // |m|·|x|
	for i := range 6 {
		for j := range n {
			for k := range n {
				half[i][j] += math.Abs(m[i][k]) * math.Abs(x(k, j))
			}
		}
	}
	for i := range 6 {
		for j := range 6 {
			for k := range n {
				all[i][j] += half[i][k] * math.Abs(m[j][k])
			}
		}
	}
	return all
}

// Attention is the dense formula of kernels.Attention: every logit, its rule, the softmax of the row, and the targets by the
// bias they stand for. It also gives the masses [n, heads, labels, labels].
func Attention(q, k, v []float32, s kernels.AttnShape, r *kernels.Regions) (out, mass []float64) {
	if r == nil {
		r = &kernels.Regions{Query: make([]uint8, s.Queries), Key: make([]uint8, s.Keys), Rules: [][]kernels.Rule{{{}}}}
	}
	labels, width := len(r.Rules), s.Heads*s.HeadDim
	out, mass = make([]float64, s.N*s.Queries*width), make([]float64, s.N*s.Heads*labels*labels)
	queries := make([]float64, labels)
	for _, l := range r.Query {
		queries[l]++
	}
	for n := range s.N {
		for h := range s.Heads {
			for i := range s.Queries {
				qi := q[(n*s.Queries+i)*width+h*s.HeadDim:]
				row := make([]float64, s.Keys)
				for j := range row {
					for c, kj := range k[(n*s.Keys+j)*width+h*s.HeadDim:][:s.HeadDim] {
						row[j] += float64(s.Scale) * float64(qi[c]) * float64(kj)
					}
					if s.Causal && j > i {
						row[j] = math.Inf(-1)
					}
				}
				a := int(r.Query[i])
				rules := r.Rules
				if own := len(r.PerHead); own > 0 && r.PerHead[(n*s.Heads+h)%own] != nil {
					rules = r.PerHead[(n*s.Heads+h)%own]
				}
				apply(row, r.Key, rules[a])
				share := masses(row, r.Key, rules[a])
				for j, p := range row {
					for c, vj := range v[(n*s.Keys+j)*width+h*s.HeadDim:][:s.HeadDim] {
						out[(n*s.Queries+i)*width+h*s.HeadDim+c] += p * float64(vj)
					}
				}
				for c, m := range share {
					mass[((n*s.Heads+h)*labels+a)*labels+c] += m / queries[a]
				}
			}
		}
	}
	return out, mass
}

// apply turns a row of logits into probabilities under the rules for each key label.
func apply(row []float64, label []uint8, rules []kernels.Rule) {
	mx, mn := math.Inf(-1), math.Inf(1)
	for _, l := range row {
		mx = math.Max(mx, l)
		if !math.IsInf(l, -1) {
			mn = math.Min(mn, l)
		}
	}
	for j := range row {
		r := rules[label[j]]
		if alpha := float64(r.Alpha); alpha > 0 {
			row[j] += alpha * (mx - row[j])
		} else if alpha < 0 {
			row[j] += alpha * (row[j] - mn)
		}
		row[j] += float64(r.Beta)
		if r.Block {
			row[j] = math.Inf(-1)
		}
	}
	top, sum := math.Inf(-1), 0.0
	for _, l := range row {
		top = math.Max(top, l)
	}
	if math.IsInf(top, -1) {
		clear(row)
		return
	}
	for j, l := range row {
		row[j] = math.Exp(l - top)
		sum += row[j]
	}
	for j := range row {
		row[j] /= sum
	}
}

// masses scales the probabilities of each region to its target, and gives each region's share.
func masses(row []float64, label []uint8, rules []kernels.Rule) []float64 {
	m := make([]float64, len(rules))
	for j, p := range row {
		m[label[j]] += p
	}
	targets, others := 0.0, 0.0
	for c, r := range rules {
		if r.Target > 0 && m[c] > 0 {
			targets += float64(r.Target)
		} else {
			others += m[c]
		}
	}
	if targets == 0 {
		return m
	}
	scale := make([]float64, len(rules))
	for c, r := range rules {
		switch {
		case r.Target > 0 && m[c] > 0 && (targets >= 1 || others == 0):
			scale[c] = float64(r.Target) / targets / m[c]
		case r.Target > 0 && m[c] > 0:
			scale[c] = float64(r.Target) / m[c]
		case targets < 1 && others > 0:
			scale[c] = (1 - targets) / others
		}
		m[c] *= scale[c]
	}
	for j := range row {
		row[j] *= scale[label[j]]
	}
	return m
}

// GroupNorm normalises x [n, hw, c] over groups of channels, in two passes.
func GroupNorm(x, gamma, beta []float32, n, hw, c, groups int, eps float64, silu bool) []float64 {
	out, per := make([]float64, len(x)), c/groups
	for i := range n * groups {
		var values []int
		for r := range hw {
			for j := range per {
				values = append(values, (i/groups*hw+r)*c+i%groups*per+j)
			}
		}
		var mean, variance float64
		for _, v := range values {
			mean += float64(x[v]) / float64(len(values))
		}
		for _, v := range values {
			d := float64(x[v]) - mean
			variance += d * d / float64(len(values))
		}
		for _, v := range values {
			y := (float64(x[v]) - mean) / math.Sqrt(variance+eps)
			if gamma != nil {
				y = y*float64(gamma[v%c]) + float64(beta[v%c])
			}
			if silu {
				y /= 1 + math.Exp(-y)
			}
			out[v] = y
		}
	}
	return out
}
