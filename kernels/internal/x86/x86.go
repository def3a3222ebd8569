//go:build amd64 && !purego

// Package x86 holds the inner loops of package ref in AVX-512 and AVX2 assembly. The assembly is generated (see ../gen); this file
// gives it the signatures of ref.Loops, checks that the slices are long enough, and shows the race detector what is touched.
//
// AVX512 needs AVX512F, DQ, BW, VL; AVX512BF16 AVX512_BF16 besides; AVX2 needs AVX2, FMA, F16C; both BMI2.
package x86

//go:generate go -C ../gen run . -isa AVX512 -out ../x86/avx512_amd64.s -stubs ../x86/avx512_amd64.go -pkg x86
//go:generate go -C ../gen run . -isa AVX2 -out ../x86/avx2_amd64.s -stubs ../x86/avx2_amd64.go -pkg x86

import (
	"unsafe"

	"github.com/sowgen/sowgen/kernels/ref"
)

// The most rows of a tile that stay in registers (see ../gen/main.go).
const (
	rowsAVX512 = 14
	rowsAVX2   = 3
	rows16AVX2 = 6
)

// AVX512 is the loops for processors with AVX-512.
var AVX512 = ref.Loops{
	Rows: rowsAVX512, Matrix: matrixAVX512, Transpose: transpose, Transpose16: transpose16,
	Exp: unary(expAVX512), SiLU: unary(siluAVX512), GELU: unary(geluAVX512), QuickGELU: unary(quickGELUAVX512),
	Sqrt: unary(sqrtAVX512), Neg: unary(negAVX512),
	Add: binary(addAVX512), Sub: binary(subAVX512), Mul: binary(mulAVX512), Div: binary(divAVX512), GEGLU: geglu(gegluAVX512),
	Axpby: axpby(axpbyAVX512), Affine: ternary(affineAVX512), AffineSiLU: ternary(affineSiLUAVX512),
	Normalize: normalize(normalizeAVX512),
	Sum:       sum(sumAVX512), SumSquares: sumSquares(sumSquaresAVX512),
	ColSum: colSum(addAVX512), ColSumSquares: colSumSquares(addSquaresAVX512),
	Max: sum(maxAVX512), ExpSum: expSum(expSumAVX512),
	WinogradInput: winogradInput(winogradInputAVX512), WinogradWeights: winogradWeights(winogradWeightsAVX512),
	WinogradWeightsF16: winogradWeights(winogradWeightsF16AVX512), WinogradOutput: winogradOutput(winogradOutputAVX512),
	PanelRange: panelRange(panelRangeAVX512), PanelExp2: panelExp2(panelExp2AVX512), PanelScale: panelScale(panelScaleAVX512),
	F16ToF32: widen(f16ToF32AVX512, ref.F16ToF32), BF16ToF32: widen(bf16ToF32AVX512, ref.BF16ToF32),
	F32ToF16: narrow(f32ToF16AVX512, ref.F32ToF16), F32ToBF16: narrow(f32ToBF16AVX512, ref.F32ToBF16), RoundBF16: unary(roundBF16AVX512),
	Peak: peak(peakAVX512, 16*peakAddsAVX512),
}

// AVX512BF16 is AVX512 for processors that multiply bfloat16 as well.
var AVX512BF16 = withDots(AVX512)

func withDots(l ref.Loops) ref.Loops {
	l.Dot, l.Pairs, l.Join, l.PanelPairs = dot, pairs, binary(joinAVX512), panelPairs
	l.PeakBF16 = peak(peakBF16AVX512, 32*peakAddsAVX512)
	return l
}

