// Package benchmark carries the built-in model's benchmark: 216 cases, each of 72 drawn heads that were never seen in training with a text in each
// of the paper's three scenarios. All of it is fixed: the same cases in every program.
package benchmark

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
)

// The heads, drawn by sow/builtin/train/benchmark.py.
var (
	//go:embed heads.png
	sheet []byte
	//go:embed heads.json
	list []byte
)

const across, side = 9, 64 // heads in a row of the sheet, and pixels of a head

// head is what a condition looks like.
type head struct {
	Seed                            int
	Skin                            [3]uint8
	Kind, Hair, Hat, Glasses, Beard string
}

// What texts ask for, in the words that the built-in model was trained on (sow/builtin/train/scenes.py).
var (
	shirts = []string{"red", "blue", "green", "yellow", "purple", "white"}
	hairs  = []string{"black", "brown", "blond", "red", "pink"}
	hats   = []string{"red", "blue", "green", "yellow"}
	scenes = []string{"beach", "snowy forest", "city", "meadow", "desert", "mountains", "room"}
	where  = map[string]string{"beach": "on a beach", "mountains": "in the mountains"} // else "in a …"
	times  = []string{"day", "sunset", "night"}
	when   = map[string]string{"day": "by day", "sunset": "at sunset", "night": "at night"}
	styles = []string{"pencil", "watercolour", "pixel"}
	how    = map[string]string{"pencil": "a pencil sketch of ", "watercolour": "a watercolour painting of ", "pixel": "pixel art of "}
)

// Cases returns the benchmark: for each head a normal, an attribute and a style case, so that the first n are spread over all three.
func Cases() ([]*eval.Case, error) {
	var heads []head
	if err := json.Unmarshal(list, &heads); err != nil {
		return nil, fmt.Errorf("benchmark: heads.json: %w", err)
	}
	decoded, err := png.Decode(bytes.NewReader(sheet))
	if err != nil {
		return nil, fmt.Errorf("benchmark: heads.png: %w", err)
	}
	pictures, ok := decoded.(*image.NRGBA)
	if !ok || pictures.Rect.Dx() != across*side || pictures.Rect.Dy() != (len(heads)+across-1)/across*side {
		return nil, fmt.Errorf("benchmark: heads.png: want %d heads of %d pixels, %d in a row", len(heads), side, across)
	}
	var cases []*eval.Case
	for k, h := range heads {
		at := image.Pt(k%across*side, k/across*side)
		cut := pictures.SubImage(image.Rect(0, 0, side, side).Add(at)).(*image.NRGBA)
		mask, err := picture.AlphaMask(cut)
		if err != nil {
			return nil, fmt.Errorf("benchmark: head %d: %w", k, err)
		}
		for s, scenario := range eval.Scenarios {
			c := h.ask(k, scenario)
			c.Name, c.Seed = fmt.Sprintf("%03d-%s", k, scenario), uint64(3*k+s)
			c.Picture, c.Mask = picture.Flatten(cut, 128), mask
			c.Skin = &color.NRGBA{h.Skin[0], h.Skin[1], h.Skin[2], 255}
			c.Digest()
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// ask returns the case of head k in a scenario: all that the text names, beside how the person looks a scene, a shirt and a time, goes round with
// the heads.
func (h head) ask(k int, scenario string) *eval.Case {
	c := &eval.Case{Scenario: scenario, Shows: map[string]string{"kind": h.Kind, "hair": h.Hair, "hat": h.Hat, "glasses": h.Glasses}}
	wanted := h
	if scenario == "attribute" {
		wanted = h.changed(k)
	}
	s := slices.Index(eval.Scenarios, scenario)
	scene, shirt, time := scenes[(k+2*s)%len(scenes)], shirts[(k/2+s)%len(shirts)], times[(k/5+s)%len(times)]
	c.Says = map[string]string{"scene": scene, "time": time, "shirt": shirt, "kind": wanted.Kind, "hair": wanted.Hair}
	if wanted.Hat != "none" {
		c.Says["hat"] = wanted.Hat
	}
	if wanted.Glasses == "yes" {
		c.Says["glasses"] = "yes"
	}
	c.Prompt = wanted.describe(shirt) + " " + place(scene) + " " + when[time]
	if scenario == "style" {
		style := styles[k%len(styles)]
		c.Prompt = how[style] + c.Prompt
		c.Says["style"] = style
		if style == "pencil" { // has no colours
			delete(c.Says, "shirt")
			delete(c.Says, "hair")
			delete(c.Says, "hat")
		}
	}
	return c
}

// changed returns the head with one thing about it as the text wants it otherwise: glasses, a hat or the hair's colour, in turn.
func (h head) changed(k int) head {
	switch k % 3 {
	case 0:
		if h.Glasses == "no" {
			h.Glasses = "yes"
			return h
		}
	case 1:
		h.Hat = next(hats, h.Hat, k)
		return h
	}
	h.Hair = next(hairs, h.Hair, k)
	return h
}

// next returns one of the words that is not the given one.
func next(words []string, not string, k int) string {
	i := k / 3 % len(words)
	if words[i] == not {
		i = (i + 1) % len(words)
	}
	return words[i]
}

// describe says in words what the person looks like.
func (h head) describe(shirt string) string {
	has := []string{h.Hair + " hair"}
	if h.Hat != "none" {
		has = append(has, "a "+h.Hat+" hat")
	}
	if h.Glasses == "yes" {
		has = append(has, "glasses")
	}
	if h.Beard == "yes" {
		has = append(has, "a beard")
	}
	text := has[len(has)-1]
	if len(has) > 1 {
		text = strings.Join(has[:len(has)-1], ", ") + " and " + text
	}
	return fmt.Sprintf("a %s with %s wearing a %s shirt", h.Kind, text, shirt)
}

func place(scene string) string {
	if words, ok := where[scene]; ok {
		return words
	}
	return "in a " + scene
}
