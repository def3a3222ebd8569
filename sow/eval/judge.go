package eval

import (
	"image"
	"math"

	"github.com/sowgen/sowgen/sow/picture"
)

// Judge measures pictures.
type Judge struct {
	Probe *Probe // nil: nothing is read off them
	Faces Faces  // nil: no faces are looked for
}

// Faces looks for real faces and compares them.
type Faces interface {
	// Detect returns where the faces in a picture are.
	Detect(img *image.NRGBA) ([]image.Rectangle, error)
	// Distance is how unlike two people are: of the faces in a and b that lie in those boxes.
	Distance(a *image.NRGBA, inA image.Rectangle, b *image.NRGBA, inB image.Rectangle) (float64, error)
}

// Laid is a condition at its place on the canvas: what a picture is measured by.
type Laid struct {
	Canvas   *image.NRGBA // with the condition on it, grey elsewhere
	Returned *image.NRGBA // the same, as the VAE alone gives the condition back
	Mask     *image.Gray  // what is kept
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
	f["grey"] = GreyRing(img, at.Mask)
	f["spill"] = Spill(img, at.Canvas, at.Mask, c.Skin)
	if c.Skin != nil {
		if tone, seen := BodySkin(img, at.Mask); seen {
			f["skin"] = share(tone == Tone(*c.Skin))
		}
	}
	if at.Withheld != nil {
		f["unseen_psnr"] = decibels(img, at.Head, at.Withheld)
	}
	if err := j.read(f, img, c); err != nil {
		return nil, err
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

// read asks the probe: is there a person, does the head look as the condition's does, is what the text asks for there?
func (j *Judge) read(f Figures, img *image.NRGBA, c *Case) error {
	if j.Probe == nil {
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
	given, err := j.Faces.Detect(at.Canvas)
	if err != nil || len(given) == 0 {
		return err
	}
	found, err := j.Faces.Detect(img)
	if err != nil {
		return err
	}
	f["face"] = 0
	for _, box := range found {
		if both := box.Intersect(given[0]); 4*both.Dx()*both.Dy() < given[0].Dx()*given[0].Dy() {
			continue // another one
		}
		f["face"] = 1
		f["id_distance"], err = j.Faces.Distance(at.Canvas, given[0], img, box)
		return err
	}
	return nil
}

func share(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
