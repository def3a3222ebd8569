package ref

import "math"

// Sum is Σ x.
func Sum(x []float32) float32 {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	return float32(sum)
}

// SumSquares is Σ (x - mean)².
func SumSquares(x []float32, mean float32) float32 {
	var sum float64
	for _, v := range x {
		d := float64(v - mean)
		sum += d * d
	}
	return float32(sum)
}

// ColSum is sum[j] = Σ_i x[i*ldx+j] over rows rows and len(sum) columns.
func ColSum(sum, x []float32, ldx, rows int) {
	clear(sum)
	for i := range rows {
		for j, v := range x[i*ldx:][:len(sum)] {
			sum[j] += v
		}
	}
}

// ColSumSquares is sum[j] = Σ_i (x[i*ldx+j] - mean[j])².
func ColSumSquares(sum, x, mean []float32, ldx, rows int) {
	clear(sum)
	for i := range rows {
		for j, v := range x[i*ldx:][:len(sum)] {
			d := v - mean[j]
			sum[j] += d * d
		}
	}
}

// Max is the largest of x, NaN if one is NaN, -Inf if x is empty.
func Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// ExpSum writes dst = e^(x - shift) and returns its sum.
func ExpSum(dst, x []float32, shift float32) float32 {
	var sum float64
	for i, v := range x[:len(dst)] {
		e := math.Exp(float64(v - shift))
		dst[i] = float32(e)
		sum += e
	}
	return float32(sum)
}

// Lanes is one value for each column of a panel.
type Lanes = [Panel]float32

// PanelRange raises hi and lowers lo to the extremes of each column of the [rows, Panel] panel s. A NaN may go unseen here: it
// is PanelExp2 that hands it on.
func PanelRange(s []float32, rows int, hi, lo *Lanes) {
	for i := range rows {
		for j, v := range (*Lanes)(s[i*Panel:]) {
			if v > hi[j] {
				hi[j] = v
			}
			if v < lo[j] {
				lo[j] = v
			}
		}
	}
}

// PanelExp2 replaces the [rows, Panel] panel s by 2^(s·mul - shift), whose exponents are at most 127, and adds each column to sum.
func PanelExp2(s []float32, rows int, mul float32, shift, sum *Lanes) {
	for i := range rows {
		row := (*Lanes)(s[i*Panel:])
		for j, v := range row {
			e := float32(math.Exp2(float64(v*mul - shift[j])))
			row[j] = e
			sum[j] += e
		}
	}
}

// PanelScale multiplies each column of the [rows, Panel] panel s by its factor.
func PanelScale(s []float32, rows int, factor *Lanes) {
	for i := range rows {
		row := (*Lanes)(s[i*Panel:])
		for j, f := range factor {
			row[j] *= f
		}
	}
}