// AVX2 is the loops for processors with AVX2 and FMA.
var AVX2 = ref.Loops{
	Rows: rowsAVX2, Matrix: matrixAVX2, Transpose: transpose, Transpose16: transpose16,
	Exp: unary(expAVX2), SiLU: unary(siluAVX2), GELU: unary(geluAVX2), QuickGELU: unary(quickGELUAVX2),
	Sqrt: unary(sqrtAVX2), Neg: unary(negAVX2),
	Add: binary(addAVX2), Sub: binary(subAVX2), Mul: binary(mulAVX2), Div: binary(divAVX2), GEGLU: geglu(gegluAVX2),
	Axpby: axpby(axpbyAVX2), Affine: ternary(affineAVX2), AffineSiLU: ternary(affineSiLUAVX2),
	Normalize: normalize(normalizeAVX2),
	Sum:       sum(sumAVX2), SumSquares: sumSquares(sumSquaresAVX2),
	ColSum: colSum(addAVX2), ColSumSquares: colSumSquares(addSquaresAVX2),
	Max: sum(maxAVX2), ExpSum: expSum(expSumAVX2),
	WinogradInput: winogradInput(winogradInputAVX2), WinogradWeights: winogradWeights(winogradWeightsAVX2),
	WinogradOutput: winogradOutput(winogradOutputAVX2),
	PanelRange:     panelRange(panelRangeAVX2), PanelExp2: panelExp2(panelExp2AVX2), PanelScale: panelScale(panelScaleAVX2),
	F16ToF32: widen(f16ToF32AVX2, ref.F16ToF32), BF16ToF32: widen(bf16ToF32AVX2, ref.BF16ToF32),
	F32ToF16: narrow(f32ToF16AVX2, ref.F32ToF16), F32ToBF16: narrow(f32ToBF16AVX2, ref.F32ToBF16), RoundBF16: unary(roundBF16AVX2),
	Peak: peak(peakAVX2, 8*peakAddsAVX2),
}

// transpose goes by blocks of 8×8; what is left over at the edges is plain Go.
func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	blocks8(dst, ldd, src, lds, rows, cols, transpose8, ref.Transpose)
}

func transpose16(dst []uint16, ldd int, src []uint16, lds, rows, cols int) {
	blocks8(dst, ldd, src, lds, rows, cols, transpose8x16, ref.Transpose16)
}

// blocks8 is a transpose whose blocks of 8×8 go through assembly and the rest through plain Go.
func blocks8[T any](dst []T, ldd int, src []T, lds, rows, cols int,
	assembly func(dst *T, ldd int, src *T, lds, blocks int), plain func(dst []T, ldd int, src []T, lds, rows, cols int)) {
	rows8, cols8 := rows&^7, cols&^7
	if rows8 == 0 || cols8 == 0 {
		plain(dst, ldd, src, lds, rows, cols)
		return
	}
	for i := 0; i < rows8; i += 8 {
		s, d := src[i*lds:][:7*lds+cols8], dst[i:][:(cols8-1)*ldd+8]
		if raceEnabled {
			for r := range 8 {
				read(s[r*lds:][:cols8])
			}
			for c := range cols8 {
				write(d[c*ldd:][:8])
			}
		}
		assembly(&d[0], ldd, &s[0], lds, cols8/8)
	}
	if cols8 < cols {
		plain(dst[cols8*ldd:], ldd, src[cols8:], lds, rows8, cols-cols8)
	}
	if rows8 < rows {
		plain(dst[rows8:], ldd, src[rows8*lds:], lds, rows-rows8, cols)
	}
}

func unary(f func(dst, x *float32, n int)) func(dst, x []float32) {
	return func(dst, x []float32) {
		if n := len(dst); n > 0 {
			read(x[:n])
			write(dst)
			f(&dst[0], &x[0], n)
		}
	}
}

func binary(f func(dst, a, b *float32, n int)) func(dst, a, b []float32) {
	return func(dst, a, b []float32) {
		if n := len(dst); n > 0 {
			read(a[:n])
			read(b[:n])
			write(dst)
			f(&dst[0], &a[0], &b[0], n)
		}
	}
}

