package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda/roofline"
	"github.com/sowgen/sowgen/tensor"
)

// measurement is what a benchmark came to: its fastest run.
type measurement struct {
	Name    string  `json:"name"`
	CPU     float64 `json:"cpu_seconds"` // of all threads together
	Wall    float64 `json:"wall_seconds"`
	GFLOP   float64 `json:"gflop"`
	Percent float64 `json:"percent_of_peak"` // GFLOP / CPU, of what a core can do in float32
	Memory  float64 `json:"max_rss_mb"`

	// Of a GPU, which percent_of_peak is then about.
	Device   float64 `json:"device_seconds,omitempty"` // by its own clock
	Launches int     `json:"launches,omitempty"`
	Roofline float64 `json:"roofline_seconds,omitempty"`    // which all the launches take at least
	Reached  float64 `json:"percent_of_roofline,omitempty"` // roofline_seconds of device_seconds, or of wall_seconds for a part
	Budget   float64 `json:"budget_seconds,omitempty"`
}

// How long a benchmark takes unless --reps says otherwise: at least two runs if the first was not long, and until it is enough.
const (
	long   = 8 * time.Second
	enough = 500 * time.Millisecond
)

// tick is the least time that is measured: shorter runs are repeated and their mean taken.
const tick = 20 * time.Millisecond

// measure prepares the benchmark and runs it a few times.
func (b *bench) measure(ctx context.Context, m benchmark) (measurement, error) {
	run, err := b.ready(ctx, m)
	if err != nil {
		return measurement{}, err
	}
	resetPeakMemory()
	var best measurement
	started := time.Now()
	for reps := 1; ; reps++ {
		one, err := b.once(ctx, m, run)
		if err != nil {
			return measurement{}, err
		}
		if reps == 1 || one.CPU < best.CPU {
			best.CPU = one.CPU
		}
		if reps == 1 || one.Wall < best.Wall {
			best.Wall = one.Wall
		}
		if reps == 1 || one.Device < best.Device {
			best.Device = one.Device
		}
		spent := time.Since(started)
		if reps == b.reps || b.reps == 0 && (spent > long || reps > 1 && spent > enough) {
			return b.rated(m, best), nil
		}
	}
}

// ready prepares a benchmark; on a GPU it is run a first time, to see what it launches.
func (b *bench) ready(ctx context.Context, m benchmark) (run func(context.Context) error, err error) {
	if run, err = m.prepare(ctx); err != nil {
		return nil, err
	}
	b.rest()
	if b.gpu != nil {
		err = b.gpu.look(func() error { return run(ctx) })
	}
	return run, err
}

// once measures a single run, or the mean of as many as take a tick.
func (b *bench) once(ctx context.Context, m benchmark, run func(context.Context) error) (measurement, error) {
	if b.gpu != nil {
		return b.onceOnGPU(ctx, m, run)
	}
	cpu, wall := processorTime(), time.Now()
	runs := 0
	for runs == 0 || time.Since(wall) < tick {
		if err := ctx.Err(); err != nil {
			return measurement{}, err
		}
		if err := run(ctx); err != nil {
			return measurement{}, err
		}
		runs++
	}
	spent := time.Since(wall)
	return b.rated(m, measurement{CPU: (processorTime() - cpu).Seconds() / float64(runs), Wall: spent.Seconds() / float64(runs)}), nil
}

// rated fills in what follows from the times.
func (b *bench) rated(m benchmark, t measurement) measurement {
	t.Name, t.GFLOP, t.Memory = m.name, m.flop/1e9, float64(peakRSS())/1e6
	if b.gpu == nil {
		t.Percent = 100 * m.flop / t.CPU / b.roof
		return t
	}
	took := t.Device
	if m.part {
		took = t.Wall
	}
	t.Percent = 100 * m.flop / took / b.roof
	t.Launches, t.Roofline = b.gpu.launches, b.gpu.least
	t.Reached, t.Budget = 100*t.Roofline/took, t.Roofline/roofline.Budget
	return t
}

// rest gives back the memory of what was measured before.
func (b *bench) rest() {
	tensor.ReleaseArenas(b.engine)
	runtime.GC()
	debug.FreeOSMemory()
}

// pace measures the one benchmark that was chosen whenever a line comes, and answers with a line. The memory is the peak since the start.
func (b *bench) pace(ctx context.Context, in io.Reader, chosen []benchmark) error {
	if len(chosen) != 1 {
		return &usageError{"--paced: name a single benchmark with --only"}
	}
	m := chosen[0]
	run, err := b.ready(ctx, m)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	answers := json.NewEncoder(b.stdout)
	for {
		more, err := unlessDone(ctx, func() (bool, error) { return lines.Scan(), lines.Err() })
		if err != nil || !more {
			return err
		}
		one, err := b.once(ctx, m, run)
		if err != nil {
			return err
		}
		if err := answers.Encode(one); err != nil {
			return err
		}
	}
}

// roof is how many float32 operations a second one core can do: the best of many short tries, so that others' work is not in it.
func roof() float64 {
	best := 0.0
	for range 20 {
		started := processorTime()
		flop := kernels.Peak(peakRounds)
		best = max(best, flop/(processorTime()-started).Seconds())
	}
	return best
}

// peakRounds of a peak loop take some milliseconds.
const peakRounds = 4_000_000
