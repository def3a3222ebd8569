package plan

import (
	"fmt"
	"strings"
)

// Stages says which of SOW's three planning stages (§3) a planner asks its model for. One that is off gets the answer of [Offline].
type Stages struct {
	Prompt bool // prompt intensification: the caption, and the task
	Place  bool // adaptive positioning: the box of the condition
	Refine bool // contextual refinement: what must grow out of it
}

// AllStages is the whole of SOW's planner.
var AllStages = Stages{Prompt: true, Place: true, Refine: true}

// ParseStages reads a list such as "prompt,place,refine"; "none" is no stage.
func ParseStages(list string) (s Stages, err error) {
	if list == "none" {
		return s, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		switch strings.TrimSpace(word) {
		case "prompt":
			s.Prompt = true
		case "place":
			s.Place = true
		case "refine":
			s.Refine = true
		default:
			return Stages{}, fmt.Errorf("%q: want some of prompt, place, refine with commas between them, or none", word)
		}
	}
	return s, nil
}

// String is the list that [ParseStages] reads.
func (s Stages) String() string {
	var words []string
	for _, stage := range []struct {
		on   bool
		name string
	}{{s.Prompt, "prompt"}, {s.Place, "place"}, {s.Refine, "refine"}} {
		if stage.on {
			words = append(words, stage.name)
		}
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ",")
}
