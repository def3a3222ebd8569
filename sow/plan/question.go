package plan

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"strings"

	"golang.org/x/image/draw"
)

// PromptVersion counts the versions of the texts in prompts/. Who edits one raises it.
const PromptVersion = 2

//go:embed prompts/*.txt
var prompts embed.FS

// instruction returns a text of prompts/.
func instruction(name string) string {
	text, err := prompts.ReadFile("prompts/" + name + ".txt")
	if err != nil {
		panic(err) // it is embedded
	}
	return strings.TrimSpace(string(text))
}

// question puts what is known about a picture, and the stages that are asked for, into words. box is where the condition goes if the place
// is not asked for.
func question(in Input, ask Stages, box Box) (Question, error) {
	parts := []string{instruction("system")}
	answer := object()
	if ask.Prompt {
		parts = append(parts, instruction("prompt"))
		answer.add("prompt", &Schema{Type: "string"}).add("task", &Schema{Type: "string", Enum: []string{string(Normal), string(Attribute), string(Style)}})
	}
	if ask.Place {
		parts = append(parts, instruction("place"))
		answer.add("box", boxSchema())
	}
	if ask.Refine {
		parts = append(parts, instruction("refine"))
		related := object().add("label", &Schema{Type: "string"}).add("box", boxSchema()).
			add("relation", &Schema{Type: "number"}).add("source_box", boxSchema())
		answer.add("related", &Schema{Type: "array", Items: related, MaxItems: maxRelated})
	}
	q := Question{System: strings.Join(parts, "\n\n"), Schema: answer}
	var text strings.Builder
	quoted, err := json.Marshal(in.Prompt)
	if err != nil {
		return Question{}, err
	}
	fmt.Fprintf(&text, "The user's text: %s\nThe canvas: %d wide, %d high.\n", quoted, in.Width, in.Height)
	if in.Picture != nil {
		if q.Picture, err = encodePicture(in.Picture); err != nil {
			return Question{}, err
		}
		size := in.Picture.Bounds().Size()
		fmt.Fprintf(&text, "The given picture: width to height %.2f", float64(size.X)/float64(size.Y))
		if in.Face != Whole {
			fmt.Fprintf(&text, "; what is kept of it lies within %v, in thousandths of it", list(in.Face))
		}
		text.WriteString(".\n")
	}
	if in.Count > 1 {
		fmt.Fprintf(&text, "It is number %d of %d given pictures on one canvas; this is about it alone.\n", in.Number, in.Count)
	}
	if !ask.Place {
		fmt.Fprintf(&text, "The given picture goes to %v on the canvas; that is settled.\n", list(in.Fit(box)))
	}
	q.Text = strings.TrimSpace(text.String())
	return q, nil
}

// list writes a box as the models are asked to.
func list(b Box) string { return strings.ReplaceAll(fmt.Sprint([4]int(b)), " ", ", ") }

// pictureSide is the longer side of the picture that is sent: enough to see a face by, and one tile for most models.
const pictureSide = 512

// encodePicture returns a JPEG of at most pictureSide on a side; what is transparent is grey.
func encodePicture(img image.Image) ([]byte, error) {
	size := img.Bounds().Size()
	if size.X < 1 || size.Y < 1 {
		return nil, fmt.Errorf("the condition is empty")
	}
	shrink := min(1, pictureSide/float64(max(size.X, size.Y)))
	side := func(n int) int { return max(1, int(math.Round(float64(n)*shrink))) }
	small := image.NewRGBA(image.Rect(0, 0, side(size.X), side(size.Y)))
	draw.Draw(small, small.Rect, image.NewUniform(color.Gray{128}), image.Point{}, draw.Src)
	draw.BiLinear.Scale(small, small.Rect, img, img.Bounds(), draw.Over, nil)
	var b bytes.Buffer
	err := jpeg.Encode(&b, small, &jpeg.Options{Quality: 90})
	return b.Bytes(), err
}

// Schema is the part of JSON Schema that every model's server understands.
type Schema struct {
	Type       string             `json:"type"` // object, array, string, integer or number
	Enum       []string           `json:"enum,omitempty"`
	Items      *Schema            `json:"items,omitempty"` // of an array
	MinItems   int                `json:"minItems,omitempty"`
	MaxItems   int                `json:"maxItems,omitempty"`
	Properties map[string]*Schema `json:"properties,omitempty"` // of an object
	Required   []string           `json:"required,omitempty"`   // all of them, in the order of asking
	Closed     *bool              `json:"additionalProperties,omitempty"`
}

func object() *Schema {
	return &Schema{Type: "object", Properties: map[string]*Schema{}, Closed: new(bool)}
}

func (s *Schema) add(name string, property *Schema) *Schema {
	s.Properties[name], s.Required = property, append(s.Required, name)
	return s
}

func boxSchema() *Schema {
	return &Schema{Type: "array", Items: &Schema{Type: "integer"}, MinItems: 4, MaxItems: 4}
}
