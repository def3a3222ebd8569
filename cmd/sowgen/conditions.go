package main

import (
	"errors"
	"fmt"
	"image"
	"strings"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
)

// auto stands for a mask or a box that is not given, before one that is.
const auto = "auto"

// inputs is what a picture was made from, for those who want to repeat it.
type inputs struct {
	Conditions []inputCondition `json:"conditions,omitempty"`
}

type inputCondition struct {
	inputFile
	Mask *inputFile `json:"mask,omitempty"`
	Keep string     `json:"keep,omitempty"`
	Box  []int      `json:"box,omitempty"` // as asked for: x, y, width, height
}

// readConditions reads the conditions: the first --mask and --box are those of the first, the second of the second.
func (g *generate) readConditions() (conditions []sow.Condition, in []inputCondition, err error) {
	for i, file := range g.conditions {
		var c sow.Condition
		var from inputCondition
		if c.Picture, err = picture.Read(file); err != nil {
			return nil, nil, err
		}
		read, err := fingerprint(file)
		if err != nil {
			return nil, nil, err
		}
		from.inputFile = *read
		if mask := g.maskOf(i); mask != "" {
			if c.Mask, err = picture.ReadMask(mask, g.keep == "white"); err != nil {
				return nil, nil, err
			}
			if m, p := c.Mask.Bounds().Size(), c.Picture.Bounds().Size(); m != p {
				return nil, nil, wrongFlag("mask", mask, fmt.Sprintf("it is %dx%d, want %dx%d, the size of %s", m.X, m.Y, p.X, p.Y, file))
			}
			if from.Mask, err = fingerprint(mask); err != nil {
				return nil, nil, err
			}
			from.Keep = g.keep
		}
		if i < len(g.boxes) && !g.boxes[i].Empty() {
			c.Box = g.boxes[i]
			from.Box = []int{c.Box.Min.X, c.Box.Min.Y, c.Box.Dx(), c.Box.Dy()}
		}
		conditions, in = append(conditions, c), append(in, from)
	}
	return conditions, in, nil
}

// maskOf returns the file of a condition's mask, "" if it has none.
func (g *generate) maskOf(condition int) string {
	if condition >= len(g.masks) || g.masks[condition] == auto {
		return ""
	}
	return g.masks[condition]
}

// checkConditions reports masks and boxes of which it is not clear whose they are: there is none, or one for each condition.
func (g *generate) checkConditions() error {
	for _, given := range []struct {
		flag string
		n    int
	}{{"mask", len(g.masks)}, {"box", len(g.boxes)}} {
		if want := len(g.conditions); given.n != 0 && given.n != want {
			return wrongFlag(given.flag, fmt.Sprintf("(given %d times)", given.n), fmt.Sprintf("want one for each --condition, which is given %d times, in the same order; %s for one without", want, auto))
		}
	}
	for _, mask := range g.masks {
		if mask == "" {
			return wrongFlag("mask", `""`, "want a path, or "+auto)
		}
	}
	return nil
}

// boxesValue is x,y,w,h, once for each condition.
type boxesValue struct{ boxes *[]image.Rectangle }

func (v boxesValue) String() string {
	if v.boxes == nil {
		return ""
	}
	var words []string
	for _, b := range *v.boxes {
		word := auto
		if !b.Empty() {
			word = fmt.Sprintf("%d,%d,%d,%d", b.Min.X, b.Min.Y, b.Dx(), b.Dy())
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
func (v boxesValue) Type() string { return "x,y,w,h" }

func (v boxesValue) Set(s string) error {
	if s == auto {
		*v.boxes = append(*v.boxes, image.Rectangle{})
		return nil
	}
	n, err := numbers(strings.Split(s, ","))
	if err != nil || len(n) != 4 {
		return errors.New("want x,y,width,height in pixels of the canvas, such as 128,0,256,256")
	}
	if n[2] < 1 || n[3] < 1 {
		return fmt.Errorf("a box of %dx%d is empty: want a width and a height of at least 1", n[2], n[3])
	}
	*v.boxes = append(*v.boxes, image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3]))
	return nil
}
