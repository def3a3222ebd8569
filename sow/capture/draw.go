package capture

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The measures of a drawing, in pixels.
const (
	tile   = 96 // a map's side
	gap    = 6
	line   = 16
	column = 84 // of a table of masses
)

// DrawMaps draws a table of heat maps: a row for each self-attention, a column for each region that looks. Black is nothing, white each map's
// largest share.
func (c *Capture) DrawMaps() *image.NRGBA {
	var sites, queries []string
	for _, m := range c.Maps {
		sites, queries = with(sites, m.Site), with(queries, m.Query)
	}
	left := widest(sites) + gap
	img := paper(left+len(queries)*(tile+gap), line+len(sites)*(tile+gap))
	for j, q := range queries {
		write(img, q, left+j*(tile+gap), 0)
	}
	for i, s := range sites {
		write(img, short(s), gap/2, line+i*(tile+gap)+tile/2)
	}
	for _, m := range c.Maps {
		x, y := left+slices.Index(queries, m.Query)*(tile+gap), line+slices.Index(sites, m.Site)*(tile+gap)
		most := slices.Max(m.Shares)
		for dy := range tile {
			for dx := range tile {
				v := m.Shares[dy*m.Height/tile*m.Width+dx*m.Width/tile]
				img.SetNRGBA(x+dx, y+dy, heat(v/max(most, 1e-12)))
			}
		}
	}
	return img
}

// DrawMasses draws a table of the shares of attention in the cycles (in the final phase if there are none), the mean over their steps: a row for
// each self-attention, a column for each pair of regions.
func (c *Capture) DrawMasses() *image.NRGBA {
	phase := "final"
	if slices.ContainsFunc(c.Masses, func(m Mass) bool { return m.Phase == "cycle" }) {
		phase = "cycle"
	}
	var sites, pairs []string
	sum, n := map[[2]string]float64{}, map[[2]string]float64{}
	for _, m := range c.Masses {
		if m.Phase != phase {
			continue
		}
		pair := m.Query + "\n" + m.Key
		sites, pairs = with(sites, m.Site), with(pairs, pair)
		sum[[2]string{m.Site, pair}] += m.Share
		n[[2]string{m.Site, pair}]++
	}
	left := widest(sites) + gap
	img := paper(left+len(pairs)*column, 3*line+len(sites)*line)
	write(img, "reads", gap/2, line)
	for j, pair := range pairs {
		query, key, _ := strings.Cut(pair, "\n")
		write(img, clip(query), left+j*column, 0)
		write(img, clip(key), left+j*column, line)
	}
	for i, s := range sites {
		y := 3*line + i*line - line/2
		write(img, short(s), gap/2, y)
		for j, pair := range pairs {
			at := [2]string{s, pair}
			if n[at] == 0 {
				continue
			}
			share := sum[at] / n[at]
			box := image.Rect(left+j*column, y, left+(j+1)*column-2, y+line-2)
			draw.Draw(img, box, image.NewUniform(heat(share)), image.Point{}, draw.Src)
			ink := color.Color(color.White)
			if share > 0.5 {
				ink = color.Black
			}
			writeIn(img, fmt.Sprintf("%.3f", share), box.Min.X+4, y, ink)
		}
	}
	return img
}

// heat is black, red, yellow, white for 0 … 1.
func heat(v float64) color.NRGBA {
	part := func(from float64) uint8 { return uint8(min(max((v-from)*3, 0), 1) * 255) }
	return color.NRGBA{part(0), part(1. / 3), part(2. / 3), 255}
}

// short is a site's name without what they all have.
func short(site string) string {
	return strings.NewReplacer(".transformer_blocks.0.attn1", "", "attentions.", "", "_blocks", "", "_block", "").Replace(site)
}

// clip cuts a region's name to the width of a column.
func clip(name string) string {
	if r := []rune(name); len(r) > column/7 {
		return string(r[:column/7-1]) + "."
	}
	return name
}

func with(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// widest is how wide the longest of the sites' names is.
func widest(sites []string) int {
	w := 0
	for _, s := range sites {
		w = max(w, font.MeasureString(basicfont.Face7x13, short(s)).Ceil())
	}
	return w + gap
}

func paper(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w+gap, h+gap))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	return img
}

// write writes black text whose upper left corner is x, y.
func write(img *image.NRGBA, text string, x, y int) { writeIn(img, text, x, y, color.Black) }

func writeIn(img *image.NRGBA, text string, x, y int, ink color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y+11)}
	d.DrawString(text)
}
