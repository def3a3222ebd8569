package eval

import (
	"encoding/json"
	"fmt"
	"image"
	"io/fs"
	"path"
	"strings"

	"github.com/sowgen/sowgen/nn/config"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
)

// imageProcessor makes of a picture what CLIP's image encoder reads, number for number as transformers' CLIPImageProcessorPil: resized so that the
// shorter side is Size, Crop pixels of the middle, and normalised in each channel. The fields are those of preprocessor_config.json.
type imageProcessor struct {
	Size shortestSide `json:"size"`
	Crop squareSide   `json:"crop_size"`
	Mean []float32    `json:"image_mean"`
	Std  []float32    `json:"image_std"`
}

// fixedSteps are what other values of would be another preparation.
var fixedSteps = map[string]any{
	"do_resize": true, "do_center_crop": true, "do_rescale": true, "do_normalize": true,
	"resample":       3, // bicubic
	"rescale_factor": 1.0 / 255,
}

// readImageProcessor reads the preparation for a network of pictures of size×size. Without a file it is CLIP's own.
func readImageProcessor(fsys fs.FS, dir string, size int) (*imageProcessor, error) {
	p := &imageProcessor{
		Size: shortestSide(size), Crop: squareSide(size),
		Mean: []float32{0.48145466, 0.4578275, 0.40821073}, Std: []float32{0.26862954, 0.26130258, 0.27577711},
	}
	name, err := p.read(fsys, dir)
	if err != nil {
		return nil, err
	}
	if err := p.check(size); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// read reads the first of the files that there may be, and returns its name.
func (p *imageProcessor) read(fsys fs.FS, dir string) (name string, err error) {
	if name = path.Join(dir, "preprocessor_config.json"); exists(fsys, name) {
		return name, config.Read(fsys, name, p, fixedSteps)
	}
	if name = path.Join(dir, "processor_config.json"); exists(fsys, name) { // as transformers 5 saves it with the tokenizer
		var both struct {
			Image json.RawMessage `json:"image_processor"`
		}
		if err := config.Read(fsys, name, &both, nil); err != nil || both.Image == nil {
			return name, err
		}
		if err := config.Decode(both.Image, p, fixedSteps); err != nil {
			return name, fmt.Errorf("%s: \"image_processor\": %w", name, err)
		}
		return name, nil
	}
	if name = path.Join(dir, "../feature_extractor/preprocessor_config.json"); dir != "." && exists(fsys, name) {
		return name, config.Read(fsys, name, p, fixedSteps)
	}
	return "", nil
}

func (p *imageProcessor) check(size int) error {
	var check config.Check
	check.Int("crop_size", int(p.Crop), size, size)
	check.Int("size", int(p.Size), size, 1<<12)
	check.Int("image_mean", len(p.Mean), 3, 3)
	check.Int("image_std", len(p.Std), 3, 3)
	for _, v := range p.Std {
		check.Float("image_std", float64(v), 1e-3, 1e3)
	}
	return check.Err()
}

// process returns pixels [1, crop, crop, 3]. Alpha is not looked at.
func (p *imageProcessor) process(img *image.NRGBA) *tensor.Tensor {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	size, crop := int(p.Size), int(p.Crop)
	if w <= h {
		img = picture.Resize(img, size, size*h/w)
	} else {
		img = picture.Resize(img, size*w/h, size)
	}
	left, top := (img.Rect.Dx()-crop)/2, (img.Rect.Dy()-crop)/2
	pixels := tensor.New(1, crop, crop, 3)
	x := tensor.Floats(pixels)
	for row := range crop {
		at := img.PixOffset(img.Rect.Min.X+left, img.Rect.Min.Y+top+row)
		for i := range crop {
			for c := range 3 {
				// Rounded to float32 where transformers rounds.
				v := float32(float64(img.Pix[at+4*i+c]) * (1.0 / 255))
				x[c] = (v - p.Mean[c]) / p.Std[c]
			}
			x = x[3:]
		}
	}
	return pixels
}

// shortestSide and squareSide are lengths in pixels: a number, or an object of which kind of length it is.
type (
	shortestSide int
	squareSide   int
)

// UnmarshalJSON implements json.Unmarshaler.
func (s *shortestSide) UnmarshalJSON(data []byte) error {
	return readLength((*int)(s), data, "shortest_edge")
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *squareSide) UnmarshalJSON(data []byte) error {
	return readLength((*int)(s), data, "height", "width")
}

// readLength reads a number, or an object that has it under each of keys and nothing else.
func readLength(to *int, data []byte, keys ...string) error {
	if json.Unmarshal(data, to) == nil {
		return nil
	}
	var object map[string]int
	ok := json.Unmarshal(data, &object) == nil && len(object) == len(keys)
	for _, key := range keys {
		n, there := object[key]
		ok, *to = ok && there && n == object[keys[0]], n
	}
	if !ok {
		return fmt.Errorf("want a number of pixels, or an object of one under %s, got %.80s", strings.Join(keys, " and "), data)
	}
	return nil
}
