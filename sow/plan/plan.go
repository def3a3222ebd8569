// Package plan says how a picture is to grow: what the prompt is, where the condition goes on the canvas, what must grow out of it and how
// strongly. A [Planner] makes a [Plan] before any diffusion; [Offline] is rules without a network, [Vision] asks a model that sees,
// [ReadFile] replays a plan.json that a person may have edited.
//
// Coordinates are those vision models speak: boxes [ymin, xmin, ymax, xmax] in thousandths of the canvas.
package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"github.com/sowgen/sowgen/internal/bounded"
)

// Planner makes plans.
type Planner interface {
	Plan(ctx context.Context, in Input) (Plan, error)
}

// Input is what a planner is given.
type Input struct {
	Prompt        string
	Width, Height int // of the canvas, in pixels
	// Face is the part of the condition that is kept, within its own picture: [ymin, xmin, ymax, xmax] in thousandths of the box. The
	// whole picture, [0 0 1000 1000], if nothing is masked away.
	Face Box
	// Box is where the user put the condition; nil leaves the choice to the planner.
	Box *Box
	// Picture is the condition, with what is not kept of it in grey. Planners that do not look may be given nil.
	Picture image.Image
	// Number of Count: which of several conditions it is, from 1. Planners are asked once for each; the caption and the task are those of the
	// first answer. 0 of 0 is 1 of 1.
	Number, Count int
	// Fits tells whether the text encoder sees all of a caption; nil: planners go by the number of words.
	Fits func(caption string) bool
}

// Fit returns the box of about b's area and middle, and b's upper edge, that has the proportions of the picture and lies on the canvas:
// where a condition planned at b will be, up to the snapping to the VAE's factor.
func (in *Input) Fit(b Box) Box {
	if in.Picture == nil || in.Width < 1 || in.Height < 1 || in.Picture.Bounds().Empty() {
		return b
	}
	size := in.Picture.Bounds().Size()
	// Of the picture, in thousandths of the canvas each way.
	ratio := float64(size.X) * float64(in.Height) / (float64(size.Y) * float64(in.Width))
	w := math.Sqrt(float64((b[2]-b[0])*(b[3]-b[1])) * ratio)
	h := w / ratio
	shrink := min(1, 1000/w, 1000/h)
	wi, hi := max(int(math.Round(w*shrink)), 1), max(int(math.Round(h*shrink)), 1)
	left := min(max((b[1]+b[3]-wi)/2, 0), 1000-wi)
	top := min(b[0], 1000-hi)
	return Box{top, left, top + hi, left + wi}
}

// Plan is what a planner decided.
type Plan struct {
	Prompt  string    `json:"prompt"`
	Task    Task      `json:"task"`
	Box     Box       `json:"box"` // where the condition goes
	Related []Related `json:"related,omitempty"`
	Others  []Place   `json:"others,omitempty"` // of the second condition and those after it

	Warnings []string `json:"-"` // what the user should hear about how it was made
}

// Place is where a condition goes and what must grow out of it.
type Place struct {
	Box     Box       `json:"box"`
	Related []Related `json:"related,omitempty"`
}

// Places returns the places of all conditions, in order.
func (p *Plan) Places() []Place { return append([]Place{{p.Box, p.Related}}, p.Others...) }

// maxOthers bounds a plan: with more conditions their regions could not be told apart (tensor.MaxRegions).
const maxOthers = 4

// Task is what kind of picture is asked for.
type Task string

// The tasks of the paper (§4.1).
const (
	Normal    Task = "normal"
	Attribute Task = "attribute" // the text changes something about the person
	Style     Task = "style"     // the text names another medium
)

// Tasks are all of them.
var Tasks = []Task{Normal, Attribute, Style}

// Related is a part of the canvas that must grow out of the condition: a body, hair, a held object.
type Related struct {
	Label    string  `json:"label"`
	Box      Box     `json:"box"`
	Relation float64 `json:"relation"`             // 0 … 1: how strongly it takes after the condition
	Source   *Box    `json:"source_box,omitempty"` // which part of the condition it takes after, on the canvas; nil: all of it
}

