//go:build ignore

// Pictures draws hero.png, compare.png and two-people.png with the built-in model:
//
//	go run docs/images/pictures.go
package main

import (
	"context"
	"image"
	"image/color"
	"log"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
)

// given is a face and the texts to grow it by.
type given struct {
	face    string
	prompts []string
	seeds   []uint64
}

var gallery = []given{
	{"face", []string{"a girl with a red hat in a snowy forest", "a girl with a red hat wearing a yellow shirt on a beach"}, []uint64{1, 1}},
	{"man", []string{"a man with a beard wearing a blue shirt in the mountains at sunset", "a man with a beard wearing a white shirt in a room"}, []uint64{1, 1}},
	{"woman", []string{"a woman with pink hair wearing a yellow shirt in a city at night", "a woman with pink hair wearing a green shirt in a meadow"}, []uint64{1, 1}},
}

func main() {
	p, err := sow.Open(sow.Builtin)
	check(err)
	var hero, compare [][]cell
	for _, g := range gallery {
		face, err := picture.Read("examples/" + g.face + ".png")
		check(err)
		row := []cell{{picture.Flatten(face, 128), "given"}}
		for i, prompt := range g.prompts {
			row = append(row, cell{generate(p, sow.SOW, face, prompt, g.seeds[i]), prompt})
		}
		hero = append(hero, row)

		text := generate(p, sow.Text, nil, g.prompts[0], g.seeds[0])
		compare = append(compare, []cell{
			{picture.Flatten(face, 128), "given"}, {text, "text only"}, {paste(text, face), "naive paste"},
			{generate(p, sow.COW, face, g.prompts[0], g.seeds[0]), "COW"}, {generate(p, sow.SOW, face, g.prompts[0], g.seeds[0]), "SOW"},
		})
	}
	check(picture.WritePNG("docs/images/hero.png", sheet(hero, 256), nil, true))
	check(picture.WritePNG("docs/images/compare.png", sheet(compare, 192), nil, true))
	check(picture.WritePNG("docs/images/two-people.png", couple(p), nil, true))
}

// couple draws two people without rules between them, with a wall, and with a wall and a target mass of .5, at two seeds (docs/rules.md).
func couple(p *sow.Pipeline) *image.NRGBA {
	const width, height = 256, 128
	var conditions []sow.Condition
	for _, name := range []string{"face", "boy"} {
		face, err := picture.Read("examples/" + name + ".png")
		check(err)
		conditions = append(conditions, sow.Condition{Picture: face})
	}
	wall, err := rules.ReadFile("examples/rules/two-people.json")
	check(err)
	out := image.NewNRGBA(image.Rect(0, 0, 3*width, 2*height))
	for row, seed := range []uint64{1, 2} {
		for column, change := range []func(*sow.Params){
			func(*sow.Params) {},
			func(q *sow.Params) { q.Rules = wall },
			func(q *sow.Params) { q.Rules, q.TargetMass = wall, 0.5 },
		} {
			params := p.Defaults
			params.Width, params.Height = width, height
			change(&params)
			r, err := p.Generate(context.Background(), sow.Request{
				Prompt: "a girl and a boy in a meadow", Conditions: conditions, Seed: seed, Params: &params, Planner: plan.Offline{},
			})
			check(err)
			draw.Draw(out, image.Rect(0, 0, width, height).Add(image.Pt(column*width, row*height)), r.Image, image.Point{}, draw.Src)
		}
	}
	return out
}

func generate(p *sow.Pipeline, method sow.Method, face *image.NRGBA, prompt string, seed uint64) *image.NRGBA {
	params := p.Defaults
	params.Method, params.Blend = method, picture.BlendNone
	req := sow.Request{Prompt: prompt, Seed: seed, Params: &params}
	if method != sow.Text {
		req.Conditions = []sow.Condition{{Picture: face}}
	}
	if method == sow.SOW {
		req.Planner = plan.Offline{}
	}
	r, err := p.Generate(context.Background(), req)
	check(err)
	return r.Image
}

// paste lays the face over a picture at COW's default place.
func paste(img, face *image.NRGBA) *image.NRGBA {
	mask, err := picture.AlphaMask(face)
	check(err)
	out, err := picture.BlendPaste.Apply(img, face, mask, image.Pt(img.Bounds().Dx()/4, 0))
	check(err)
	return out
}

type cell struct {
	img  image.Image
	text string
}

// sheet lays cells of side×side pixels out in rows, each over its text.
func sheet(rows [][]cell, side int) *image.NRGBA {
	const gap, line = 8, 18
	out := image.NewNRGBA(image.Rect(0, 0, len(rows[0])*(side+gap)+gap, len(rows)*(side+gap+2*line)+gap))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for y, row := range rows {
		for x, c := range row {
			at := image.Pt(gap+x*(side+gap), gap+y*(side+gap+2*line))
			size := side * c.img.Bounds().Dx() / 128 // in one scale: the faces are half as wide as the canvas
			draw.CatmullRom.Scale(out, image.Rect(0, 0, size, size).Add(at).Add(image.Pt((side-size)/2, 0)), c.img, c.img.Bounds(), draw.Src, nil)
			for i, text := range wrap(c.text, side/basicfont.Face7x13.Advance) {
				d := font.Drawer{Dst: out, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(at.X, at.Y+side+line*(i+1)-4)}
				d.DrawString(text)
			}
		}
	}
	return out
}

// wrap cuts text at spaces into lines of at most n letters.
func wrap(text string, n int) (lines []string) {
	for len(text) > n {
		cut := n
		for cut > 0 && text[cut] != ' ' {
			cut--
		}
		lines, text = append(lines, text[:cut]), text[cut+1:]
	}
	return append(lines, text)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
