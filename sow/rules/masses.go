package rules

import "github.com/sowgen/sowgen/unet"

// Watched are the regions that masses are asked for, in the order of [Compiled.Masses].
func (c *Compiled) Watched() []string { return c.names }

// Masses returns, for the watched regions, the share of its attention that a token of the first gives to the second, as the mean over the
// heads, the prompts and the tokens: [query][key]. mass is what [unet.Input].Mass was called with, at a moment of which the rules are at. ok
// tells which regions are on the site's grid.
func (c *Compiled) Masses(site unet.Site, mass []float32) (of [][]float64, ok []bool) {
	labels := c.labels.On(site.Height, site.Width).Labels
	n := c.count()
	cells := make([]float64, n)
	for _, l := range labels {
		cells[l]++
	}
	mean := make([]float64, n*n)
	tables := len(mass) / (n * n)
	for i, m := range mass {
		mean[i%(n*n)] += float64(m) / float64(tables)
	}
	for _, query := range c.watched {
		row, tokens := make([]float64, len(c.watched)), 0.0
		for _, q := range query {
			tokens += cells[q]
		}
		for k, key := range c.watched {
			for _, q := range query {
				for _, l := range key {
					if tokens > 0 {
						row[k] += cells[q] / tokens * mean[q*n+l]
					}
				}
			}
		}
		of, ok = append(of, row), append(ok, tokens > 0)
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