// Box is [ymin, xmin, ymax, xmax] in thousandths.
type Box [4]int

// Valid reports whether b has an area and lies in 0 … 1000.
func (b Box) Valid() bool {
	return b[0] >= 0 && b[1] >= 0 && b[2] <= 1000 && b[3] <= 1000 && b[0] < b[2] && b[1] < b[3]
}

// UnmarshalJSON implements json.Unmarshaler: exactly four whole numbers.
func (b *Box) UnmarshalJSON(data []byte) error {
	var list []int
	if err := json.Unmarshal(data, &list); err != nil || len(list) != len(b) {
		return errors.New("box: want [ymin, xmin, ymax, xmax] in whole thousandths")
	}
	copy(b[:], list)
	return nil
}

// Whole is the box of everything.
var Whole = Box{0, 0, 1000, 1000}

// maxRelated bounds a plan: regions are few (tensor.MaxRegions).
const maxRelated = 6

// Validate reports the first thing about p that cannot be carried out.
func (p *Plan) Validate() error {
	switch p.Task {
	case "", Normal, Attribute, Style:
	default:
		return fmt.Errorf("task %q: want normal, attribute or style", p.Task)
	}
	if len(p.Others) > maxOthers {
		return fmt.Errorf("%d others, want at most %d", len(p.Others), maxOthers)
	}
	for i, place := range p.Places() {
		if err := place.validate(); err != nil && i > 0 {
			return fmt.Errorf("others %d: %w", i-1, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (p *Place) validate() error {
	if !p.Box.Valid() {
		return fmt.Errorf("box %v: want [ymin, xmin, ymax, xmax] with 0 ≤ min < max ≤ 1000", p.Box)
	}
	if len(p.Related) > maxRelated {
		return fmt.Errorf("%d related regions, want at most %d", len(p.Related), maxRelated)
	}
	for i, r := range p.Related {
		if !r.Box.Valid() {
			return fmt.Errorf("related %d (%s): box %v: want [ymin, xmin, ymax, xmax] with 0 ≤ min < max ≤ 1000", i, r.Label, r.Box)
		}
		if r.Source != nil && !r.Source.Valid() {
			return fmt.Errorf("related %d (%s): source_box %v: want [ymin, xmin, ymax, xmax] with 0 ≤ min < max ≤ 1000", i, r.Label, *r.Source)
		}
		if !(r.Relation >= 0 && r.Relation <= 1) {
			return fmt.Errorf("related %d (%s): relation %g: want 0 … 1", i, r.Label, r.Relation)
		}
	}
	return nil
}

// maxFile bounds a plan file.
const maxFile = 1 << 20

// ReadFile reads a plan.json.
func ReadFile(path string) (*Plan, error) {
	data, err := bounded.ReadFile(path, maxFile, "a plan")
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("plan: %s: %w", path, err)
	}
	return p, nil
}

// Parse reads a plan from JSON. Unknown keys are refused: a misspelt one would be silently ignored otherwise.
func Parse(data []byte) (*Plan, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	p := &Plan{Task: Normal}
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("want a plan as --save-plan writes it: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind the plan's closing brace")
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Replay is a planner that always answers with this plan.
type Replay struct{ Recorded Plan }

// Plan implements [Planner]. An empty prompt in the recording means the user's own. For each of several conditions it answers with its place.
func (r Replay) Plan(_ context.Context, in Input) (Plan, error) {
	p, places := r.Recorded, r.Recorded.Places()
	if number, count := max(in.Number, 1), max(in.Count, 1); count != len(places) {
		return Plan{}, fmt.Errorf("the plan places %d conditions, there are %d", len(places), count)
	} else {
		p.Box, p.Related, p.Others = places[number-1].Box, places[number-1].Related, nil
	}
	if p.Prompt == "" {
		p.Prompt = in.Prompt
	}
	return p, nil
}
