package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"

	"github.com/sowgen/sowgen/sow/picture"
)

// Case is what a method is given, and what is known about it.
type Case struct {
	Name     string            `json:"name"`
	Scenario string            `json:"scenario"` // normal, attribute or style
	Prompt   string            `json:"prompt"`
	Seed     uint64            `json:"seed"`
	Says     map[string]string `json:"says,omitempty"`  // the probe's answers that the text asks for, by question
	Shows    map[string]string `json:"shows,omitempty"` // those that the condition's head gives
	Skin     *color.NRGBA      `json:"skin,omitempty"`  // of the face
	Content  string            `json:"content"`         // the digest of the pictures

	Picture *image.NRGBA `json:"-"`
	Mask    *image.Gray  `json:"-"` // what is kept of it; nil: what is not transparent
	files   [2]string    // where to read the two from, if they are not here

	// Head is all of the head where the mask keeps but a part of it: the rest is withheld, and the truth for what is grown there. nil: nothing is.
	Head *image.Gray `json:"-"`
}

// Loaded returns the case with its pictures, read from their files if they are not there yet.
func (c *Case) Loaded() (*Case, error) {
	if c.Picture != nil {
		return c, nil
	}
	loaded := *c
	var err error
	if loaded.Picture, err = picture.Read(c.files[0]); err != nil || c.files[1] == "" {
		return &loaded, err
	}
	if loaded.Mask, err = picture.ReadMask(c.files[1], true); err != nil {
		return nil, err
	}
	if m, p := loaded.Mask.Rect.Size(), loaded.Picture.Rect.Size(); m != p {
		return nil, fmt.Errorf("%s is %dx%d, want %dx%d, the size of %s", c.files[1], m.X, m.Y, p.X, p.Y, c.files[0])
	}
	return &loaded, nil
}

// Scenarios are those of the paper (§4.1).
var Scenarios = []string{"normal", "attribute", "style"}

// LeftHalf returns the case with only the left half of its head given, and a text that tells nothing of what the head looks like.
func (c Case) LeftHalf() Case {
	whole := c.Mask
	half := image.NewGray(whole.Bounds())
	b := half.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < (b.Min.X+b.Max.X)/2; x++ {
			half.SetGray(x, y, whole.GrayAt(x, y))
		}
	}
	c.Name += "-left"
	c.Prompt = fmt.Sprintf("a %s in a %s", c.Says["kind"], c.Says["scene"])
	c.Says = map[string]string{"kind": c.Says["kind"], "scene": c.Says["scene"]}
	c.Mask, c.Head = half, whole
	c.Digest()
	return c
}

// Digest sets Content; it is to be called when the pictures are there.
func (c *Case) Digest() {
	sum := sha256.New()
	fmt.Fprintln(sum, c.Picture.Rect, c.Picture.Stride)
	sum.Write(c.Picture.Pix)
	for _, mask := range []*image.Gray{c.Mask, c.Head} {
		if mask != nil {
			fmt.Fprintln(sum, mask.Rect, mask.Stride)
			sum.Write(mask.Pix)
		}
	}
	c.Content = hex.EncodeToString(sum.Sum(nil))
}
