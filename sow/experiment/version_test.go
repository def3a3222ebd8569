package experiment

import (
	"context"
	"encoding/json"
	"flag"
	"image"
	"image/draw"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/version.* anew")

// TestVersion: pictures and figures that come out otherwise than those recorded for the version ask for another version. One case by each method,
// held to what no kernels differ by: a level in the mean, and a fiftieth in the figures that do not jump.
func TestVersion(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for seconds, for minutes on plain Go kernels")
	}
	p, err := sow.Open(sow.Builtin)
	require.NoError(t, err)
	probe, err := eval.LoadProbe(builtin.Probe)
	require.NoError(t, err)
	lab := &Lab{Pipeline: p, Judge: &eval.Judge{Probe: probe}, Seed: 1}
	cases, err := lab.cases(1, normal)
	require.NoError(t, err)
	size := image.Pt(p.Defaults.Width, p.Defaults.Height)
	sheet := image.NewNRGBA(image.Rect(0, 0, size.X*len(compared), size.Y))
	figures := map[string]eval.Figures{}
	for i, method := range compared {
		params := p.Defaults.As(method)
		params.Cycles = min(params.Cycles, 2)
		img, f, err := lab.trial([]string{string(method)}, cases[0], params, plan.Offline{}).make(context.Background())
		require.NoError(t, err)
		draw.Draw(sheet, img.Rect.Add(image.Pt(i*size.X, 0)), img, image.Point{}, draw.Src)
		figures[string(method)] = f
		for name := range f {
			if about, known := eval.About(name); !known || about.Name == "seconds" || about.Name == "memory_mb" {
				delete(f, name)
			}
		}
	}
	type record struct {
		Version int
		Figures map[string]eval.Figures
	}
	const how = "; raise version in key.go if it was not raised yet, and record what comes out: go test -run TestVersion ./sow/experiment -rewrite"
	if *rewrite {
		require.NoError(t, picture.WritePNG("testdata/version.png", sheet, nil, true))
		text, err := json.MarshalIndent(record{version, figures}, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("testdata/version.json", append(text, '\n'), 0o666))
	}
	var was record
	text, err := os.ReadFile("testdata/version.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &was))
	require.Equal(t, version, was.Version, "the record is of another version"+how)
	before, err := picture.Read("testdata/version.png")
	require.NoError(t, err)
	off := 0.0
	for i := range sheet.Pix {
		off += math.Abs(float64(sheet.Pix[i])-float64(before.Pix[i])) / float64(len(sheet.Pix))
	}
	require.LessOrEqual(t, off, 1.0, "other pictures"+how)
	for method, f := range figures {
		require.Len(t, f, len(was.Figures[method]), "other figures"+how)
		for name, v := range f {
			w, ok := was.Figures[method][name]
			require.True(t, ok, name+how)
			if !strings.HasPrefix(name, "skin") && !strings.HasPrefix(name, "together") && !strings.HasPrefix(name, "probe") {
				require.InDelta(t, w, v, max(math.Abs(w), 1)/50, "%s of %s%s", name, method, how)
			}
		}
	}
}
