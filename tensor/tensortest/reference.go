package tensortest

import (
	"math"

	"github.com/sowgen/sowgen/tensor"
)

// unit is the unit roundoff of float32: what one rounding may lose, relative to the number.
const unit = 0x1p-24

// result is what an operator should give, element by element, and how far from it float32 arithmetic may end up.
type result struct{ want, bound []float64 }

func newResult(n int) result { return result{make([]float64, n), make([]float64, n)} }

// set says that element i is want, computed by roundings roundings of numbers of about size.
func (r result) set(i int, want float64, roundings, size float64) {
	r.want[i] = want
	if r.bound[i] = roundings * unit * math.Abs(size); !(r.bound[i] < math.Inf(1)) { // nothing is left to round
		r.bound[i] = 0
	}
}

// dot is the sum of the products of n pairs of numbers, and of their magnitudes.
func dot(n int, pair func(i int) (a, b float32)) (sum, size float64) {
	for i := range n {
		a, b := pair(i)
		sum += float64(a) * float64(b)
		size += math.Abs(float64(a) * float64(b))
	}
	return sum, size
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
func gelu(x float64) float64    { return x / 2 * math.Erfc(-x/math.Sqrt2) }

// unary is op(x; a, b), with the roundings that a decent float32 implementation needs and the size of what it rounds.
func unary(op tensor.UnaryOp, x, a, b float64) (want, roundings, size float64) {
	switch op {
	case tensor.OpCopy:
		return x, 0, 0
	case tensor.OpAffine:
		return a*x + b, 2, math.Abs(a*x) + math.Abs(b)
	case tensor.OpSiLU:
		return x * sigmoid(x), 8, x
	case tensor.OpGELU: // ½x(1 + erf) rounds against x
		return gelu(x), 8, x
	case tensor.OpQuickGELU:
		return x * sigmoid(1.702*x), 8, x
	case tensor.OpExp:
		return math.Exp(x), 4, math.Exp(x)
	case tensor.OpLog:
		return math.Log(x), 4, math.Log(x)
	case tensor.OpSqrt:
		return math.Sqrt(x), 2, math.Sqrt(x)
	case tensor.OpAbs:
		return math.Abs(x), 0, 0
	case tensor.OpClamp:
		return min(max(x, a), b), 0, 0
	}
	panic("unknown operator")
}

// binary is op(x, y); the four rules of arithmetic are rounded once.
func binary(op tensor.BinaryOp, x, y float64) (want, roundings float64) {
	switch op {
	case tensor.OpAdd:
		return x + y, 1
	case tensor.OpSub:
		return x - y, 1
	case tensor.OpMul:
		return x * y, 1
	case tensor.OpDiv:
		return x / y, 1
	case tensor.OpMax:
		return max(x, y), 0
	case tensor.OpMin:
		return min(x, y), 0
	}
	panic("unknown operator")
}

// reduce folds the middle axis of x [outer, n, inner]. Sums are in float64 and rounded once.
func reduce(op tensor.ReduceOp, x []float32, outer, n, inner int) result {
	r := newResult(outer * inner)
	for i := range r.want {
		at := i/inner*n*inner + i%inner
		sum, size, least, most := 0.0, 0.0, math.Inf(1), math.Inf(-1)
		for k := range n {
			v := float64(x[at+k*inner])
			sum, size, least, most = sum+v, size+math.Abs(v), min(least, v), max(most, v)
		}
		switch op {
		case tensor.OpSum:
			r.set(i, sum, 1, sum)
		case tensor.OpMean:
			r.set(i, sum/float64(n), 1, sum/float64(n))
			size /= float64(n)
		case tensor.OpReduceMax:
			r.set(i, most, 0, 0)
			continue
		case tensor.OpReduceMin:
			r.set(i, least, 0, 0)
			continue
		}
		r.bound[i] += float64(n) * 0x1p-52 * size
	}
	return r
}

// matMul is a [batch, m, k] times b [batch, k, n], or b [batch, n, k] transposed, plus bias [n] if there is one.
func matMul(a, b, bias []float32, batch, m, k, n int, transB bool) result {
	r := newResult(batch * m * n)
	for i := range r.want {
		g, row, col := i/(m*n), i/n%m, i%n
		sum, size := dot(k, func(p int) (float32, float32) {
			at := p*n + col
			if transB {
				at = col*k + p
			}
			return a[(g*m+row)*k+p], b[g*k*n+at]
		})
		if bias != nil {
			sum, size = sum+float64(bias[col]), size+math.Abs(float64(bias[col]))
		}
		r.set(i, sum, float64(k+1), size)
	}
	return r
}

// conv2D is x [n, h, w, c] under the kernels w [out, c, kh, kw].
func conv2D(x []float32, shape []int, w []float32, kernel []int, bias []float32, g tensor.ConvGeometry) (r result, out []int) {
	n, height, width, c := shape[0], shape[1], shape[2], shape[3]
	o, kh, kw := kernel[0], kernel[2], kernel[3]
	oh, ow := (height+g.Top+g.Bottom-kh)/g.Stride+1, (width+g.Left+g.Right-kw)/g.Stride+1
	r = newResult(n * oh * ow * o)
	for i := range r.want {
		picture, oy, ox, to := i/(oh*ow*o), i/(ow*o)%oh, i/o%ow, i%o
		sum, size := dot(c*kh*kw, func(k int) (float32, float32) {
			from, y, x0 := k/(kh*kw), oy*g.Stride+k/kw%kh-g.Top, ox*g.Stride+k%kw-g.Left
			if y < 0 || y >= height || x0 < 0 || x0 >= width {
				return 0, 0
			}
			return x[((picture*height+y)*width+x0)*c+from], w[to*c*kh*kw+k]
		})
		if bias != nil {
			sum, size = sum+float64(bias[to]), size+math.Abs(float64(bias[to]))
		}
		r.set(i, sum, float64(c*kh*kw+1), size)
	}
	return r, []int{n, oh, ow, o}
}

// epilogue is act(r) + residual, either of which may be nothing. A bias is in r already.
func (r result) epilogue(act tensor.Activation, residual []float32) result {
	f := map[tensor.Activation]tensor.UnaryOp{tensor.ActSiLU: tensor.OpSiLU, tensor.ActGELU: tensor.OpGELU, tensor.ActQuickGELU: tensor.OpQuickGELU}
	y := newResult(len(r.want))
	for i, x := range r.want {
		y.want[i], y.bound[i] = x, r.bound[i]
		if op, ok := f[act]; ok { // whose slope is at most 1.13
			want, roundings, size := unary(op, x, 0, 0)
			y.set(i, want, roundings, size)
			y.bound[i] += 1.13 * r.bound[i]
		}
		if residual != nil {
			y.want[i] += float64(residual[i])
			y.bound[i] += 2 * unit * (math.Abs(x) + math.Abs(float64(residual[i])))
		}
		if math.IsNaN(y.want[i]) {
			y.bound[i] = 0
		}
	}
	return y
}

// normalise is x over the elements that group gives the same number, then gamma and beta by the last axis, c.
func normalise(x, gamma, beta []float32, c, groups int, group func(i int) int, eps float32, silu bool) result {
	count, mean, size, squares := make([]float64, groups), make([]float64, groups), make([]float64, groups), make([]float64, groups)
	for i, v := range x {
		g := group(i)
		count[g]++
		mean[g] += float64(v)
		size[g] += math.Abs(float64(v))
	}
	for g, n := range count {
		mean[g], size[g] = mean[g]/n, size[g]/n
	}
	for i, v := range x {
		d := float64(v) - mean[group(i)]
		squares[group(i)] += d * d
	}
	r := newResult(len(x))
	for i, v := range x {
		g, scale, shift := group(i), 1.0, 0.0
		if gamma != nil {
			scale = float64(gamma[i%c])
		}
		if beta != nil {
			shift = float64(beta[i%c])
		}
		scale /= math.Sqrt(squares[g]/count[g] + float64(eps))
		y := (float64(v)-mean[g])*scale + shift
		roundings, terms := count[g]+8, (math.Abs(float64(v))+size[g])*math.Abs(scale)+math.Abs(shift)
		if silu { // its slope is at most 1.1
			r.set(i, y*sigmoid(y), 1.1*roundings+8, terms)
		} else {
			r.set(i, y, roundings, terms)
		}
	}
	return r
}

// softmax is that of each row of x [rows, c].
func softmax(x []float32, c int) result {
	r := newResult(len(x))
	for from := 0; from < len(x); from += c {
		row := x[from : from+c]
		top, sum := math.Inf(-1), 0.0
		for _, v := range row {
			top = max(top, float64(v))
		}
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		for j, v := range row { // the difference is rounded, too, and the exponential takes that up
			p := math.Exp(float64(v)-top) / sum
			r.set(from+j, p, float64(c)+8+math.Abs(float64(v)-top), p)
		}
	}
	return r
}

// gate is value·GELU(gate) [rows, c] for r [rows, 2c], whose rows are values and then their gates.
func (r result) gate(c int) result {
	y := newResult(len(r.want) / 2)
	for i := range y.want {
		at := i/c*2*c + i%c
		v, g := r.want[at], r.want[at+c]
		y.set(i, v*gelu(g), 10, v*g)
		if !math.IsNaN(y.want[i]) {
			y.bound[i] += r.bound[at]*math.Abs(g) + 1.13*math.Abs(v)*r.bound[at+c]
		}
	}
	return y
}

// upsample is where each element of an [n, h, w, c] picture resized to [n, oh, ow, c] comes from.
func upsample(n, h, w, c, oh, ow int) []int {
	nearest := func(i, from, to int) int {
		return min(int(float32(i)*(float32(from)/float32(to))), from-1)
	}
	at := make([]int, n*oh*ow*c)
	for i := range at {
		at[i] = ((i/(oh*ow*c)*h+nearest(i/(ow*c)%oh, h, oh))*w+nearest(i/c%ow, w, ow))*c + i%c
	}
	return at
}

// attention is the dense formula: all logits of a row, the rules, the softmax, the targets. It gives the result [n, queries, heads·d]
// and the masses [n, heads, labels, labels].
func attention(q, k, v []float32, n, queries, keys, d int, p tensor.AttnParams) (out, mass result) {
	r := p.Regions
	if r == nil {
		r = &tensor.Regions{Labels: make([]uint8, max(queries, keys)), Rules: [][]tensor.Rule{{{}}}}
	}
	labels, c := len(r.Rules), p.Heads*d
	out, mass = newResult(n*queries*c), newResult(n*p.Heads*labels*labels)
	of := make([]float64, labels) // queries of each label
	for _, l := range r.Labels[:queries] {
		of[l]++
	}
	for picture := range n {
		for h := range p.Heads {
			for i := range queries {
				logits, loss := make([]float64, keys), 0.0
				for j := range logits {
					sum, size := dot(d, func(x int) (float32, float32) {
						return q[(picture*queries+i)*c+h*d+x], k[(picture*keys+j)*c+h*d+x]
					})
					logits[j] = float64(p.Scale) * sum
					loss = max(loss, float64(d+2)*unit*float64(p.Scale)*size)
					if p.Causal && j > i {
						logits[j] = math.Inf(-1)
					}
				}
				a := int(r.Labels[i])
				rules := r.Rules
				if own := len(r.PerHead); own > 0 && r.PerHead[(picture*p.Heads+h)%own] != nil {
					rules = r.PerHead[(picture*p.Heads+h)%own]
				}
				probabilities := modulate(logits, r.Labels, rules[a])
				// A logit's loss counts up to thrice (its own, and those of the row's extremes), in the sum as well as in the summand.
				least, most := finite(logits)
				relative := 6*loss + (4*float64(keys)+64+2*(most-least))*unit
				for x := range d {
					sum, size := 0.0, 0.0
					for j, w := range probabilities {
						if w != 0 { // a blocked key is not read at all
							sum += w * float64(v[(picture*keys+j)*c+h*d+x])
							size += w * math.Abs(float64(v[(picture*keys+j)*c+h*d+x]))
						}
					}
					at := (picture*queries+i)*c + h*d + x
					out.want[at], out.bound[at] = sum, relative*size
				}
				for j, w := range probabilities {
					at := ((picture*p.Heads+h)*labels+a)*labels + int(r.Labels[j])
					mass.want[at] += w / of[a]
					mass.bound[at] += (relative + unit) * w / of[a]
				}
			}
		}
	}
	return out, mass
}

// finite is the smallest and the largest of the logits that are not -∞.
func finite(logits []float64) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, l := range logits {
		if !math.IsInf(l, -1) {
			least, most = min(least, l), max(most, l)
		}
	}
	return least, most
}

