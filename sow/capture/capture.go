// Package capture keeps what the attention did in a run, which region gave how much of itself to which and where each region looked, and
// draws it as heat maps.
package capture

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
)

// Capture is what a run leaves behind for those who ask. Its zero value is ready.
type Capture struct {
	Masses []Mass
	Maps   []Map
}

// Mass is the share of its attention that one region gave another in one self-attention of one step: the mean over the heads, the prompts and
// the tokens of the region.
type Mass struct {
	Phase          string // invert, cycle, final
	Cycle          int    // from 1; 0 outside the cycles
	Node, Timestep int
	Site           string // as in the checkpoint
	Height, Width  int    // of its grid
	Query, Key     string // the regions
	Share          float64
}

// Map is where one region looked in one self-attention: the share of its attention for each cell of the canvas, the mean over the steps of the
// last cycle, the heads, the prompts and the tokens of the region.
type Map struct {
	Site          string
	Query         string
	Height, Width int // at most 32
	Shares        []float64
	taken         int
}

// AddMap takes a step's map into the mean of those of its site and region.
func (c *Capture) AddMap(site, query string, height, width int, shares []float64) {
	i := slices.IndexFunc(c.Maps, func(m Map) bool { return m.Site == site && m.Query == query })
	if i < 0 {
		i = len(c.Maps)
		c.Maps = append(c.Maps, Map{Site: site, Query: query, Height: height, Width: width, Shares: make([]float64, height*width)})
	}
	m := &c.Maps[i]
	m.taken++
	for cell, v := range shares {
		m.Shares[cell] += (v - m.Shares[cell]) / float64(m.taken)
	}
}

// WriteCSV writes every mass on a line of its own, under a line of titles.
func (c *Capture) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"phase", "cycle", "node", "timestep", "site", "height", "width", "query", "key", "share"})
	for _, m := range c.Masses {
		out.Write([]string{
			m.Phase, strconv.Itoa(m.Cycle), strconv.Itoa(m.Node), strconv.Itoa(m.Timestep), m.Site, strconv.Itoa(m.Height), strconv.Itoa(m.Width),
			m.Query, m.Key, strconv.FormatFloat(m.Share, 'g', 6, 64),
		})
	}
	out.Flush()
	return out.Error()
}
