package face

import (
	"cmp"
	_ "embed"
	"image"
	"math"
	"slices"
	"sync"

	pigo "github.com/esimov/pigo/core"

	"github.com/sowgen/sowgen/sow/picture"
)

// Face is a face in a picture. Coordinates are those of the picture, in pixels; pixel i reaches from i to i + 1.
type Face struct {
	Centre      Point   // of the detector's window, about the tip of the nose
	Size        float64 // of the window's side: somewhat more than the face is wide
	Quality     float64 // the detector's sum over all windows that agree: not below 30, in the hundreds where it is plain
	Left, Right Point   // the pupils, as seen in the picture
}

// Point is a place in a picture.
type Point struct{ X, Y float64 }

// The detector's numbers. On the photographs it was tried on (skimage's and matplotlib's), upright faces had a quality of 91 and more in windows
// of 28 pixels and more, and what is no face had 21 at most.
const (
	searchSide  = 384 // a picture is shrunk to this before the search: larger ones find no more of what may be a condition, but more that is none
	windowMin   = 24  // the smallest window, in pixels of that: a face must be wider than about a sixteenth of the picture's longer side
	windowShift = 0.05
	windowScale = 1.1
	sameFace    = 0.2 // intersection over union of windows that are added up
	qualityMin  = 30
)

// Detect returns the faces in a picture, the largest first; none if there is none. Faces are found upright or leaning by up to 10 degrees,
// some by 15 and 20, and seen from the front. What is transparent counts as grey.
func Detect(img *image.NRGBA) []Face {
	img = picture.Flatten(img, 128)
	size := img.Bounds().Size()
	shrink := min(1, searchSide/float64(max(size.X, size.Y)))
	small := picture.Resize(img, side(float64(size.X)*shrink), side(float64(size.Y)*shrink))
	detector := facefinder()
	p := luma(small)
	windows := detector.RunCascade(pigo.CascadeParams{
		MinSize: windowMin, MaxSize: min(p.Rows, p.Cols), ShiftFactor: windowShift, ScaleFactor: windowScale, ImageParams: p,
	}, 0)
	// pigo leaves a face at times as two clusters that lie over each other: of these the plainest counts.
	clusters := detector.ClusterDetections(windows, sameFace)
	slices.SortStableFunc(clusters, func(a, b pigo.Detection) int { return cmp.Compare(b.Q, a.Q) })
	var faces []Face
	for i, d := range clusters {
		if d.Q < qualityMin || slices.ContainsFunc(clusters[:i], func(plainer pigo.Detection) bool { return covers(plainer, d) }) {
			continue
		}
		f := Face{
			Centre:  Point{(float64(d.Col) + 0.5) / shrink, (float64(d.Row) + 0.5) / shrink},
			Size:    float64(d.Scale) / shrink,
			Quality: math.Round(float64(d.Q)*10) / 10,
		}
		f.Left, f.Right = pupils(img, f)
		faces = append(faces, f)
	}
	slices.SortStableFunc(faces, func(a, b Face) int { return cmp.Compare(b.Size, a.Size) })
	return faces
}

// covers reports whether more than half of the smaller of two windows lies in the other.
func covers(a, b pigo.Detection) bool {
	common := func(a, aSize, b, bSize int) int { return min(a+aSize/2, b+bSize/2) - max(a-aSize/2, b-bSize/2) }
	w, h := max(common(a.Col, a.Scale, b.Col, b.Scale), 0), max(common(a.Row, a.Scale, b.Row, b.Scale), 0)
	smaller := min(a.Scale, b.Scale)
	return 2*w*h > smaller*smaller
}

// side is a number of pixels, at least 1.
func side(v float64) int { return max(int(math.Round(v)), 1) }

//go:embed model/facefinder
var facefinderFile []byte

var facefinder = sync.OnceValue(func() *pigo.Pigo {
	p, err := pigo.NewPigo().Unpack(facefinderFile)
	if err != nil {
		panic(err) // it is embedded
	}
	return p
})

// luma returns an opaque picture in grey (ITU-R BT.601), as pigo takes it.
func luma(img *image.NRGBA) pigo.ImageParams {
	size := img.Bounds().Size()
	p := pigo.ImageParams{Pixels: make([]uint8, 0, size.X*size.Y), Rows: size.Y, Cols: size.X, Dim: size.X}
	for y := range size.Y {
		row := img.Pix[y*img.Stride:]
		for x := range size.X {
			c := row[4*x : 4*x+3]
			p.Pixels = append(p.Pixels, uint8((299*int(c[0])+587*int(c[1])+114*int(c[2])+500)/1000))
		}
	}
	return p
}
