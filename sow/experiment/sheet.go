package experiment

import (
	"image"
	"image/color"
	"image/draw"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The measures of a contact sheet, in pixels.
const (
	sheetRows = 8 // units at most
	gap       = 6
	textLine  = 14
	letter    = 7
)

// drawSheet returns the contact sheet: a column for each arm, a row for each of the first units, each picture in its own size.
func (f *Findings) drawSheet(s *store) (*image.NRGBA, error) {
	var units []string
	for _, o := range f.Observations {
		if units = appendNew(units, o.Unit); len(units) == sheetRows {
			break
		}
	}
	cells := make([][]*image.NRGBA, len(units))
	side := image.Point{64, 64}
	for i, unit := range units {
		cells[i] = make([]*image.NRGBA, len(f.Arms))
		for j, a := range f.Arms {
			for _, o := range f.of(a.Arm...) {
				if o.Unit != unit || cells[i][j] != nil {
					continue
				}
				img, err := s.picture(o.name)
				if err != nil {
					return nil, err
				}
				cells[i][j] = img
				side.X, side.Y = max(side.X, img.Bounds().Dx()), max(side.Y, img.Bounds().Dy())
			}
		}
	}
	return layOut(cells, units, f.Arms, side), nil
}

func layOut(cells [][]*image.NRGBA, units []string, arms []Arm, side image.Point) *image.NRGBA {
	left, top := gap, gap
	for _, u := range units {
		left = max(left, letter*len([]rune(u))+2*gap)
	}
	titles := make([][]string, len(arms))
	for j, a := range arms {
		titles[j] = wrap(a.Arm, side.X/letter)
		top = max(top, textLine*len(titles[j])+gap)
	}
	out := image.NewNRGBA(image.Rect(0, 0, left+len(arms)*(side.X+gap), top+len(units)*(side.Y+gap)))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	for j := range arms {
		for k, line := range titles[j] {
			label(out, line, left+j*(side.X+gap), k*textLine)
		}
	}
	for i, u := range units {
		y := top + i*(side.Y+gap)
		label(out, u, gap, y+side.Y/2-textLine/2)
		for j, img := range cells[i] {
			if img != nil {
				draw.Draw(out, img.Bounds().Sub(img.Bounds().Min).Add(image.Pt(left+j*(side.X+gap), y)), img, img.Bounds().Min, draw.Src)
			}
		}
	}
	return out
}

// wrap lays words out in lines of at most n letters; a longer word is cut.
func wrap(words []string, n int) (lines []string) {
	for _, word := range strings.Fields(strings.Join(words, " ")) {
		r := []rune(word)
		word = string(r[:min(len(r), n)])
		if k := len(lines) - 1; k >= 0 && len([]rune(lines[k]))+1+len([]rune(word)) <= n {
			lines[k] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// label writes text whose upper left corner is x, y.
func label(img *image.NRGBA, text string, x, y int) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: basicfont.Face7x13, Dot: fixed.P(x, y+11)}
	d.DrawString(text)
}
