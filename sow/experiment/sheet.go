package experiment

import (
	"image"
	"image/draw"
	"slices"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The measures of a contact sheet, in pixels.
const (
	sheetRows = 12 // about as many at most
	gap       = 6
	textLine  = 14
	letter    = 7
)

// drawSheet returns the contact sheet: a column for each value of the last factor, a row for each unit and what is left of the arm, for as many
// of the units as fit; each picture in its own size.
func (f *Findings) drawSheet(s *store) (*image.NRGBA, error) {
	last := len(f.Factors) - 1
	var columns, arms, units []string
	for _, o := range f.Observations {
		columns, arms, units = appendNew(columns, o.Arm[last]), appendNew(arms, strings.Join(o.Arm[:last], " ")), appendNew(units, o.Unit)
	}
	units = units[:min(len(units), max(1, sheetRows/len(arms)))]
	var rows []string
	for _, u := range units {
		for _, a := range arms {
			rows = append(rows, strings.TrimSpace(u+" "+a))
		}
	}
	cells := make([][]*image.NRGBA, len(rows))
	for i := range cells {
		cells[i] = make([]*image.NRGBA, len(columns))
	}
	for _, o := range f.Observations {
		i, j := slices.Index(rows, strings.TrimSpace(o.Unit+" "+strings.Join(o.Arm[:last], " "))), slices.Index(columns, o.Arm[last])
		if i < 0 || o.Repeat > 0 {
			continue
		}
		img, err := s.picture(o.name)
		if err != nil {
			return nil, err
		}
		cells[i][j] = img
	}
	return layOut(cells, rows, columns), nil
}

// layOut draws pictures in a grid with its titles.
func layOut(cells [][]*image.NRGBA, rows, columns []string) *image.NRGBA {
	side := image.Pt(8*letter, 3*textLine)
	for _, row := range cells {
		for _, img := range row {
			if img != nil {
				side.X, side.Y = max(side.X, img.Bounds().Dx()), max(side.Y, img.Bounds().Dy())
			}
		}
	}
	const left = 14*letter + 2*gap
	top := gap
	titles := make([][]string, len(columns))
	for j, c := range columns {
		titles[j] = wrap(c, side.X/letter)
		top = max(top, textLine*len(titles[j])+gap)
	}
	out := image.NewNRGBA(image.Rect(0, 0, left+len(columns)*(side.X+gap), top+len(rows)*(side.Y+gap)))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	for j, lines := range titles {
		label(out, lines, left+j*(side.X+gap), 0)
	}
	for i, r := range rows {
		y := top + i*(side.Y+gap)
		label(out, wrap(r, 14), gap, y)
		for j, img := range cells[i] {
			if img != nil {
				draw.Draw(out, img.Bounds().Sub(img.Bounds().Min).Add(image.Pt(left+j*(side.X+gap), y)), img, img.Bounds().Min, draw.Src)
			}
		}
	}
	return out
}

// wrap lays a text out in lines of at most n letters; a longer word is cut.
func wrap(text string, n int) (lines []string) {
	for _, word := range strings.Fields(text) {
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

// label writes lines whose upper left corner is x, y.
func label(img *image.NRGBA, lines []string, x, y int) {
	for i, line := range lines {
		d := font.Drawer{Dst: img, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(x, y+i*textLine+11)}
		d.DrawString(line)
	}
}