// modulate turns a row of logits into probabilities under the rules for each key's label (see [tensor.Rule]).
func modulate(logits []float64, labels []uint8, rules []tensor.Rule) []float64 {
	least, most := finite(logits)
	p, top := make([]float64, len(logits)), math.Inf(-1)
	for j, l := range logits {
		rule := rules[labels[j]]
		alpha := float64(rule.Alpha)
		switch {
		case rule.Block:
			l = math.Inf(-1)
		case alpha > 0:
			l += alpha * (most - l)
		case alpha < 0:
			l += alpha * (l - least)
		}
		p[j] = l + float64(rule.Beta)
		top = max(top, p[j])
	}
	if math.IsInf(top, -1) { // all blocked
		clear(p)
		return p
	}
	sum := 0.0
	for j, l := range p {
		p[j] = math.Exp(l - top)
		sum += p[j]
	}
	mass := make([]float64, len(rules))
	for j := range p {
		p[j] /= sum
		mass[labels[j]] += p[j]
	}
	target, rest := 0.0, 0.0 // what regions with and without a target ask for and have
	for c, rule := range rules {
		if rule.Target > 0 && mass[c] > 0 {
			target += float64(rule.Target)
		} else {
			rest += mass[c]
		}
	}
	if target == 0 {
		return p
	}
	if target >= 1 || rest == 0 {
		rest = math.Inf(1) // the targets share everything
	} else {
		rest /= 1 - target
		target = 1
	}
	for j := range p {
		if rule, m := rules[labels[j]], mass[labels[j]]; rule.Target > 0 && m > 0 {
			p[j] *= float64(rule.Target) / target / m
		} else {
			p[j] /= rest
		}
	}
	return p
}
