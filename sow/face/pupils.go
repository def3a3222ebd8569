package face

import (
	_ "embed"
	"encoding/binary"
	"image"
	"image/draw"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	pigo "github.com/esimov/pigo/core"

	"github.com/sowgen/sowgen/sow/picture"
)

// The search for pupils starts at these places of the detector's window, in its sides, and is repeated from places and sizes about them.
const (
	eyesAbove = 0.075
	eyesApart = 0.18 // each from the middle
	eyeScale  = 0.25
	repeats   = 63
)

// faceSide is how large, in pixels, a window is when pupils are looked for: larger ones are shrunk.
const faceSide = 192

// pupils returns the pupils of a face in an opaque picture. If what is found cannot be a pair, behind dark glasses for example, it is where they
// would be as a rule.
func pupils(img *image.NRGBA, f Face) (left, right Point) {
	// Around the window there is room for what the trees look at from its edge.
	around := f.square(1).Intersect(img.Bounds())
	crop := image.NewNRGBA(image.Rectangle{Max: around.Size()})
	draw.Draw(crop, crop.Rect, img, around.Min, draw.Src)
	shrink := min(1, faceSide/f.Size)
	grey := luma(picture.Resize(crop, side(float64(crop.Rect.Dx())*shrink), side(float64(crop.Rect.Dy())*shrink)))
	expected := func(from float64) Point { return Point{f.Centre.X + f.Size*from, f.Centre.Y - f.Size*eyesAbove} }
	find := func(from float64) Point {
		start := expected(from)
		at := eye().find(grey, (start.Y-float64(around.Min.Y))*shrink-0.5, (start.X-float64(around.Min.X))*shrink-0.5, f.Size*eyeScale*shrink)
		return Point{(at.X+0.5)/shrink + float64(around.Min.X), (at.Y+0.5)/shrink + float64(around.Min.Y)}
	}
	left, right = find(-eyesApart), find(eyesApart)
	if dx, dy := (right.X-left.X)/f.Size, (right.Y-left.Y)/f.Size; dx < eyesApart || dx > 3*eyesApart || math.Abs(dy) > dx/2 {
		return expected(-eyesApart), expected(eyesApart)
	}
	return left, right
}

// square is the window with margin, in its sides, added all around.
func (f *Face) square(margin float64) image.Rectangle {
	half := f.Size * (0.5 + margin)
	return image.Rect(int(math.Floor(f.Centre.X-half)), int(math.Floor(f.Centre.Y-half)), int(math.Ceil(f.Centre.X+half)), int(math.Ceil(f.Centre.Y+half)))
}

// locator is a cascade of stages of regression trees, each of which moves a point nearer to what it looks for. It is read and run here and not
// by pigo, whose RunDetector draws from the process's random numbers: the same picture would have other pupils in each run.
type locator struct {
	shrink float32 // of the window from stage to stage
	stages [][]tree
}

// tree compares two pixels at each inner node, and has a step (row, column) in units of the window at each leaf.
type tree struct {
	depth  int
	tests  [][4]int8 // row and column of one pixel, then of the other, in 1/256 of the window; node i's children are 2i+1 and 2i+2
	leaves [][2]float32
}

//go:embed model/puploc
var puplocFile []byte

var eye = sync.OnceValue(func() *locator {
	// Four numbers, then the trees: stages, shrink, trees a stage, depth.
	data := puplocFile
	next := func() uint32 {
		v := binary.LittleEndian.Uint32(data)
		data = data[4:]
		return v
	}
	stages := make([][]tree, next())
	l := &locator{math.Float32frombits(next()), stages}
	trees, depth := next(), next()
	for s := range stages {
		for range trees {
			t := tree{depth: int(depth), tests: make([][4]int8, 1<<depth-1), leaves: make([][2]float32, 1<<depth)}
			for i := range t.tests {
				for j := range t.tests[i] {
					t.tests[i][j] = int8(data[j])
				}
				data = data[4:]
			}
			for i := range t.leaves {
				t.leaves[i] = [2]float32{math.Float32frombits(next()), math.Float32frombits(next())}
			}
			stages[s] = append(stages[s], t)
		}
	}
	return l
})

// find returns the median of where the search ends from places and sizes drawn about (row, column) and size: the same ones each time.
func (l *locator) find(img pigo.ImageParams, row, column, size float64) Point {
	random := rand.New(rand.NewPCG(1, 1))
	about := func(spread float64) float64 { return spread * (random.Float64() - 0.5) }
	rows, columns := make([]float64, repeats), make([]float64, repeats)
	for i := range repeats {
		r, c := l.descend(img, row+size*about(0.15), column+size*about(0.15), size*(1+about(0.15)))
		rows[i], columns[i] = float64(r), float64(c)
	}
	slices.Sort(rows)
	slices.Sort(columns)
	return Point{columns[repeats/2], rows[repeats/2]}
}

// descend is one search.
func (l *locator) descend(img pigo.ImageParams, row, column, size float64) (r, c float32) {
	r, c = float32(row), float32(column)
	s := float32(size)
	for _, stage := range l.stages {
		var dr, dc float32
		for i := range stage {
			step := stage[i].step(img, r, c, s)
			dr, dc = dr+step[0], dc+step[1]
		}
		r, c, s = r+dr*s, c+dc*s, s*l.shrink
	}
	return r, c
}

func (t *tree) step(img pigo.ImageParams, r, c, s float32) [2]float32 {
	pixel := func(dr, dc int8) uint8 {
		y := int(math.Round(float64(r + float32(dr)*s/256)))
		x := int(math.Round(float64(c + float32(dc)*s/256)))
		return img.Pixels[min(max(y, 0), img.Rows-1)*img.Dim+min(max(x, 0), img.Cols-1)]
	}
	node := 0
	for range t.depth {
		test := t.tests[node]
		node = 2*node + 1
		if pixel(test[0], test[1]) > pixel(test[2], test[3]) {
			node++
		}
	}
	return t.leaves[node-len(t.tests)]
}
