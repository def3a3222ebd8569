package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// answer is what of a model's reply can be used. A part that is not there is nil.
type answer struct {
	prompt  *caption
	box     *Box
	related *[]Related
}

type caption struct {
	text string
	task Task
}

// over returns the plan of the rules with the parts of a that were asked for.
func (a answer) over(rules Plan, ask Stages, in Input) Plan {
	p := rules
	if a.prompt != nil {
		p.Prompt, p.Task = a.prompt.text, a.prompt.task
	}
	if a.box != nil {
		p.Box = *a.box
		p.Related = grown(p.Box, in)
	}
	if a.related != nil {
		p.Related = *a.related
		for i, r := range p.Related {
			if r.Source != nil { // the model saw the picture, not the canvas
				source := in.Fit(p.Box).inside(*r.Source)
				p.Related[i].Source = &source
			}
		}
		p.Related = necksLast(p.Related, in)
	}
	return p
}

// necksLast returns what grows with the neck behind the body, whose cells it would lose otherwise; without it where there are too many conditions.
func necksLast(related []Related, in Input) []Related {
	isNeck := func(r Related) bool { return r.Label == Neck }
	rest := slices.DeleteFunc(slices.Clone(related), isNeck)
	if in.Count > mostNecks {
		return rest
	}
	return append(rest, slices.DeleteFunc(related, func(r Related) bool { return !isNeck(r) })...)
}

// parseAnswer reads a reply. What it wrongly holds or lacks is left out and named.
func parseAnswer(reply string, ask Stages, in Input) (a answer, wrong faults) {
	var raw struct {
		Prompt  json.RawMessage `json:"prompt"`
		Task    json.RawMessage `json:"task"`
		Box     json.RawMessage `json:"box"`
		Related json.RawMessage `json:"related"`
	}
	if err := decodeObject(reply, &raw); err != nil {
		return a, faults{err.Error()}
	}
	stage := func(on bool, name string, read func() error) {
		if !on {
			return
		}
		if err := read(); err != nil {
			wrong = append(wrong, name+": "+err.Error())
		}
	}
	stage(ask.Prompt, "prompt", func() (err error) { a.prompt, err = parseCaption(raw.Prompt, raw.Task, in); return })
	stage(ask.Place, "box", func() (err error) { a.box, err = parsePlace(raw.Box, in); return })
	stage(ask.Refine, "related", func() (err error) { a.related, err = parseRelated(raw.Related); return })
	return a, wrong
}

// decodeObject reads the first JSON object in a reply: models like to put fences and words around it.
func decodeObject(reply string, to any) error {
	_, rest, ok := strings.Cut(reply, "{")
	if !ok {
		return errors.New("there is no JSON object in it")
	}
	err := json.NewDecoder(strings.NewReader("{" + rest)).Decode(to)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON is cut off")
	}
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return nil
}

func parseCaption(prompt, task json.RawMessage, in Input) (*caption, error) {
	var c caption
	if json.Unmarshal(prompt, &c.text) != nil {
		return nil, errors.New("want a text")
	}
	if c.text = oneLine(c.text, 2000); c.text == "" {
		return nil, errors.New("want a text that is not empty")
	}
	if !fits(c.text, in) {
		return nil, errors.New("the text is too long for the image model: want at most 45 words")
	}
	if json.Unmarshal(task, &c.task) != nil || c.task != Normal && c.task != Attribute && c.task != Style {
		return nil, errors.New("task: want normal, attribute or style")
	}
	return &c, nil
}

// maxWords stands for CLIP's 77 tokens where no tokenizer says how many there are: English has about 1.3 a word.
const maxWords = 55

func fits(caption string, in Input) bool {
	if in.Fits != nil {
		return in.Fits(caption)
	}
	return len(strings.Fields(caption)) <= maxWords
}

// minSide is the smallest place for a condition: below it nothing of a face is left in the latents.
const minSide = 125

func parsePlace(raw json.RawMessage, in Input) (*Box, error) {
	b, err := parseBox(raw)
	if err != nil {
		return nil, err
	}
	// Grown about its middle to the smallest place, then moved inside.
	for i := range 2 {
		if side := b[i+2] - b[i]; side < minSide {
			b[i] = min(max(b[i]-(minSide-side)/2, 0), 1000-minSide)
			b[i+2] = b[i] + minSide
		}
	}
	b = in.Fit(b)
	return &b, nil
}

func parseRelated(raw json.RawMessage) (*[]Related, error) {
	var list []struct {
		Label    string          `json:"label"`
		Box      json.RawMessage `json:"box"`
		Relation *float64        `json:"relation"`
		Source   json.RawMessage `json:"source_box"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, errors.New("want a list of objects with label, box, relation and source_box")
	}
	if len(list) > maxRelated {
		return nil, fmt.Errorf("%d entries: want at most %d", len(list), maxRelated)
	}
	related := make([]Related, 0, len(list))
	for i, r := range list {
		entry := Related{Label: oneLine(r.Label, 40)}
		if entry.Label == "" {
			return nil, fmt.Errorf("entry %d: want a label", i)
		}
		var err error
		if entry.Box, err = parseBox(r.Box); err != nil {
			return nil, fmt.Errorf("entry %d (%s): box: %w", i, entry.Label, err)
		}
		if r.Relation == nil {
			return nil, fmt.Errorf("entry %d (%s): relation: want a number, 0 to 1", i, entry.Label)
		}
		entry.Relation = min(max(*r.Relation, 0), 1)
		if strings.EqualFold(entry.Label, Neck) {
			entry.Label = Neck
		}
		if entry.Source, err = parseSource(r.Source); err != nil {
			return nil, fmt.Errorf("entry %d (%s): source_box: %w", i, entry.Label, err)
		}
		related = append(related, entry)
	}
	return &related, nil
}

// parseSource reads a box that may be missing, null or [0, 0, 0, 0], which are all of the picture.
func parseSource(raw json.RawMessage) (*Box, error) {
	var corners []float64
	if len(raw) == 0 || json.Unmarshal(raw, &corners) == nil && strings.Trim(fmt.Sprint(corners), "[0 ]") == "" {
		return nil, nil
	}
	b, err := parseBox(raw)
	if err != nil {
		return nil, err
	}
	if b == Whole {
		return nil, nil
	}
	return &b, nil
}

// parseBox reads a box, rounded and moved to 0 … 1000.
func parseBox(raw json.RawMessage) (b Box, err error) {
	var corners []float64
	if json.Unmarshal(raw, &corners) != nil || len(corners) != len(b) {
		return b, errors.New("want [ymin, xmin, ymax, xmax], four numbers")
	}
	for i, c := range corners {
		b[i] = int(math.Round(min(max(c, 0), 1000)))
	}
	if !b.Valid() {
		return b, fmt.Errorf("%s is empty: want ymin < ymax and xmin < xmax within 0 to 1000", strings.TrimSpace(oneLine(string(raw), 80)))
	}
	return b, nil
}

// oneLine returns text without anything that is not printable, in single spaces, cut to at most limit runes.
func oneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > limit {
		return strings.TrimSpace(string(runes[:limit-1])) + "…"
	}
	return string(runes)
}
