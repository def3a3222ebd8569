//go:build amd64 && !purego

package x86

import (
	"runtime"
	"unsafe"

	"github.com/sowgen/sowgen/kernels/ref"
)

// strip is what a micro-kernel does: tiles one below the other, as wide as the micro-kernel is, first some of height rows and then lower ones of a
// row less. Strides are in bytes. It leaves the pointers behind the last tile, where there may be nothing, so they must not look like pointers
// to the garbage collector.
type strip struct {
	height, tiles, lower             int
	k, segs                          int
	a                                uintptr
	aRow, aCol, aSeg                 int // aSeg from the end of a segment
	b, init, add, dst                uintptr
	initStride, addStride, dstStride int
}

// words is a strip as the assembly sees it.
type words = [16]int

// The offsets that ../gen/matrix.go takes for granted: each line fails to compile if one is not so.
var (
	_ = [1]int{}[unsafe.Sizeof(strip{})-unsafe.Sizeof(words{})]
	_ = [1]int{}[unsafe.Offsetof(strip{}.tiles)-8]
	_ = [1]int{}[unsafe.Offsetof(strip{}.lower)-16]
	_ = [1]int{}[unsafe.Offsetof(strip{}.k)-24]
	_ = [1]int{}[unsafe.Offsetof(strip{}.segs)-32]
	_ = [1]int{}[unsafe.Offsetof(strip{}.a)-40]
	_ = [1]int{}[unsafe.Offsetof(strip{}.aRow)-48]
	_ = [1]int{}[unsafe.Offsetof(strip{}.aCol)-56]
	_ = [1]int{}[unsafe.Offsetof(strip{}.aSeg)-64]
	_ = [1]int{}[unsafe.Offsetof(strip{}.b)-72]
	_ = [1]int{}[unsafe.Offsetof(strip{}.init)-80]
	_ = [1]int{}[unsafe.Offsetof(strip{}.add)-88]
	_ = [1]int{}[unsafe.Offsetof(strip{}.dst)-96]
	_ = [1]int{}[unsafe.Offsetof(strip{}.initStride)-104]
	_ = [1]int{}[unsafe.Offsetof(strip{}.addStride)-112]
	_ = [1]int{}[unsafe.Offsetof(strip{}.dstStride)-120]
)

// zeros is where sums begin that have no Init.
var zeros [ref.Panel]float32

// stripOf is t in as few tiles of at most most rows as it takes.
func stripOf(t *ref.Tile, most int) strip {
	tiles := (t.Rows + most - 1) / most
	height, higher := t.Rows/tiles, t.Rows%tiles
	s := strip{
		height: height, tiles: tiles, k: t.K, segs: t.Segs,
		a: address(t.A), aRow: 4 * t.ARow, aCol: 4 * t.ACol, aSeg: 4 * (t.ASeg - t.K),
		b: address(t.B), init: uintptr(unsafe.Pointer(&zeros)), dst: address(t.Dst), dstStride: 4 * t.DstStride,
	}
	if higher > 0 {
		s.height, s.tiles, s.lower = height+1, higher, tiles-higher
	}
	if t.Init != nil {
		s.init, s.initStride = address(t.Init), 4*t.InitStride
	}
	if t.Add != nil {
		s.add, s.addStride = address(t.Add), 4*t.AddStride
	}
	return s
}

func (s *strip) words() *words { return (*words)(unsafe.Pointer(s)) }

func address(x []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

func matrixAVX512(t *ref.Tile) {
	checkTile(t)
	s := stripOf(t, rowsAVX512)
	switch down := t.ACol != 1; {
	case down && t.Cols == 32:
		matrix32tAVX512(s.words())
	case down:
		matrix16tAVX512(s.words())
	case t.Cols == 32:
		matrix32AVX512(s.words())
	default:
		matrix16AVX512(s.words())
	}
	runtime.KeepAlive(t)
}

func dot(t *ref.Tile) {
	checkTile(t)
	s := stripOf(t, rowsAVX512)
	switch down := t.ACol != 1; {
	case down && t.Cols == 32:
		dot32tAVX512(s.words())
	case down:
		dot16tAVX512(s.words())
	case t.Cols == 32:
		dot32AVX512(s.words())
	default:
		dot16AVX512(s.words())
	}
	runtime.KeepAlive(t)
}

func matrixAVX2(t *ref.Tile) {
	checkTile(t)
	most := rowsAVX2
	if t.Cols == 16 {
		most = rows16AVX2
	}
	s := stripOf(t, most)
	switch down := t.ACol != 1; {
	case down && t.Cols == 32:
		matrix32tAVX2(s.words())
	case down:
		matrix16tAVX2(s.words())
	case t.Cols == 32:
		matrix32AVX2(s.words())
	default:
		matrix16AVX2(s.words())
	}
	runtime.KeepAlive(t)
}

// checkTile panics if a slice is too short for the tile.
func checkTile(t *ref.Tile) {
	if n := t.Segs * t.K; n > 0 {
		_ = t.A[(t.Rows-1)*t.ARow+(t.Segs-1)*t.ASeg+(t.K-1)*t.ACol]
		_ = t.B[(n-1)*ref.Panel+t.Cols-1]
	}
	if t.Rows < 1 || t.ACol != 1 && (t.ARow != 1 || t.Segs != 1) || t.Cols != 16 && t.Cols != 32 {
		panic("x86: no micro-kernel for this tile")
	}
	if t.Init != nil {
		_ = t.Init[(t.Rows-1)*t.InitStride+t.Cols-1]
	}
	if t.Add != nil {
		_ = t.Add[(t.Rows-1)*t.AddStride+t.Cols-1]
	}
	_ = t.Dst[(t.Rows-1)*t.DstStride+t.Cols-1]
	if raceEnabled {
		showTile(t)
	}
}

// showTile shows the race detector what a tile touches.
func showTile(t *ref.Tile) {
	if t.ACol == 1 {
		for s := range t.Segs {
			grid(read[float32], t.A[s*t.ASeg:], 1, t.Rows, 0, t.ARow, t.K)
		}
	} else {
		grid(read[float32], t.A, 1, t.K, 0, t.ACol, t.Rows)
	}
	grid(read[float32], t.B, 1, t.Segs*t.K, 0, ref.Panel, t.Cols)
	if t.Init != nil {
		grid(read[float32], t.Init, 1, t.Rows, 0, t.InitStride, t.Cols)
	}
	if t.Add != nil {
		grid(read[float32], t.Add, 1, t.Rows, 0, t.AddStride, t.Cols)
	}
	grid(write[float32], t.Dst, 1, t.Rows, 0, t.DstStride, t.Cols)
}
