package tensor

import (
	"math"
	"sync"
)

// accumulators is how many columns a task folds at a time: their float64 sums stay in the first-level cache.
const accumulators = 1024

var accumulatorPool = sync.Pool{New: func() any { return new([accumulators]float64) }}

// Reduce implements [Engine]. A task folds some columns of a piece of [n, inner] into float64 accumulators. How the work is cut follows
// from the shape alone, so the number of threads does not change a bit.
func (CPU) Reduce(op ReduceOp, dst, x *Tensor, outer, n, inner int) {
	d, s := floats(dst), floats(x)
	columns := min(inner, accumulators)
	blocks := (inner + columns - 1) / columns
	pieces := 1
	if outer*blocks < 64 { // few results of many numbers
		pieces = max(1, min(n, n*columns/grain))
	}
	var partial []float64 // [pieces, outer, inner]
	if pieces > 1 {
		partial = make([]float64, pieces*len(d))
	}
	split(pieces*outer*blocks, max(1, n/pieces*columns), func(unit int) {
		first, o, piece := unit%blocks*columns, unit/blocks%outer, unit/blocks/outer
		from, to := piece*n/pieces, (piece+1)*n/pieces
		x := s[(o*n+from)*inner+first:]
		var acc []float64
		if inner == 1 {
			row := [1]float64{op.foldRow(x[:to-from])}
			acc = row[:]
		} else {
			sums := accumulatorPool.Get().(*[accumulators]float64)
			defer accumulatorPool.Put(sums)
			acc = sums[:min(columns, inner-first)]
			op.fold(acc, x, to-from, inner)
		}
		at := o*inner + first
		if pieces > 1 {
			copy(partial[piece*len(d)+at:], acc)
			return
		}
		for j, v := range acc {
			d[at+j] = op.finish(v, n)
		}
	})
	if pieces == 1 {
		return
	}
	for at := range d {
		acc := op.start()
		for piece := range pieces {
			acc = op.join(acc, partial[piece*len(d)+at])
		}
		d[at] = op.finish(acc, n)
	}
}

// fold sets acc to the fold of the columns of x, whose rows begin pitch apart.
func (op ReduceOp) fold(acc []float64, x []float32, rows, pitch int) {
	for i := range acc {
		acc[i] = op.start()
	}
	for r := range rows {
		row := x[r*pitch:][:len(acc)]
		switch op {
		case OpReduceMax:
			for i, v := range row {
				acc[i] = max(acc[i], float64(v))
			}
		case OpReduceMin:
			for i, v := range row {
				acc[i] = min(acc[i], float64(v))
			}
		default:
			for i, v := range row {
				acc[i] += float64(v)
			}
		}
	}
}

// foldRow is the fold of x: its numbers are dealt out to lanes that do not wait for each other, then the lanes and the odd ones are folded.
func (op ReduceOp) foldRow(x []float32) float64 {
	var lanes [16]float64
	op.fold(lanes[:], x, len(x)/len(lanes), len(lanes))
	acc := op.start()
	for _, v := range lanes {
		acc = op.join(acc, v)
	}
	for _, v := range x[len(x)/len(lanes)*len(lanes):] {
		acc = op.join(acc, float64(v))
	}
	return acc
}

// start is what a fold begins with.
func (op ReduceOp) start() float64 {
	switch op {
	case OpReduceMax:
		return math.Inf(-1)
	case OpReduceMin:
		return math.Inf(1)
	}
	return 0
}

// join is the fold of two numbers. Unlike math.Max, max lets NaN win over +Inf.
func (op ReduceOp) join(a, b float64) float64 {
	switch op {
	case OpReduceMax:
		return max(a, b)
	case OpReduceMin:
		return min(a, b)
	}
	return a + b
}

// finish is the result of a fold of n numbers.
func (op ReduceOp) finish(acc float64, n int) float32 {
	if op == OpMean {
		acc /= float64(n)
	}
	return float32(acc)
}
