package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/face"
)

// onFace stands for a mask that is made of a face found on the condition.
const onFace = "face"

// keptFace is which face of a picture is the condition.
type keptFace struct {
	Found  int        `json:"found"` // how many there are; of 0, all of the picture is the condition
	Index  int        `json:"index,omitempty"`
	Mask   face.Shape `json:"mask,omitempty"`
	Square []int      `json:"square,omitempty"` // what is cut out of the picture: x, y, width, height
	At     *foundFace `json:"at,omitempty"`
}

// cutFace makes a condition of the face on its picture, if one is wanted; else it returns nil.
func (g *generate) cutFace(c *sow.Condition, condition int) (*keptFace, error) {
	index := g.indexOf(condition)
	// A cut-out says itself what is kept of it.
	if wanted := g.maskOf(condition) == onFace || index > 0; !wanted && (len(g.masks) > 0 || !c.Picture.Opaque()) {
		return nil, nil
	}
	file, faces := g.conditions[condition], face.Detect(c.Picture)
	switch {
	case index > len(faces):
		return nil, wrongFlag("face-index", index, fmt.Sprintf("%s on %s", count(len(faces), "face is", "faces are"), file))
	case len(faces) == 0:
		g.note("no face is found on %s: all of it is the condition", file)
		return &keptFace{}, nil
	case len(faces) > 1 && index == 0:
		g.note("%d faces are on %s: the largest is the condition; --face-index takes another", len(faces), file)
	}
	index = max(index, 1)
	f := &faces[index-1]
	square := f.Square(c.Picture.Bounds())
	c.Picture, c.Mask = f.Cut(c.Picture, g.faceMask)
	return &keptFace{len(faces), index, g.faceMask, xywh(square), describe(f)}, nil
}

// maskOf returns what was asked for as a condition's mask, "" if nothing was.
func (g *generate) maskOf(condition int) string {
	if condition < len(g.masks) {
		return g.masks[condition]
	}
	return ""
}

// indexOf returns which face of a condition was asked for, 0 if none was.
func (g *generate) indexOf(condition int) int {
	if condition < len(g.faceIndex) {
		return g.faceIndex[condition]
	}
	return 0
}

// checkFaces reports flags about faces for conditions that have another mask.
func (g *generate) checkFaces() error {
	other := 0
	for i := range g.conditions {
		mask := g.maskOf(i)
		if mask == "" || mask == onFace {
			continue
		}
		if g.indexOf(i) > 0 {
			return wrongFlag("face-index", g.indexOf(i), fmt.Sprintf("it is about --mask %s, and %s has --mask %s", onFace, g.conditions[i], mask))
		}
		other++
	}
	if g.changed("face-mask") && other == len(g.conditions) {
		return wrongFlag("face-mask", g.faceMask, fmt.Sprintf("it is about --mask %s", onFace))
	}
	return nil
}

// note keeps what a person should hear in the end, and --json has in figures.
func (g *generate) note(format string, args ...any) {
	g.notes = append(g.notes, fmt.Sprintf(format, args...))
}

func (g *generate) showNotes() {
	for _, n := range g.notes {
		g.complain("note: %s", n)
	}
}

// count says how many there are.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// facesValue is the number of a face, once for each condition.
type facesValue struct{ indices *[]int }

func (v facesValue) String() string {
	if v.indices == nil {
		return ""
	}
	return strings.Trim(fmt.Sprint(*v.indices), "[]")
}
func (v facesValue) Type() string { return "N" }

func (v facesValue) Set(s string) error {
	n := 0
	if s != auto {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 || n > maxFaces {
			return errors.New("want 1, 2, … for the largest face, the second largest, …, or " + auto)
		}
	}
	*v.indices = append(*v.indices, n)
	return nil
}

// maxFaces bounds --face-index.
const maxFaces = 1000
