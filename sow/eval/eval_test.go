package eval_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"log"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
)

func ExampleProbe() {
	probe, err := eval.LoadProbe(builtin.Probe)
	if err != nil {
		log.Fatal(err)
	}
	img, err := picture.Read("testdata/snowy-forest.png") // drawn, not generated: see sow/builtin/train/scenes.py
	if err != nil {
		log.Fatal(err)
	}
	answers, err := probe.Read(img)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answers["scene"], answers["person"])
	// Output: snowy forest yes
}

func ExampleCLIP() {
	c, err := eval.OpenCLIP(os.DirFS("../../clip/testdata/dual/quick"), ".", "quick") // a tiny one, whose weights are random
	if err != nil {
		log.Fatal(err)
	}
	img, err := picture.Read("testdata/snowy-forest.png")
	if err != nil {
		log.Fatal(err)
	}
	points, err := c.Agreement(context.Background(), img, "a snowy forest")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(0 <= points && points <= 100)
	// Output: true
}

func TestGreyRing(t *testing.T) {
	r := image.Rect(0, 0, 64, 64)
	img, mask := image.NewNRGBA(r), image.NewGray(r)
	for y := range 64 {
		for x := range 64 {
			img.SetNRGBA(x, y, color.NRGBA{128, 130, 120, 255})
			if x >= 24 && x < 40 && y >= 24 && y < 40 {
				mask.SetGray(x, y, color.Gray{255})
			}
		}
	}
	require.Equal(t, 1.0, eval.GreyRing(img, mask, 128))
	require.Zero(t, eval.GreyRing(img, mask, 150), "of another canvas")
	for y := range 32 { // the upper half of the ring grows
		for x := range 64 {
			img.SetNRGBA(x, y, color.NRGBA{10, 200, 10, 255})
		}
	}
	require.Equal(t, 0.5, eval.GreyRing(img, mask, 128))
	require.Zero(t, eval.GreyRing(img, image.NewGray(r), 128))
}

func TestLoadProbeRefuses(t *testing.T) {
	for config, want := range map[string]string{
		`{`: "config.json",
		`{"size": 100, "channels": [4], "grid": 4, "heads": {"a": ["b"]}}`: "halvings",
		`{"size": 8, "channels": [4], "grid": 4, "heads": {"a": []}}`:      "no labels",
		`{"size": 8, "channels": [4], "grid": 4, "heads": {"a": ["b"]}}`:   "model.safetensors",
	} {
		_, err := eval.LoadProbe(fstest.MapFS{"config.json": {Data: []byte(config)}})
		require.ErrorContains(t, err, want)
	}
}
