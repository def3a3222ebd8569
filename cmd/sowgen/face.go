package main

import (
	"encoding/json"
	"fmt"
	"image"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/sow/face"
	"github.com/sowgen/sowgen/sow/picture"
)

// faces is the flags of the command face.
type faces struct {
	*app
	index          []int
	shape          face.Shape
	output, cutout string
	force          bool
}

// foundFace is a face as it is printed: in pixels of the picture.
type foundFace struct {
	Window  [4]float64    `json:"window"` // x, y, width, height: about the face, without the hair
	Pupils  [2][2]float64 `json:"pupils"` // the one on the left of the picture, then the other
	Quality float64       `json:"quality"`
}

func describe(f *face.Face) *foundFace {
	tenths := func(v float64) float64 { return math.Round(v*10) / 10 }
	half := f.Size / 2
	return &foundFace{
		[4]float64{tenths(f.Centre.X - half), tenths(f.Centre.Y - half), tenths(f.Size), tenths(f.Size)},
		[2][2]float64{{tenths(f.Left.X), tenths(f.Left.Y)}, {tenths(f.Right.X), tenths(f.Right.Y)}},
		f.Quality,
	}
}

// xywh is a rectangle as flags have it.
func xywh(r image.Rectangle) []int { return []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} }

// pictureFaces is a picture and the faces on it.
type pictureFaces struct {
	File   string       `json:"file"`
	Width  int          `json:"width"`
	Height int          `json:"height"`
	Faces  []*foundFace `json:"faces"` // the largest first

	img   *image.NRGBA
	found []face.Face
}

func (a *app) faceCommand() *cobra.Command {
	f := &faces{app: a, shape: face.Ellipse}
	cmd := &cobra.Command{
		Use:   "face PICTURE [PICTURE]",
		Short: "Find the faces on a photograph, or tell whether those on two are one person's",
		Long: `Prints the faces found on a photograph as JSON, the largest first: generate keeps the first of them where no mask is
given. With -o it draws them; with --cutout it writes the one that would be kept, the rest transparent, to be looked
at, mended and given to generate as a condition.

Given two pictures it compares a face on each: distance is the Euclidean distance of dlib's embeddings, below 0.6 for
one person as a rule; cosine is 1 - the cosine of the angle between them, for which there is no such number.

Faces are found seen from the front, upright or a little turned, wider than about a sixteenth of the picture.
Drawn faces are seldom found.`,
		Example: `  sowgen face group.jpg -o found.png
  sowgen generate --face group.jpg --face-index 2 --prompt "a knight in armour" -o knight.png

  # did the face stay who it was?
  sowgen face me.jpg knight.png`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return &usageError{"want one PICTURE, or two to compare"}
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Var(facesValue{&f.index}, "face-index", "which face to compare or to cut out: 1 is the largest; with two pictures once for each")
	fs.Var(choice[face.Shape]{&f.shape, []face.Shape{face.Ellipse, face.Box}}, "face-mask", "what is kept of a face")
	fs.StringVarP(&f.output, "output", "o", "", "`FILE.png` to draw the faces of one picture in")
	fs.StringVar(&f.cutout, "cutout", "", "`FILE.png` for the face, cut out as generate does")
	fs.BoolVar(&f.force, "force", false, "replace files that exist")
	cmd.RunE = a.work(func(_ *cobra.Command, args []string) error { return f.run(args) })
	return cmd
}

func (f *faces) run(files []string) error {
	if err := f.check(files); err != nil {
		return err
	}
	var pictures []*pictureFaces
	for _, file := range files {
		p := &pictureFaces{File: filepath.Base(file), Faces: []*foundFace{}}
		var err error
		if p.img, err = picture.Read(file); err != nil {
			return err
		}
		p.Width, p.Height = p.img.Bounds().Dx(), p.img.Bounds().Dy()
		p.found = face.Detect(p.img)
		for i := range p.found {
			p.Faces = append(p.Faces, describe(&p.found[i]))
		}
		pictures = append(pictures, p)
	}
	e := json.NewEncoder(f.stdout)
	e.SetIndent("", "  ")
	if len(pictures) == 2 {
		c, err := f.compare(pictures)
		if err != nil {
			return err
		}
		return e.Encode(c)
	}
	if err := f.write(pictures[0]); err != nil {
		return err
	}
	return e.Encode(pictures[0])
}

// check reports flags that cannot be right.
func (f *faces) check(files []string) error {
	if n := len(f.index); n > 0 && n != len(files) {
		return wrongFlag("face-index", fmt.Sprintf("(given %d times)", n), fmt.Sprintf("want it once for each picture, of which there are %d", len(files)))
	}
	var outputs []string
	for _, output := range []struct{ flag, path string }{{"output", f.output}, {"cutout", f.cutout}} {
		switch {
		case output.path == "":
			continue
		case len(files) == 2:
			return wrongFlag(output.flag, output.path, "it is about one picture")
		}
		outputs = append(outputs, output.path)
	}
	for i := range outputs { // the first is held to be a PNG
		if err := checkOutputs(f.force, outputs[i:]...); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the number of the face that was asked for on picture i.
func (f *faces) choose(i int, p *pictureFaces) (int, error) {
	index := 1
	if i < len(f.index) && f.index[i] > 0 {
		index = f.index[i]
	}
	switch {
	case len(p.found) == 0:
		return 0, fmt.Errorf("no face is found on %s", p.File)
	case index > len(p.found):
		return 0, wrongFlag("face-index", index, fmt.Sprintf("%s on %s", count(len(p.found), "face is", "faces are"), p.File))
	}
	return index, nil
}

// comparison is two faces and how far they are apart.
type comparison struct {
	Faces      []comparedFace `json:"faces"`
	Distance   float64        `json:"distance"`
	Cosine     float64        `json:"cosine"`
	SamePerson bool           `json:"same_person"`
}

type comparedFace struct {
	File  string `json:"file"`
	Index int    `json:"index"`
	foundFace
}

func (f *faces) compare(pictures []*pictureFaces) (*comparison, error) {
	var c comparison
	var embeddings [2]face.Embedding
	for i, p := range pictures {
		index, err := f.choose(i, p)
		if err != nil {
			return nil, err
		}
		if embeddings[i], err = face.Embed(p.img, p.found[index-1]); err != nil {
			return nil, err
		}
		c.Faces = append(c.Faces, comparedFace{p.File, index, *p.Faces[index-1]})
	}
	thousandths := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	distance := face.Distance(embeddings[0], embeddings[1])
	c.Distance, c.Cosine, c.SamePerson = thousandths(distance), thousandths(face.Cosine(embeddings[0], embeddings[1])), distance < face.SamePerson
	return &c, nil
}

// write draws the faces and cuts one out, as asked.
func (f *faces) write(p *pictureFaces) error {
	if f.output != "" {
		if err := picture.WritePNG(f.output, face.Draw(p.img, p.found, f.shape), nil, f.force); err != nil {
			return err
		}
	}
	if f.cutout == "" {
		return nil
	}
	index, err := f.choose(0, p)
	if err != nil {
		return err
	}
	crop, mask := p.found[index-1].Cut(p.img, f.shape)
	for i, v := range mask.Pix {
		crop.Pix[4*i+3] = min(crop.Pix[4*i+3], v)
	}
	return picture.WritePNG(f.cutout, crop, nil, f.force)
}
