package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
)

// flatLab has no weights: for experiments whose pictures are not generated.
func flatLab() *Lab { return &Lab{Pipeline: &sow.Pipeline{Model: sow.Builtin}, Jobs: 2, Seed: 3} }

// counted is an experiment of 3 arms × 4 units on flat pictures, and how many were made.
func counted(made *atomic.Int32) *Experiment {
	return &Experiment{
		Name: "counted", About: "Flat pictures.", Claim: "They are brighter in later arms.", factors: []string{"arm"}, unit: "case",
		design: func(context.Context, *Lab) (all []treatment, err error) {
			for arm := range 3 {
				for unit := range 4 {
					all = append(all, treatment{arm: []string{strconv.Itoa(arm)}, unit: strconv.Itoa(unit), make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
						made.Add(1)
						img := image.NewNRGBA(image.Rect(0, 0, 70, 40))
						img.SetNRGBA(5, 5, color.NRGBA{uint8(arm), uint8(unit), 0, 255})
						return img, eval.Figures{"brightness": float64(10*arm + unit), "nothing": math.NaN()}, ctx.Err()
					}})
				}
			}
			return all, nil
		},
		judge: func(f *Findings) {
			gain := f.gain("brightness", []string{"2"}, []string{"0"})
			f.check(gain.Low > 0, "gain %s", interval(gain))
			f.check(f.mean("nothing", "0").Mean > 0, "what was not measured")
			f.plot("brightness", "arm", "")
		},
	}
}

func TestRunWritesItsFolder(t *testing.T) {
	var made atomic.Int32
	dir := filepath.Join(t.TempDir(), "a", "b")
	report, err := counted(&made).Run(context.Background(), flatLab(), dir)
	require.NoError(t, err)
	require.EqualValues(t, 12, made.Load())
	require.Equal(t, []Check{{"gain 20", true}, {"what was not measured", false}}, report.Checks)
	require.False(t, report.Holds())
	require.Equal(t, []string{"brightness"}, report.Figures())
	require.Equal(t, 11.5, report.Arms[1].Means["brightness"].Mean)
	require.Less(t, report.Arms[1].Means["brightness"].Low, 11.5)
	require.Equal(t, [][]string{{"0", "1.50 [.500, 2.50]"}, {"1", "11.5 [10.5, 12.5]"}, {"2", "21.5 [20.5, 22.5]"}}, report.Table.Rows)

	var read Report
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &read))
	require.Equal(t, report.Arms, read.Arms)
	csv, err := os.ReadFile(filepath.Join(dir, "figures.csv"))
	require.NoError(t, err)
	require.Contains(t, string(csv), "arm,case,picture,brightness\n0,0,pictures/0-0.png,0\n")
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	for _, want := range []string{"does not hold", "plot.png", "sheet.png", "11.5 [10.5, 12.5]"} {
		require.Contains(t, string(page), want)
	}
	require.NotContains(t, string(page), "http", "it opens offline")
	for _, name := range []string{"plot.png", "sheet.png", "pictures/2-3.png"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
}

// TestRunGoesOn: what is finished is not made again, unless it was made from something else or is damaged.
func TestRunGoesOn(t *testing.T) {
	var made atomic.Int32
	e, dir, lab := counted(&made), t.TempDir(), flatLab()
	ctx, stop := context.WithCancel(context.Background())
	lab.Progress = func(done, total int) {
		if done == 5 {
			stop()
		}
	}
	_, err := e.Run(ctx, lab, dir)
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, filepath.Join(dir, "index.html"))
	interrupted := made.Load()
	require.Less(t, interrupted, int32(12))

	lab.Progress = nil
	run := func() int32 {
		made.Store(0)
		_, err := e.Run(context.Background(), lab, dir)
		require.NoError(t, err)
		return made.Load()
	}
	require.LessOrEqual(t, run(), int32(12-5))
	require.Zero(t, run())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pictures", "1-1.png"), []byte("half"), 0o666))
	require.EqualValues(t, 1, run())
	lab.Seed++
	require.EqualValues(t, 12, run())
	lab.Again = true
	require.EqualValues(t, 12, run())
}