func geglu(f func(dst, x *float32, n int)) func(dst, x []float32) {
	return func(dst, x []float32) {
		if n := len(dst); n > 0 {
			read(x[:2*n])
			write(dst)
			f(&dst[0], &x[0], n)
		}
	}
}

func ternary(f func(dst, x, scale, shift *float32, n int)) func(dst, x, scale, shift []float32) {
	return func(dst, x, scale, shift []float32) {
		if n := len(dst); n > 0 {
			read(x[:n])
			read(scale[:n])
			read(shift[:n])
			write(dst)
			f(&dst[0], &x[0], &scale[0], &shift[0], n)
		}
	}
}

func axpby(f func(dst, x, y *float32, n int, a, b float32)) func(dst []float32, a float32, x []float32, b float32, y []float32) {
	return func(dst []float32, a float32, x []float32, b float32, y []float32) {
		if n := len(dst); n > 0 {
			read(x[:n])
			read(y[:n])
			write(dst)
			f(&dst[0], &x[0], &y[0], n, a, b)
		}
	}
}

func normalize(f func(dst, x, gamma, beta *float32, n int, mean, rstd float32)) func(dst, x, gamma, beta []float32, mean, rstd float32) {
	return func(dst, x, gamma, beta []float32, mean, rstd float32) {
		if n := len(dst); n > 0 {
			read(x[:n])
			read(gamma[:n])
			read(beta[:n])
			write(dst)
			f(&dst[0], &x[0], &gamma[0], &beta[0], n, mean, rstd)
		}
	}
}

func sum(f func(x *float32, n int) float32) func(x []float32) float32 {
	return func(x []float32) float32 {
		read(x)
		return f(unsafe.SliceData(x), len(x))
	}
}

func sumSquares(f func(x *float32, n int, mean float32) float32) func(x []float32, mean float32) float32 {
	return func(x []float32, mean float32) float32 {
		read(x)
		return f(unsafe.SliceData(x), len(x), mean)
	}
}

func colSum(add func(dst, a, b *float32, n int)) func(sum, x []float32, ldx, rows int) {
	return func(sum, x []float32, ldx, rows int) {
		clear(sum)
		for i := range rows {
			if n := len(sum); n > 0 {
				row := x[i*ldx:][:n]
				read(row)
				add(&sum[0], &sum[0], &row[0], n)
			}
		}
	}
}

func colSumSquares(f func(dst, sum, x, mean *float32, n int)) func(sum, x, mean []float32, ldx, rows int) {
	return func(sum, x, mean []float32, ldx, rows int) {
		clear(sum)
		for i := range rows {
			if n := len(sum); n > 0 {
				row := x[i*ldx:][:n]
				read(row)
				read(mean[:n])
				f(&sum[0], &sum[0], &row[0], &mean[0], n)
			}
		}
	}
}

func expSum(f func(dst, x *float32, n int, shift float32) float32) func(dst, x []float32, shift float32) float32 {
	return func(dst, x []float32, shift float32) float32 {
		n := len(dst)
		if n == 0 {
			return 0
		}
		read(x[:n])
		write(dst)
		return f(&dst[0], &x[0], n, shift)
	}
}

func winogradInput(f func(v *float32, step int, x *float32, line, pixel, n int)) func(v []float32, step int, x []float32, line, pixel, n int) {
	return func(v []float32, step int, x []float32, line, pixel, n int) {
		if n == 0 {
			return
		}
		_, _ = v[35*step+n-1], x[5*line+5*pixel+n-1]
		if raceEnabled {
			grid(read[float32], x, 6, 6, line, pixel, n)
			grid(write[float32], v, 1, 36, 0, step, n)
		}
		f(&v[0], step, &x[0], line, pixel, n)
	}
}

func winogradWeights[T any](f func(u *float32, step int, w *T, tap, n int)) func(u []float32, step int, w []T, tap, n int) {
	return func(u []float32, step int, w []T, tap, n int) {
		if n == 0 {
			return
		}
		_, _ = u[35*step+n-1], w[8*tap+n-1]
		if raceEnabled {
			grid(read[T], w, 1, 9, 0, tap, n)
			grid(write[float32], u, 1, 36, 0, step, n)
		}
		f(&u[0], step, &w[0], tap, n)
	}
}

