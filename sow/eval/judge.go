package eval

import (
	"context"
	"image"
	"math"

	"github.com/sowgen/sowgen/sow/picture"
)

// Judge measures pictures.
type Judge struct {
	Probe *Probe // nil: nothing is read off them
	CLIP  *CLIP  // nil: how they agree with the text is not told
	Faces Faces  // nil: no faces are looked for
}

// Memory is how many bytes the judge's networks take that are not within the program.
func (j *Judge) Memory() int64 {
	if j.CLIP == nil {
		return 0
	}
	return j.CLIP.Memory
}

// Faces returns the faces on a photograph, the largest first.
type Faces func(img *image.NRGBA) []Face

// Face is where one is, and who, as a vector: the nearer two vectors, the more alike (Euclidean).
type Face struct {
	Box    image.Rectangle
	Vector func() ([]float32, error)
}

// Laid is a condition at its place on the canvas: what a picture is measured by.
type Laid struct {
	Canvas   *image.NRGBA // with the condition on it, grey (128) elsewhere
	Returned *image.NRGBA // the same, as the VAE alone gives the condition back
	Mask     *image.Gray  // what is kept
	Grey     uint8        // of the empty canvas that the picture grew on
	Head     *image.NRGBA // the canvas with all of the head on it, of which Mask keeps a part; nil: nothing is withheld
	Withheld *image.Gray  // where the rest of the head is
}

// Figures are what was measured on a picture, by name ([Known]). What cannot be measured on it is absent.
type Figures map[string]float64

// mostDecibels stands for the PSNR of equal pictures, which is infinite: means are to be taken.
const mostDecibels = 60

// Measure returns the figures of a picture that was made from a case.
func (j *Judge) Measure(img *image.NRGBA, c *Case, at Laid) (Figures, error) {
	f := Figures{}
	f.kept(img, at)
	f["seam"] = picture.BoundaryGradientRatio(img, at.Mask)
	f["grey"] = GreyRing(img, at.Mask, at.Grey)
	f["spill"] = Spill(img, at.Canvas, at.Mask, c.Skin)
	if c.Skin != nil {
		tone, seen := BodySkin(img, at.Mask)
		f["skin_all"] = share(seen && tone == Tone(*c.Skin))
		if seen {
			f["skin"] = f["skin_all"]
		}
		f.takeTogether()
	}
	if at.Withheld != nil {
		f["unseen_psnr"] = decibels(img, at.Head, at.Withheld)
	}
	if err := j.read(f, img, c); err != nil {
		return nil, err
	}
	if j.CLIP != nil {
		var err error
		if f["clip_text"], err = j.CLIP.Agreement(context.Background(), img, c.Prompt); err != nil {
			return nil, err
		}
	}
	if err := j.faces(f, img, at); err != nil {
		return nil, err
	}
	for name, v := range f {
		if math.IsNaN(v) {
			delete(f, name) // no border, or a mask without windows
		}
	}
	return f, nil
}

// kept measures the kept region. For the similarity of structure, whose windows reach out of the region, the rest is made equal.
func (f Figures) kept(img *image.NRGBA, at Laid) {
	f["kept_psnr"] = decibels(img, at.Canvas, at.Mask)
	f["kept_psnr_vae"] = decibels(img, at.Returned, at.Mask)
	f["kept_ssim"] = picture.SSIM(cutOut(img, at.Canvas, at.Mask), at.Canvas, at.Mask)
	f["kept_ssim_vae"] = picture.SSIM(cutOut(img, at.Returned, at.Mask), at.Returned, at.Mask)
}

// drawnSeam is the boundary gradient ratio that heads in scenes of the built-in model's world have after its VAE: 5.50, in the mean of 60.
const drawnSeam = 5.5

// takeTogether takes consistency and blending together: the geometric mean of the similarity of the kept region, and of how well it sits in its
// surroundings, 1 for a border no harder than that of a head in a drawn scene, in the mean with whether the body has the face's skin. The two
// figures differ where no skin is seen: together then goes by the border alone, which is as good as skin that agrees; for together_all it is skin
// that does not.
func (f Figures) takeTogether() {
	border := min(1, drawnSeam/f["seam"])
	with := func(blending float64) float64 { return math.Sqrt(max(f["kept_ssim"], 0) * blending) }
	f["together_all"] = with((border + f["skin_all"]) / 2)
	f["together"] = f["together_all"]
	if _, seen := f["skin"]; !seen {
		f["together"] = with(border)
	}
}

func decibels(a, b *image.NRGBA, mask *image.Gray) float64 {
	return min(picture.PSNR(a, b, mask), mostDecibels)
}

// cutOut returns what the mask keeps of img on the picture around.
func cutOut(img, around *image.NRGBA, mask *image.Gray) *image.NRGBA {
	out, err := picture.BlendPaste.Apply(around, img, mask, image.Point{})
	if err != nil {
		panic(err) // the sizes differ, which PSNR has not let pass
	}
	return out
}

// read asks the probe, if it is known what should be answered: is there a person, does the head look as the condition's does, is what the text asks for there?
func (j *Judge) read(f Figures, img *image.NRGBA, c *Case) error {
	if j.Probe == nil || len(c.Says)+len(c.Shows) == 0 {
		return nil
	}
	answers, err := j.Probe.Read(img)
	if err != nil {
		return err
	}
	f["probe_person"] = share(answers["person"] == "yes")
	agree := func(name string, wanted map[string]string) {
		sum := 0.0
		for question, want := range wanted {
			right := share(answers[question] == want)
			sum += right
			if name == "probe_text" {
				f["probe_text_"+question] = right
			}
		}
		if len(wanted) > 0 {
			f[name] = sum / float64(len(wanted))
		}
	}
	agree("probe_text", c.Says)
	agree("probe_head", c.Shows)
	return nil
}

// faces looks for the condition's face in the picture. Where the detector does not see it in the condition itself, as with most drawn faces,
// nothing can be said.
func (j *Judge) faces(f Figures, img *image.NRGBA, at Laid) error {
	if j.Faces == nil {
		return nil
	}
	given := j.Faces(at.Canvas)
	if len(given) == 0 {
		return nil
	}
	f["face"] = 0
	for _, found := range j.Faces(img) {
		if both := found.Box.Intersect(given[0].Box); 4*both.Dx()*both.Dy() < given[0].Box.Dx()*given[0].Box.Dy() {
			continue // another one
		}
		f["face"] = 1
		a, err := given[0].Vector()
		if err != nil {
			return err
		}
		b, err := found.Vector()
		if err != nil {
			return err
		}
		sum := 0.0
		for i := range a {
			sum += float64(a[i]-b[i]) * float64(a[i]-b[i])
		}
		f["id_distance"] = math.Sqrt(sum)
		return nil
	}
	return nil
}

func share(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
