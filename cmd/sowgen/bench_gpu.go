package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sowgen/sowgen/kernels/cuda"
	"github.com/sowgen/sowgen/kernels/cuda/roofline"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/tensor"
)

// gpuEngine is what the engine of a GPU tells besides ([tensor.CUDA], in a build with CUDA). What is asked of it is done later.
type gpuEngine interface {
	Hardware() cuda.Hardware
	Time(work func() error) (seconds float64, err error)
	Watch(see func(cuda.Launch)) error
	TimeEach(see func(l cuda.Launch, seconds float64)) error
}

// onGPU is a GPU that is measured, and what the benchmark at hand is to it.
type onGPU struct {
	gpuEngine
	roofline.GPU

	launches int     // of a run
	least    float64 // seconds that they take by the roofline
	lasts    float64 // seconds that a run took
}

// meet finds out what a GPU can do at most.
func meet(e tensor.Engine) (*onGPU, error) {
	engine := e.(gpuEngine)
	peaks, err := roofline.Of(engine.Hardware())
	return &onGPU{gpuEngine: engine, GPU: peaks}, err
}

// Peak is the operations a second of products in a precision.
func (g *onGPU) Peak(p tensor.Precision) float64 {
	if p == tensor.F32 {
		return g.F32
	}
	return g.Half
}

// look runs what is to be measured twice: for its launches, then for its time, when kernels are loaded and memory is there.
func (g *onGPU) look(run func() error) (err error) {
	g.launches, g.least = 0, 0
	if err := g.Watch(func(l cuda.Launch) { g.launches++; g.least += g.Seconds(l.Work) }); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	if err := g.Watch(nil); err != nil {
		return err
	}
	g.lasts, err = g.Time(run)
	return err
}

// mostRuns of the shortest kernel there is take more than a tick; an event's clock may say that it took nothing.
const mostRuns = 10_000

// onceOnGPU asks at once for as many runs as take a tick, and waits for the last.
func (b *bench) onceOnGPU(ctx context.Context, m benchmark, run func(context.Context) error) (measurement, error) {
	runs := min(max(1, math.Ceil(tick.Seconds()/b.gpu.lasts)), mostRuns)
	cpu, wall := processorTime(), time.Now()
	device, err := b.gpu.Time(func() error {
		for range int(runs) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := run(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	spent := time.Since(wall)
	return b.rated(m, measurement{CPU: (processorTime() - cpu).Seconds() / runs, Wall: spent.Seconds() / runs, Device: device / runs}), err
}

// launched is all launches of a kernel on a grid in a run.
type launched struct {
	kernel        string
	grid          cuda.Dim
	count         int
	took, atLeast float64 // seconds
}

// kernelsOf times each kernel of a run by itself, those that took longest first.
func (g *onGPU) kernelsOf(run func() error) (all []launched, err error) {
	err = g.TimeEach(func(l cuda.Launch, seconds float64) {
		i := slices.IndexFunc(all, func(a launched) bool { return a.kernel == l.Kernel && a.grid == l.Grid })
		if i < 0 {
			i, all = len(all), append(all, launched{kernel: l.Kernel, grid: l.Grid})
		}
		all[i].count++
		all[i].took += seconds
		all[i].atLeast += g.Seconds(l.Work)
	})
	if err != nil {
		return nil, err
	}
	err = run()
	if ended := g.TimeEach(nil); err == nil {
		err = ended
	}
	slices.SortStableFunc(all, func(a, b launched) int { return cmp.Compare(b.took, a.took) })
	return all, err
}

// printKernels writes what a run launches, kernel by kernel.
func (b *bench) printKernels(name string, all []launched) error {
	fmt.Fprintf(b.stdout, "\nkernels of %s, each by itself\n\n", name)
	t := tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "kernel\tgrid\tlaunches\tms together\tµs each\troofline µs\t% of roofline\t")
	for _, l := range all {
		fmt.Fprintf(t, "%s\t%d×%d×%d\t%d\t%.3f\t%.1f\t%.1f\t%.0f\t\n", l.kernel, l.grid.X, l.grid.Y, l.grid.Z, l.count, 1e3*l.took,
			1e6*l.took/float64(l.count), 1e6*l.atLeast/float64(l.count), 100*l.atLeast/l.took)
	}
	return t.Flush()
}

// printGPU writes the measurements as a table.
func (b *bench) printGPU(all []measurement) error {
	fmt.Fprintf(b.stdout, "sowgen %s, model %s, precision %s, on %s: %d multiprocessors, at most %.4g TFLOP a second in that precision and %.4g TB; the budget is %.0f %% of the roofline\n\n",
		sow.Version(), oneLine(b.model), b.precision, b.gpu.Name, b.gpu.Processors, b.roof/1e12, b.gpu.Bytes/1e12, 100*roofline.Budget)
	t := tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "name\tGPU ms\twall ms\tGFLOP\tlaunches\troofline ms\t% of roofline\tbudget ms\t")
	for _, m := range all {
		fmt.Fprintf(t, "%s\t%.4g\t%.4g\t%.4g\t%d\t%.4g\t%.1f\t%.4g\t\n", m.Name, 1e3*m.Device, 1e3*m.Wall, m.GFLOP, m.Launches, 1e3*m.Roofline, m.Reached, 1e3*m.Budget)
	}
	return t.Flush()
}