func winogradOutput(f func(y *float32, line, pixel int, m, bias, residual *float32, n int)) func(y []float32, line, pixel int, m, bias, residual []float32, n int) {
	return func(y []float32, line, pixel int, m, bias, residual []float32, n int) {
		if n == 0 {
			return
		}
		_, _, _ = y[3*line+3*pixel+n-1], m[35*ref.Panel+n-1], bias[n-1]
		var r *float32
		if residual != nil {
			_, r = residual[3*line+3*pixel+n-1], &residual[0]
		}
		if raceEnabled {
			grid(write[float32], m, 1, 36, 0, ref.Panel, n)
			if residual != nil {
				grid(read[float32], residual, 4, 4, line, pixel, n)
			}
			grid(write[float32], y, 4, 4, line, pixel, n)
			read(bias[:n])
		}
		f(&y[0], line, pixel, &m[0], &bias[0], r, n)
	}
}

// grid shows the race detector n values at each of lines·pixels places.
func grid[T any](touch func([]T), x []T, lines, pixels, line, pixel, n int) {
	for i := range lines {
		for j := range pixels {
			touch(x[i*line+j*pixel:][:n])
		}
	}
}

func panelRange(f func(p *float32, rows int, hi, lo *float32)) func(s []float32, rows int, hi, lo *ref.Lanes) {
	return func(s []float32, rows int, hi, lo *ref.Lanes) {
		s = s[:rows*ref.Panel]
		read(s)
		f(unsafe.SliceData(s), rows, &hi[0], &lo[0])
	}
}

func panelExp2(f func(p *float32, rows int, mul float32, shift, sum *float32)) func(s []float32, rows int, mul float32, shift, sum *ref.Lanes) {
	return func(s []float32, rows int, mul float32, shift, sum *ref.Lanes) {
		s = s[:rows*ref.Panel]
		write(s)
		f(unsafe.SliceData(s), rows, mul, &shift[0], &sum[0])
	}
}

func panelScale(f func(p *float32, rows int, factor *float32)) func(s []float32, rows int, factor *ref.Lanes) {
	return func(s []float32, rows int, factor *ref.Lanes) {
		s = s[:rows*ref.Panel]
		write(s)
		f(unsafe.SliceData(s), rows, &factor[0])
	}
}

// widen does whole vectors and leaves the rest to plain Go, which gives the same bits.
func widen(f func(dst *float32, src *uint16, n int), rest func(dst []float32, src []uint16)) func(dst []float32, src []uint16) {
	return func(dst []float32, src []uint16) {
		n := len(dst) &^ 15
		src = src[:len(dst)]
		read(src[:n])
		write(dst[:n])
		f(unsafe.SliceData(dst), unsafe.SliceData(src), n)
		rest(dst[n:], src[n:])
	}
}

func narrow(f func(dst *uint16, src *float32, n int), rest func(dst []uint16, src []float32)) func(dst []uint16, src []float32) {
	return func(dst []uint16, src []float32) {
		n := len(dst) &^ 15
		src = src[:len(dst)]
		read(src[:n])
		write(dst[:n])
		f(unsafe.SliceData(dst), unsafe.SliceData(src), n)
		rest(dst[n:], src[n:])
	}
}

// pairs does whole vectors and leaves the rest to plain Go, which gives the same bits, but for denormal numbers.
func pairs(dst, x []float32) {
	n := len(x) &^ 15
	read(x[:n])
	write(dst[:n/2])
	pairsAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), n)
	ref.Pairs(dst[n/2:], x[n:])
}

func panelPairs(s []float32, n int) {
	s = s[:2*n*ref.Panel]
	write(s)
	panelPairsAVX512(unsafe.SliceData(s), n)
}
