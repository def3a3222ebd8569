package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/sowgen/sowgen/sow"
)

// progress shows how a run goes on.
type progress interface {
	event(sow.Event)
	close() // may be called twice
}

// newProgress returns a bar on a terminal and plain lines elsewhere.
func newProgress(w io.Writer, cycles int) progress {
	if isTerminal(w) {
		return newBar(cycles, mpb.WithOutput(w))
	}
	return &lines{w: w, cycles: cycles, now: time.Now}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// silence shows nothing.
type silence struct{}

func (silence) event(sow.Event) {}
func (silence) close()          {}

// stageText says what happens in a run of so many cycles.
func stageText(e sow.Event, cycles int) string {
	switch e.Stage {
	case sow.StageEncode:
		return "encoding"
	case sow.StageInvert:
		return "inverting"
	case sow.StageCycle:
		return fmt.Sprintf("cycle %d/%d", min(max(e.Cycle, 1), cycles), cycles)
	case sow.StageFinal:
		return "drawing"
	case sow.StageDecode:
		return "decoding"
	}
	return string(e.Stage)
}

// pace tells how long a run still takes by what it has done since its first event: what was there before took it no time.
type pace struct {
	started time.Time
	from    int64
}

// startPace begins with a run's first event.
func startPace(now time.Time, e sow.Event) *pace { return &pace{now, e.Done} }

// left returns how long the rest takes, as far as that is known.
func (p *pace) left(now time.Time, done, total int64) (left time.Duration, known bool) {
	if done <= p.from || done >= total {
		return 0, false
	}
	return time.Duration(float64(now.Sub(p.started)) * float64(total-done) / float64(done-p.from)), true
}

// lines prints a line when something new begins, and every few seconds in between.
type lines struct {
	w       io.Writer
	cycles  int
	now     func() time.Time
	pace    *pace
	printed time.Time
	text    string
}

// lineEvery is how long plain progress is silent at most, as far as the steps allow.
const lineEvery = 5 * time.Second

func (l *lines) event(e sow.Event) {
	now := l.now()
	if l.pace == nil {
		l.pace = startPace(now, e)
	}
	text := stageText(e, l.cycles)
	if text == l.text && now.Sub(l.printed) < lineEvery {
		return
	}
	l.text, l.printed = text, now
	rest := ""
	if left, known := l.pace.left(now, e.Done, e.Total); known {
		rest = fmt.Sprintf(", about %.0f s left", left.Seconds())
	}
	fmt.Fprintf(l.w, "%3d %%  %s%s\n", 100*e.Done/max(e.Total, 1), text, rest)
}

func (l *lines) close() {}

// bar is one bar for the whole run: what happens, how much is done, how long it will take.
type bar struct {
	cycles    int
	options   []mpb.ContainerOption
	text      atomic.Value // string
	container *mpb.Progress
	bar       *mpb.Bar
	total     int64
	full      bool
}

func newBar(cycles int, options ...mpb.ContainerOption) *bar {
	return &bar{cycles: cycles, options: options}
}

func (b *bar) event(e sow.Event) {
	b.text.Store(stageText(e, b.cycles))
	if b.bar == nil {
		b.container, b.total = mpb.New(b.options...), max(e.Total, 1)
		pace := startPace(time.Now(), e)
		b.bar = b.container.AddBar(b.total,
			mpb.PrependDecorators(
				decor.Any(func(decor.Statistics) string { return b.text.Load().(string) }, decor.WC{W: 12, C: decor.DindentRight}),
				decor.Percentage(decor.WC{W: 5}),
			),
			mpb.AppendDecorators(
				decor.Elapsed(decor.ET_STYLE_MMSS, decor.WC{W: 6}),
				decor.OnComplete(decor.Any(func(s decor.Statistics) string { return clockText(pace.left(time.Now(), s.Current, s.Total)) }, decor.WC{W: 7}), ""),
			),
		)
	}
	b.full = e.Done >= b.total
	b.bar.SetCurrent(min(e.Done, b.total-1)) // it is full when the picture is decoded
}

// clockText is a duration as minutes and seconds, empty if it is not known.
func clockText(d time.Duration, known bool) string {
	if !known {
		return ""
	}
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}

func (b *bar) close() {
	switch {
	case b.bar == nil:
		return
	case b.full:
		b.bar.SetCurrent(b.total)
	default:
		b.bar.Abort(false)
	}
	b.container.Wait()
	b.bar = nil
}
