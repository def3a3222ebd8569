package sow

import (
	"context"
	"fmt"
	"image"
	"time"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
)

// progress counts a run's work, times its stages and tells the caller.
type progress struct {
	tell        func(Event)
	stage       Stage
	since       time.Time // when the stage began
	started     time.Time
	done, total int64 // latent cells through the UNet
}

// estimate returns the cells that will go through the UNet.
func (r *run) estimate() int64 {
	f := r.vae.Config.Factor()
	whole := int64(r.Height/f) * int64(r.Width/f)
	count := func(all []asked) int64 {
		prompts, _ := r.distinct(all)
		return int64(len(prompts))
	}
	if !r.Method.Cyclic() {
		return whole * int64(r.Steps) * count(r.plainPrompts(r.Negative, r.Guidance))
	}
	invert, cycle, final := count(r.plainPrompts("", r.inversionGuidance())), count(r.maskedPrompts()), count(r.plainPrompts("", r.Guidance))
	total := whole * (int64(r.replace)*final + int64(r.Cycles)*int64(r.back-r.replace)*cycle)
	if r.Start == StartNoise {
		total += whole * int64(r.Steps-r.replace) * final
	} else {
		total += whole * int64(r.replace) * invert
	}
	for _, c := range r.conditions {
		total += int64(c.box.Dx()/f) * int64(c.box.Dy()/f) * int64(r.back) * invert
	}
	return total
}

// count notes an evaluation of the UNet.
func (r *run) count(prompts, cells int) {
	r.report.Evaluations[r.progress.stage] += prompts
	r.progress.done += int64(prompts) * int64(cells)
}

// begin enters a stage.
func (r *run) begin(stage Stage) {
	r.closeStage()
	r.progress.stage, r.progress.since = stage, time.Now()
	r.emit(Event{Stage: stage})
}

func (r *run) closeStage() {
	if r.progress.stage != "" {
		r.report.Seconds[r.progress.stage] += seconds(r.progress.since)
	}
}

// step reports that a node is reached; clean is the picture as it looks from there, nil where there is none.
func (r *run) step(ctx context.Context, cycle, node int, clean *tensor.Tensor) {
	e := Event{Stage: r.progress.stage, Cycle: cycle, Step: node}
	if clean != nil {
		e.Preview = func() (image.Image, error) {
			decoded, err := r.decode(ctx, clean)
			if err != nil {
				return nil, err
			}
			return picture.FromTensor(tensor.Affine(decoded, 2, -1))
		}
	}
	r.emit(e)
}

func (r *run) emit(e Event) {
	if r.progress.tell != nil {
		e.Done, e.Total = r.progress.done, r.progress.total
		r.progress.tell(e)
	}
}

// warn adds a sentence to the report.
func (r *run) warn(format string, args ...any) {
	r.report.Warnings = append(r.report.Warnings, fmt.Sprintf(format, args...))
}
