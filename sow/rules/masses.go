package rules

import "github.com/sowgen/sowgen/unet"

// Watched are the regions that masses are asked for, in the order of [Compiled.Masses].
func (c *Compiled) Watched() []string { return c.names }

// Masses returns, for the watched regions, the share of its attention that a token of the first gives to the second, as the mean over the
// heads, the prompts and the tokens: [query][key]. mass is what [unet.Input].Mass was called with. ok tells which regions are on the site's grid.
func (c *Compiled) Masses(site unet.Site, mass []float32) (of [][]float64, ok []bool) {
	byLabel, ok := c.Looks(site, mass, c.count())
	for _, given := range byLabel {
		row := make([]float64, len(c.watched))
		for k, key := range c.watched {
			for _, l := range key {
				row[k] += given[l]
			}
		}
		of = append(of, row)
	}
	return of, ok
}

// Looks returns, for the watched regions, what a token gives to each of the cells of a map, as the mean over the heads, the prompts and the tokens.
// given is the floats of a [unet.Map]. ok tells which regions are on the site's grid.
func (c *Compiled) Looks(site unet.Site, given []float32, cells int) (of [][]float64, ok []bool) {
	n := c.count()
	tokens := make([]float64, n) // by label
	for _, l := range c.labels.On(site.Height, site.Width).Labels {
		tokens[l]++
	}
	heads := float64(len(given) / (n * cells))
	for _, labels := range c.watched {
		row, all := make([]float64, cells), 0.0
		for _, l := range labels {
			all += tokens[l]
		}
		for _, l := range labels {
			for at := l * cells; at < len(given) && all > 0; at += n * cells {
				for cell := range row {
					row[cell] += tokens[l] / all / heads * float64(given[at+cell])
				}
			}
		}
		of, ok = append(of, row), append(ok, all > 0)
	}
	return of, ok
}

// count is the number of labels.
func (c *Compiled) count() int {
	n := 0
	for _, l := range c.labels.Labels {
		n = max(n, int(l)+1)
	}
	return n
}
