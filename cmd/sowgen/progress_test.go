package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/vbauerster/mpb/v8"

	"github.com/sowgen/sowgen/sow"
)

// events are those of a run of two cycles.
var events = []sow.Event{
	{Stage: sow.StageEncode, Total: 100},
	{Stage: sow.StageInvert, Total: 100},
	{Stage: sow.StageInvert, Step: 1, Done: 20, Total: 100},
	{Stage: sow.StageCycle, Done: 20, Total: 100},
	{Stage: sow.StageCycle, Cycle: 1, Step: 6, Done: 40, Total: 100},
	{Stage: sow.StageCycle, Cycle: 1, Step: 5, Done: 50, Total: 100},
	{Stage: sow.StageCycle, Cycle: 2, Step: 6, Done: 60, Total: 100},
	{Stage: sow.StageFinal, Done: 80, Total: 100},
	{Stage: sow.StageDecode, Done: 100, Total: 100},
}

func TestPlainLines(t *testing.T) {
	var b bytes.Buffer
	clock := time.Unix(0, 0)
	l := &lines{w: &b, cycles: 2, now: func() time.Time { return clock }}
	for _, e := range events {
		l.event(e)
		clock = clock.Add(3 * time.Second)
	}
	l.close()
	assert.Equal(t, `  0 %  encoding
  0 %  inverting
 20 %  cycle 1/2, about 36 s left
 50 %  cycle 1/2, about 15 s left
 60 %  cycle 2/2, about 12 s left
 80 %  drawing, about 5 s left
100 %  decoding
`, b.String())
}

// TestPaceOfTheRest: what an earlier run has left does not count as done in no time.
func TestPaceOfTheRest(t *testing.T) {
	var b bytes.Buffer
	clock := time.Unix(0, 0)
	l := &lines{w: &b, now: func() time.Time { return clock }}
	for _, done := range []int64{90, 92, 98} {
		l.event(sow.Event{Stage: "pictures", Done: done, Total: 100})
		clock = clock.Add(20 * time.Second)
	}
	assert.Equal(t, ` 90 %  pictures
 92 %  pictures, about 80 s left
 98 %  pictures, about 10 s left
`, b.String())
	for _, c := range []struct {
		left  time.Duration
		known bool
		want  string
	}{{0, false, ""}, {59500 * time.Millisecond, true, "01:00"}, {2 * time.Hour, true, "120:00"}} {
		assert.Equal(t, c.want, clockText(c.left, c.known))
	}
}

func TestBar(t *testing.T) {
	var b bytes.Buffer
	shown := newBar(2, mpb.WithOutput(&b), mpb.WithAutoRefresh(), mpb.WithWidth(60), mpb.WithRefreshRate(time.Millisecond))
	for _, e := range events {
		shown.event(e)
		time.Sleep(20 * time.Millisecond)
	}
	shown.close()
	shown.close()
	assert.Contains(t, b.String(), "cycle 1/2    ")
	assert.Regexp(t, `decoding     99 % \[=+>\]`, b.String())
	assert.Regexp(t, `decoding    100 % \[=+\]  00:00 +\n$`, b.String())
}

// TestAbortedBar: an interrupted run ends its bar where it is.
func TestAbortedBar(t *testing.T) {
	var b bytes.Buffer
	shown := newBar(2, mpb.WithOutput(&b), mpb.WithAutoRefresh(), mpb.WithWidth(60))
	for _, e := range events[:5] {
		shown.event(e)
	}
	shown.close()
	assert.NotContains(t, b.String(), "100 %")
	newBar(2).close() // never begun
}

func TestProgressGoesToStderr(t *testing.T) {
	workIn(t)
	o := must(t, quick(t, "-o", "out.png")...)
	for _, stage := range []string{"encoding", "inverting", "cycle 1/1", "drawing", "decoding"} {
		assert.Equal(t, 1, strings.Count(o.stderr, stage), o.stderr)
		assert.NotContains(t, o.stdout, stage)
	}
}
