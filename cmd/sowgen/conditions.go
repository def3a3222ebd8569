package main

import (
	"errors"
	"fmt"
	"image"
	"math"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/face"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
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
	Face *keptFace  `json:"face,omitempty"` // if its mask is that of a face on it
	Box  []int      `json:"box,omitempty"`  // as asked for: x, y, width, height
}

// addConditionFlags adds the flags that say what is kept, and where it goes.
func (g *generate) addConditionFlags(fs *pflag.FlagSet) {
	g.keep, g.faceMask = "white", face.Ellipse
	fs.StringArrayVar(&g.conditions, "condition", nil, "`PICTURE` to keep (PNG, JPEG, WebP, …); --face is the same; once for each of several")
	fs.StringArrayVar(&g.masks, "mask", nil, "`PICTURE` of the condition's size that says which part of it is kept; auto: what is not transparent; face: of a square about the face found on it, the face. Without it: auto for a cut-out, else face")
	fs.Var(choice[string]{&g.keep, []string{"white", "black"}}, "keep", "which colour of the mask is kept")
	fs.Var(choice[face.Shape]{&g.faceMask, []face.Shape{face.Ellipse, face.Box}}, "face-mask", "what is kept of a face that is found")
	fs.Var(facesValue{&g.faceIndex}, "face-index", "which of several faces, as sowgen face numbers them: 1 is the largest")
	fs.Var(boxesValue{&g.boxes}, "box", "where the condition goes on the canvas, in pixels, whatever is planned; snaps to multiples of 8; or whole")
}

// addTaskFlag adds the flag that settles the task.
func (g *generate) addTaskFlag(fs *pflag.FlagSet) {
	fs.Var(choice[plan.Task]{&g.task, plan.Tasks}, "task", "keep the condition as it is, or let the text change something about it, or how all is drawn; as planned if not given")
}

// whole stands for a box of the whole canvas, whose size is the model's to say.
const whole = "whole"

var wholeCanvas = image.Rect(0, 0, math.MaxInt32, math.MaxInt32)

// coverCanvas gives the canvas's size to every condition whose box it is.
func coverCanvas(request *sow.Request, in *inputs, width, height int) {
	for i := range request.Conditions {
		if c := &request.Conditions[i]; c.Box == wholeCanvas {
			c.Box = image.Rect(0, 0, width, height)
			in.Conditions[i].Box = xywh(c.Box)
		}
	}
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
		if found, err := g.cutFace(&c, i); err != nil {
			return nil, nil, err
		} else {
			from.Face = found
		}
		if mask := g.maskFile(i); mask != "" {
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
			from.Box = xywh(c.Box)
		}
		conditions, in = append(conditions, c), append(in, from)
	}
	return conditions, in, nil
}

// maskFile returns the file of a condition's mask, "" if it has none.
func (g *generate) maskFile(condition int) string {
	if condition >= len(g.masks) || g.masks[condition] == auto || g.masks[condition] == onFace {
		return ""
	}
	return g.masks[condition]
}

// checkConditions reports masks and boxes of which it is not clear whose they are: there is none, or one for each condition.
func (g *generate) checkConditions() error {
	for _, given := range []struct {
		flag string
		n    int
	}{{"mask", len(g.masks)}, {"face-index", len(g.faceIndex)}, {"box", len(g.boxes)}} {
		if want := len(g.conditions); given.n != 0 && given.n != want {
			return wrongFlag(given.flag, fmt.Sprintf("(given %d times)", given.n), fmt.Sprintf("want one for each --condition, which is given %d times, in the same order; %s for one without", want, auto))
		}
	}
	for _, mask := range g.masks {
		if mask == "" {
			return wrongFlag("mask", `""`, "want a path, "+auto+" or "+onFace)
		}
	}
	return g.checkFaces()
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
		if b == wholeCanvas {
			word = whole
		} else if !b.Empty() {
			word = fmt.Sprintf("%d,%d,%d,%d", b.Min.X, b.Min.Y, b.Dx(), b.Dy())
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
func (v boxesValue) Type() string { return "x,y,w,h" }

func (v boxesValue) Set(s string) error {
	if s == auto || s == whole {
		*v.boxes = append(*v.boxes, map[string]image.Rectangle{whole: wholeCanvas}[s])
		return nil
	}
	n, err := numbers(strings.Split(s, ","))
	if err != nil || len(n) != 4 {
		return errors.New("want x,y,width,height in pixels of the canvas, such as 128,0,256,256, or whole")
	}
	if n[2] < 1 || n[3] < 1 {
		return fmt.Errorf("a box of %dx%d is empty: want a width and a height of at least 1", n[2], n[3])
	}
	*v.boxes = append(*v.boxes, image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3]))
	return nil
}
