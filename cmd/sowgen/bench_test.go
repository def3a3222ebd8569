package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow"
)

// tinyBench measures parts of a tiny model, once each.
func tinyBench(t *testing.T, only string, args ...string) []string {
	return append([]string{"bench", "--model", testdata(t, "models/sd21"), "--only", only, "--reps", "1"}, args...)
}

// TestBenchJSON: other programs read these names.
func TestBenchJSON(t *testing.T) {
	workIn(t)
	o := must(t, tinyBench(t, "peak-f32,linear-64x*,clip,unet-32-b2,vae-encode-512", "--json")...)
	var all []map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &all))
	var names []any
	for _, m := range all {
		names = append(names, m["name"])
		assert.Equal(t, []string{"cpu_seconds", "gflop", "max_rss_mb", "name", "percent_of_peak", "wall_seconds"}, slices.Sorted(maps.Keys(m)))
		for _, key := range []string{"cpu_seconds", "wall_seconds", "gflop", "percent_of_peak"} {
			assert.Positive(t, m[key], "%s of %s", key, m["name"])
		}
	}
	assert.Equal(t, []any{"peak-f32", "linear-64x1280x1280", "clip", "vae-encode-512", "unet-32-b2"}, names)
	assert.InDelta(t, 2*64*1280*1280/1e9, all[1]["gflop"], 1e-9)
	assert.Equal(t, len(all), strings.Count(o.stderr, "\n"), "progress:\n%s", o.stderr)
}

func TestBenchTable(t *testing.T) {
	workIn(t)
	o := must(t, tinyBench(t, "clip", "--threads", "1", "--profile", "cpu.pprof")...)
	assert.Regexp(t, `^sowgen \S+, model \S+sd21, precision f32, kernels \w+, 1 threads; the roof is \d+\.\d GFLOP`, o.stdout)
	assert.Regexp(t, `(?m)^ *clip +[\d.e-]+ +[\d.e-]+ +[\d.e-]+ +[\d.]+ +[\d.]+ +\d+ *$`, o.stdout)
	assert.Equal(t, []string{"cpu.pprof"}, list(t, "."))
}

// TestBenchList: what is there to measure, and how much work it is.
func TestBenchList(t *testing.T) {
	b := &bench{only: []string{"*"}}
	all, err := b.choose()
	require.NoError(t, err)
	gflop := map[string]float64{}
	for _, m := range all {
		assert.NotContains(t, gflop, m.name, "twice")
		gflop[m.name] = m.flop / 1e9
	}
	for name, want := range map[string]float64{
		"unet-64-b1": 804.26, "unet-64-b2": 2 * 804.26, "unet-64-b4": 4 * 804.26, "unet-32-b1": 181.09, "vae-decode-512": 2514.52,
		"vae-encode-512": 1116.66, "clip": 45.13, "attention-4096x4096-5x64": 21.47, "conv3x3-64-320-320": 7.55,
	} {
		assert.InDelta(t, want, gflop[name], 0.02, name)
	}
	assert.InDelta(t, 100*804.26+14*181.09+1.25*(2514.52+1116.66)+5*45.13, gflop["cow-512"], 200, "the VAE's attention grows with the square")
	for _, name := range []string{"peak-f32", "conv3x3s2-64-320-320", "attention-4096x77-5x64", "attention-4096x4096-5x64-regions", "groupnorm-silu-64-64-320", "geglu-4096x320x1280"} {
		assert.Contains(t, gflop, name)
	}

	b = &bench{}
	unasked, err := b.choose()
	require.NoError(t, err)
	assert.Len(t, unasked, len(all)-5, "all but %s", askedOnly)
}

// TestBenchCOW: the picture that is measured asks the UNet as often as its operations are counted for.
func TestBenchCOW(t *testing.T) {
	p, err := sow.Open(testdata(t, "models/sd21"))
	require.NoError(t, err)
	result, err := p.Generate(t.Context(), cowRequest(64, 3))
	require.NoError(t, err)
	evaluations := 0
	for _, n := range result.Report.Evaluations {
		evaluations += n
	}
	assert.Equal(t, cowCanvas+3*cowCycle+cowCondition, evaluations)
}

// TestBenchPaced: a line in, a line out.
func TestBenchPaced(t *testing.T) {
	cmd := program(t, "bench", "--model", testdata(t, "models/sd21"), "--only", "unet-32-b1", "--paced")
	cmd.Stdin = strings.NewReader("\n\n\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	require.Len(t, lines, 3)
	for _, line := range lines {
		var m measurement
		require.NoError(t, json.Unmarshal(line, &m))
		assert.Equal(t, "unet-32-b1", m.Name)
		assert.Positive(t, m.CPU)
	}
}

func TestBenchRefuses(t *testing.T) {
	workIn(t)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"bench --only bogus", exitUsage, "--only bogus: want some of peak-f32, "},
		{"bench --reps -1", exitUsage, "--reps -1"},
		{"bench --threads 1000", exitUsage, "--threads 1000"},
		{"bench --random sd3", exitUsage, "want sd15 or sd21"},
		{"bench --random sd15 --model builtin", exitUsage, "model random"},
		{"bench --paced", exitUsage, "--only"},
		{"bench --model nowhere", exitFailed, "nowhere"},
		{"bench --model .", exitFailed, "text_encoder/config.json"},
		{"bench --only peak-f32 --profile no/cpu.pprof", exitFailed, "no"},
	} {
		t.Run(c.args, func(t *testing.T) {
			sowgen(t, strings.Fields(c.args)...).refuses(t, c.code, nil, c.want)
		})
	}
}

func TestBenchInterrupted(t *testing.T) {
	workIn(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, args := range [][]string{tinyBench(t, "unet-32-b1"), {"bench", "--model", "builtin", "--only", "clip", "--paced"}} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, exitInterrupted, run(ctx, args, &stdout, &stderr))
		assert.Empty(t, stdout.String())
		assert.Contains(t, stderr.String(), "interrupted")
	}
}
