package experiment

import (
	"image"

	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/face"
)

// Faces are those that the detector for photographs finds, as dlib's embedding knows people.
func Faces(img *image.NRGBA) (faces []eval.Face) {
	for _, f := range face.Detect(img) {
		half := f.Size / 2
		faces = append(faces, eval.Face{
			Box: image.Rect(int(f.Centre.X-half), int(f.Centre.Y-half), int(f.Centre.X+half), int(f.Centre.Y+half)),
			Vector: func() ([]float32, error) {
				e, err := face.Embed(img, f)
				return e[:], err
			},
		})
	}
	return faces
}
