//go:build cuda

package cuda

import (
	"errors"
	"sync"

	"gorgonia.org/cu"
)

// stopwatch is two marks in the stream that the GPU puts the time on as it comes by.
type stopwatch struct {
	sync.Mutex // of who measures
	begin, end cu.Event
}

func (w *stopwatch) make() (err error) {
	if w.begin, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
		return err
	}
	if w.end, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
		return errors.Join(err, cu.DestroyEvent(&w.begin))
	}
	return nil
}

func (w *stopwatch) destroy() []error {
	return []error{cu.DestroyEvent(&w.begin), cu.DestroyEvent(&w.end)}
}

// stop marks the end, waits for the GPU to come by and returns the seconds since the beginning.
func (w *stopwatch) stop(stream cu.Stream) (seconds float64, err error) {
	if err := w.end.Record(stream); err != nil {
		return 0, err
	}
	if err := w.end.Synchronize(); err != nil {
		return 0, err
	}
	milliseconds, err := w.begin.Elapsed(w.end)
	return milliseconds / 1e3, err
}

// Time returns how many seconds the GPU takes, by its own clock, from the beginning of the work that ask asks for to its end, for which it waits. What
// others ask for meanwhile is in it.
func (d *Device) Time(ask func() error) (seconds float64, err error) {
	d.stopwatch.Lock()
	defer d.stopwatch.Unlock()
	d.ask(func() error { return failure("timing", d.stopwatch.begin.Record(d.stream)) })
	if err := ask(); err != nil {
		return 0, err
	}
	err = d.wait(func() (err error) {
		seconds, err = d.stopwatch.stop(d.stream)
		return failure("timing", err)
	})
	return seconds, err
}

// Watch has see called for every launch from here on, before it happens; nil ends that. see may not use the Device.
func (d *Device) Watch(see func(Launch)) error {
	return d.wait(func() error { d.watch = see; return nil })
}

// TimeEach has see called with every launch from here on and the seconds that it took by the GPU's clock, of which some microseconds are the
// clock's. Each is waited for, so that nothing else happens at its time; nil ends that. see may not use the Device.
func (d *Device) TimeEach(see func(l Launch, seconds float64)) error {
	return d.wait(func() error { d.timed = see; return nil })
}

// time does what asks for a launch and waits for its end.
func (d *Device) time(launch func() error) (seconds float64, err error) {
	if err := d.stopwatch.begin.Record(d.stream); err != nil {
		return 0, err
	}
	if err := launch(); err != nil {
		return 0, err
	}
	return d.stopwatch.stop(d.stream)
}
