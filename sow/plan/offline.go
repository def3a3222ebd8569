package plan

import (
	"context"
	"strings"
	"unicode"
)

// Offline plans by rules, without a network. The prompt stays as it is. The condition goes to COW's default place, half the canvas wide
// and high at the middle of the top, moved and sized by the words below; the task goes by words too. What must grow out of it is everything under
// the face, 1.5 face widths to either side of it, and the neck, which takes after the middle of the face: skin, as a rule, and no hair. Several
// conditions stand side by side, each with what grows out of it in a column of its own. These rules are ours, not the paper's, which asks a
// language model.
type Offline struct{}

// wordings name the rules of placing: the first of each list that the prompt contains wins.
var (
	places = []struct {
		words []string
		x     int // of the middle of the box, in thousandths
	}{
		{[]string{"on the left", "at the left", "left side", "to the left"}, 300},
		{[]string{"on the right", "at the right", "right side", "to the right"}, 700},
	}
	distances = []struct {
		words []string
		side  int // of the box, in thousandths
	}{
		{[]string{"close-up", "close up", "closeup", "portrait of", "headshot"}, 625},
		{[]string{"far away", "from afar", "in the distance", "full body", "full-body", "wide shot"}, 375},
	}
	styles = []string{"painting", "watercolour", "watercolor", "sketch", "drawing", "pencil", "cartoon", "comic", "anime", "pixel", "oil on canvas", "sculpture", "mosaic", "woodcut",
		"engraving", "in the style of"}
	// Only words that ask for a change: who has glasses or is old may be so on the condition already, which rules do not see.
	edits = []string{"add", "added", "remove", "removed", "instead of", "turned into", "dyed", "now has", "now wearing", "now with", "make him", "make her", "make them", "change his",
		"change her", "change their", "looks older", "looks younger"}
)

// Plan implements [Planner].
func (Offline) Plan(_ context.Context, in Input) (Plan, error) {
	words := normalise(in.Prompt)
	side, middle := 500, 500
	for _, d := range distances {
		if mentions(words, d.words) {
			side = d.side
			break
		}
	}
	for _, p := range places {
		if mentions(words, p.words) {
			middle = p.x
			break
		}
	}
	if n := in.Count; n > 1 {
		side, middle = min(side, 1000/n), (2*in.Number-1)*500/n
	}
	left := min(max(middle-side/2, 0), 1000-side)
	p := Plan{Prompt: in.Prompt, Task: Normal, Box: Box{0, left, side, left + side}}
	if in.Box != nil {
		p.Box = *in.Box
	}
	switch {
	case mentions(words, styles):
		p.Task = Style
	case mentions(words, edits):
		p.Task = Attribute
	}
	p.Related = grown(p.Box, in)
	return p, nil
}

// column is where what grows out of a condition may be: everywhere or, with several conditions, no farther to the sides than half way to where
// the next would stand.
func (in *Input) column(face Box) (left, right int) {
	if in.Count < 2 {
		return 0, 1000
	}
	half := 500 / in.Count
	middle := (face[1] + face[3]) / 2
	return max(middle-half, 0), min(middle+half, 1000)
}

// mostNecks is how many conditions are given a neck of their own: the attention tells 16 parts of the canvas apart, and each condition with a neck
// is five.
const mostNecks = 3

// grown returns what must grow out of the face of a condition in that box. Of boxes that overlap the later has the cells.
func grown(box Box, in Input) []Related {
	face := box.inside(in.Face)
	reach := (face[3] - face[1]) * 3 / 2
	left, right := in.column(face)
	var related []Related
	if face[2] < 1000 {
		related = append(related, Related{Label: "body", Box: Box{face[2], left, 1000, right}, Relation: 1})
	}
	sides := Box{face[0], max(face[1]-reach, left), face[2], min(face[3]+reach, right)}
	related = append(related, Related{Label: "hair and shoulders", Box: sides, Relation: 1})
	if face[2] < 1000 && in.Count <= mostNecks {
		related = append(related, neck(face, box))
	}
	return related
}

// Neck is what a plan calls the neck, which takes after the face's skin more than the rest of a body takes after a face.
const Neck = "neck"

// neck is what lies under the jaw of a face, from the middle of its height to two sevenths of it below the chin. Hair may reach farther down than
// the chin, so that it goes no more than an eighth of the box's height below that.
func neck(face, box Box) Related {
	h, w := face[2]-face[0], face[3]-face[1]
	left, right := face[1]+w/5, face[3]-w/5
	bottom := min(face[2]+2*h/7, box[2]+(box[2]-box[0])/8, 1000)
	middle := Box{face[0] + 3*h/8, left, face[2] - h/12, right}
	return Related{Label: Neck, Box: Box{face[0] + h/2, left, bottom, right}, Relation: 1, Source: &middle}
}

// inside returns part, which is in thousandths of b, in thousandths of the canvas.
func (b Box) inside(part Box) Box {
	h, w := b[2]-b[0], b[3]-b[1]
	out := Box{b[0] + h*part[0]/1000, b[1] + w*part[1]/1000, b[0] + h*part[2]/1000, b[1] + w*part[3]/1000}
	out[2], out[3] = max(out[2], out[0]+1), max(out[3], out[1]+1)
	return out
}

// normalise returns text in lower case, in single spaces, with a space at both ends, so that words can be looked up whole.
func normalise(text string) string {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) && r != '-'
	})
	return " " + strings.Join(fields, " ") + " "
}

func mentions(words string, list []string) bool {
	for _, w := range list {
		if strings.Contains(words, " "+w+" ") {
			return true
		}
	}
	return false
}