func TestRunFails(t *testing.T) {
	wrong := errors.New("out of paint")
	e := &Experiment{Name: "e", design: func(context.Context, *Lab) ([]treatment, error) {
		return []treatment{{arm: []string{"../a b"}, unit: "/c", make: func(context.Context) (*image.NRGBA, eval.Figures, error) { return nil, nil, wrong }}}, nil
	}}
	_, err := e.Run(context.Background(), flatLab(), t.TempDir())
	require.ErrorIs(t, err, wrong)
	require.ErrorContains(t, err, "experiment e: _a_b-_c: out of paint")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err = e.Run(context.Background(), flatLab(), file)
	require.ErrorContains(t, err, "want a folder that can be written to")
}

// TestFilesAreDistinct: whatever cases are called, each picture has a file of its own, on disks that do not tell A from a, too.
func TestFilesAreDistinct(t *testing.T) {
	var all []treatment
	for _, unit := range []string{"a", "a-2", "a+2", "a~2", "A", "a b", "a_b", "ä", "a.2", ""} {
		for repeat := range 3 {
			all = append(all, treatment{arm: []string{"sow"}, unit: unit, repeat: repeat})
		}
	}
	called, seen := names(all), map[string]bool{}
	for i, name := range called {
		require.False(t, seen[strings.ToLower(name)], "%s is the file of %q, picture %d, and of another", name, all[i].unit, all[i].repeat)
		seen[strings.ToLower(name)] = true
	}
	require.Equal(t, []string{"sow-a", "sow-a+2", "sow-a+3", "sow-a-2"}, called[:4])
	require.Equal(t, called[0], names(all[:1])[0], "and it is the same with fewer cases")
}

func TestNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range All() {
		require.False(t, seen[e.Name], e.Name)
		seen[e.Name] = true
		require.Same(t, e, Find(e.Name))
		require.NotEmpty(t, e.About)
		require.NotEmpty(t, e.Claim)
	}
	require.Nil(t, Find("none"))
}

// TestDidBaseSmall runs an experiment on the built-in model end to end, twice.
func TestDidBaseSmall(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for seconds, for minutes on plain Go kernels")
	}
	p, err := sow.Open(sow.Builtin)
	require.NoError(t, err)
	small := *didBase
	small.design = func(ctx context.Context, lab *Lab) (some []treatment, err error) {
		all, err := didBase.design(ctx, lab)
		for _, t := range all {
			if t.unit == projectPage && (t.arm[0] == "2" || t.arm[0] == "20") {
				some = append(some, t)
			}
		}
		return some, err
	}
	dir := t.TempDir()
	first, err := small.Run(context.Background(), &Lab{Pipeline: p, Jobs: 2}, dir)
	require.NoError(t, err)
	require.Less(t, first.Arms[1].Means["contrast"].Mean, first.Arms[0].Means["contrast"].Mean)
	again, err := small.Run(context.Background(), &Lab{Pipeline: p, Jobs: 1, Again: true}, dir)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

// TestPicturesOfOneUnitAreOne: three units with two pictures each have an interval over three, and a figure is the mean of where it was measured.
func TestPicturesOfOneUnitAreOne(t *testing.T) {
	e := &Experiment{
		Name: "repeated", factors: []string{"arm"}, unit: "case",
		design: func(context.Context, *Lab) (all []treatment, err error) {
			for unit := range 3 {
				for repeat := range 2 {
					all = append(all, treatment{arm: []string{"a"}, unit: strconv.Itoa(unit), repeat: repeat, make: func(context.Context) (*image.NRGBA, eval.Figures, error) {
						figures := eval.Figures{"always": float64(10*unit + repeat)}
						if unit+repeat > 0 {
							figures["mostly"] = float64(repeat)
						}
						return image.NewNRGBA(image.Rect(0, 0, 8, 8)), figures, nil
					}})
				}
			}
			return all, nil
		},
		judge: func(*Findings) {},
	}
	dir := t.TempDir()
	report, err := e.Run(context.Background(), flatLab(), dir)
	require.NoError(t, err)
	require.Len(t, report.Observations, 6)
	require.Equal(t, eval.Bootstrap([]float64{0.5, 10.5, 20.5}), report.Arms[0].Means["always"])
	require.Equal(t, eval.Bootstrap([]float64{1, 0.5, 0.5}), report.Arms[0].Means["mostly"])
	require.FileExists(t, filepath.Join(dir, "pictures/a-2.png"))
	require.FileExists(t, filepath.Join(dir, "pictures/a-2+2.png"))
	summary := Summaries(report, []*eval.Case{{Name: "0", Scenario: "normal"}})[0]
	require.Equal(t, 3, summary.Cases)
}
