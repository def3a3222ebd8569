package sow

import (
	"context"
	"encoding/json"
	"image"
	"math"
	"runtime/debug"
	"time"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
)

// Report is what a run did and how well it kept the condition.
type Report struct {
	Model     string           `json:"model"`
	Version   string           `json:"version"` // of this library
	Method    Method           `json:"method"`
	Seed      uint64           `json:"seed"`
	Width     int              `json:"width"`
	Height    int              `json:"height"`
	Params    Params           `json:"params"`
	Precision tensor.Precision `json:"precision"`        // of the networks' products
	Placed    [][4]int         `json:"placed,omitempty"` // where each condition went: x, y, width, height in pixels
	Kept      *Kept            `json:"kept,omitempty"`   // nil without a condition
	Warnings  []string         `json:"warnings,omitempty"`

	Memory      Memory            `json:"memory"`
	Evaluations map[Stage]int     `json:"evaluations"` // of the UNet, by stage, each prompt counted
	Seconds     map[Stage]float64 `json:"seconds"`     // wall time, by stage
	Total       float64           `json:"total_seconds"`
}

// Kept says how well the kept region came through, against the condition.
type Kept struct {
	Decoded Decibel `json:"psnr_decoded"` // PSNR as the VAE decodes it, before the blend
	Ceiling Decibel `json:"psnr_ceiling"` // PSNR of the condition merely encoded and decoded: what the former can reach
	After   Decibel `json:"psnr"`         // PSNR in the finished picture; inf: every byte is the condition's
}

// Decibel is a ratio that may be infinite; JSON has no word for that, so it is "inf" there.
type Decibel float64

// MarshalJSON implements json.Marshaler.
func (d Decibel) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(d), 1) {
		return []byte(`"inf"`), nil
	}
	return json.Marshal(math.Round(float64(d)*1000) / 1000)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Decibel) UnmarshalJSON(data []byte) error {
	if string(data) == `"inf"` {
		*d = Decibel(math.Inf(1))
		return nil
	}
	return json.Unmarshal(data, (*float64)(d))
}

func precisionOf(e tensor.Engine) tensor.Precision {
	switch e := e.(type) {
	case tensor.CPU:
		return e.Precision
	case interface{ Precision() tensor.Precision }:
		return e.Precision()
	}
	return tensor.F32
}

// roundTrip notes what the VAE alone makes of a condition.
func (r *run) roundTrip(ctx context.Context, c *placed, mean *tensor.Tensor) error {
	decoded, err := r.decode(ctx, mean)
	if err != nil {
		return err
	}
	img, err := picture.FromTensor(tensor.Affine(decoded, 2, -1))
	if err != nil {
		return err
	}
	r.returned = append(r.returned, &placed{box: c.box, seed: img, mask: c.mask})
	return nil
}

// blend notes how well the decoded picture kept the conditions, lays their own pixels back as asked, and notes that too.
func (r *run) blend(img *image.NRGBA) (*image.NRGBA, error) {
	if len(r.conditions) == 0 {
		return img, nil
	}
	whole, mask := canvas(r.Width, r.Height, grey, r.conditions)
	r.report.Kept.Decoded = Decibel(picture.PSNR(img, whole, mask))
	blended, err := r.Blend.Apply(img, whole, mask, image.Point{})
	if err != nil {
		return nil, err
	}
	r.report.Kept.After = Decibel(picture.PSNR(blended, whole, mask))
	return blended, nil
}

// Version is this library's version as the Go toolchain recorded it in the running program.
func Version() string {
	const module = "github.com/sowgen/sowgen"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}

// seconds since t, to the millisecond.
func seconds(t time.Time) float64 { return math.Round(time.Since(t).Seconds()*1000) / 1000 }
