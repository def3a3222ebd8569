package capture

import (
	"image/color"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() *Capture {
	c := &Capture{Masses: []Mass{
		{Phase: "cycle", Cycle: 1, Node: 7, Timestep: 601, Site: "mid_block.attentions.0.transformer_blocks.0.attn1", Height: 4, Width: 4, Query: "related.1", Key: "condition.1", Share: 0.25},
		{Phase: "cycle", Cycle: 2, Node: 7, Timestep: 601, Site: "mid_block.attentions.0.transformer_blocks.0.attn1", Height: 4, Width: 4, Query: "related.1", Key: "condition.1", Share: 0.75},
		{Phase: "final", Node: 1, Timestep: 1, Site: "mid_block.attentions.0.transformer_blocks.0.attn1", Height: 4, Width: 4, Query: "background", Key: "a region with a long name", Share: 1},
	}}
	for _, v := range []float64{1, 0.5} {
		c.AddMap("mid_block.attentions.0.transformer_blocks.0.attn1", "related.1", 1, 2, []float64{0, v})
	}
	return c
}

func TestAddMap(t *testing.T) {
	c := sample()
	require.Len(t, c.Maps, 1)
	require.Equal(t, []float64{0, 0.75}, c.Maps[0].Shares)
}

func TestWriteCSV(t *testing.T) {
	var b strings.Builder
	require.NoError(t, sample().WriteCSV(&b))
	lines := strings.Split(b.String(), "\n")
	require.Equal(t, "phase,cycle,node,timestep,site,height,width,query,key,share", lines[0])
	require.Equal(t, "cycle,1,7,601,mid_block.attentions.0.transformer_blocks.0.attn1,4,4,related.1,condition.1,0.25", lines[1])
	require.Len(t, lines, 5)
}

// TestDraw: a map's left half is nothing, its right half the most there is; a table has a cell in the colour of the mean of its cycles.
func TestDraw(t *testing.T) {
	c := sample()
	maps := c.DrawMaps()
	left := widest([]string{c.Maps[0].Site}) + gap
	require.Equal(t, color.NRGBA{0, 0, 0, 255}, maps.NRGBAAt(left+1, line+tile/2))
	require.Equal(t, color.NRGBA{255, 255, 255, 255}, maps.NRGBAAt(left+tile-1, line+tile/2))
	masses := c.DrawMasses()
	require.Equal(t, heat(0.5), masses.NRGBAAt(left+column-4, 3*line-line/2+1))

	none := &Capture{}
	require.False(t, none.DrawMaps().Rect.Empty())
	require.False(t, none.DrawMasses().Rect.Empty())
}
