//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// leastDriver is the version that takes our PTX: that of CUDA 11.0.
const leastDriver = 11000

// Device is a GPU. Its calls go to one thread, which has the driver's context, and their work to one stream, so that it is done in the order
// of the calls. Launch, Clear and Free only ask: they return before anything is done, and what goes wrong there is told by every later call
// that can fail.
//
// A Device may be used by several goroutines.
type Device struct {
	Hardware

	calls  chan call
	closed chan struct{}

	mu     sync.Mutex
	failed error // the first failure of what was asked for without waiting, or the loss of the device

	// What follows belongs to the thread.
	context   cu.CUContext
	stream    cu.Stream
	stopwatch stopwatch
	modules   map[string]cu.Module
	functions map[string]*function
	memory    map[Pointer]int       // what is allocated, in bytes
	watch     func(Launch)          // see Watch
	timed     func(Launch, float64) // see TimeEach

	slots slots // see Send
}

// call is something for the thread to do; done is nil if nobody waits for it.
type call struct {
	do   func() error
	done chan error
}

type function struct {
	cu.Function
	shared int // bytes of dynamic shared memory that it may have
}

// Open makes the GPU of the given number, counted from 0, ready. There must be a driver, and Close must follow.
func Open(ordinal int) (*Device, error) {
	switch status := driverStatus(); status {
	case initialised:
	case noDriver:
		return nil, fmt.Errorf("cuda: %w", ErrNoDriver)
	case noGPU:
		return nil, fmt.Errorf("cuda: %w: the driver finds none", ErrNoDevice)
	default:
		return nil, fmt.Errorf("cuda: the NVIDIA driver does not start: CUDA error %d", status)
	}
	if v := cu.Version(); v < leastDriver {
		return nil, fmt.Errorf("cuda: %w: it is for CUDA %d.%d, want %d.%d", ErrOldDriver, v/1000, v%1000/10, leastDriver/1000, leastDriver%1000/10)
	}
	count, err := cu.NumDevices()
	if err != nil {
		return nil, failure("counting the GPUs", err)
	}
	if ordinal < 0 || ordinal >= count {
		return nil, fmt.Errorf("cuda: %w: number %d of %d, counted from 0", ErrNoDevice, ordinal, count)
	}
	d := &Device{
		calls: make(chan call, 1024), closed: make(chan struct{}),
		modules: map[string]cu.Module{}, functions: map[string]*function{}, memory: map[Pointer]int{},
		slots: slots{free: make(chan slot, mostSlots)},
	}
	ready := make(chan error)
	go d.thread(cu.Device(ordinal), ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return d, nil
}

// thread makes the context, does what is asked until Close, and takes everything down.
func (d *Device) thread(gpu cu.Device, ready chan error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	err := d.begin(gpu)
	ready <- err
	if err != nil {
		return
	}
	for c := range d.calls {
		if c.do == nil {
			break
		}
		err := d.Err()
		if err == nil {
			if err = c.do(); err != nil && (c.done == nil || errors.Is(err, ErrLost)) {
				d.fail(err)
			}
		}
		if c.done != nil {
			c.done <- err
		}
	}
	d.fail(d.end())
	close(d.closed)
}

func (d *Device) begin(gpu cu.Device) (err error) {
	if d.Name, err = gpu.Name(); err != nil {
		return failure("its name", err)
	}
	var major, minor int
	for attribute, value := range map[cu.DeviceAttribute]*int{
		cu.ComputeCapabilityMajor: &major, cu.ComputeCapabilityMinor: &minor, cu.MultiprocessorCount: &d.Processors,
		cu.ClockRate: &d.Clock, cu.MemoryClockRate: &d.MemoryClock, cu.GlobalMemoryBusWidth: &d.BusWidth,
	} {
		if *value, err = gpu.Attribute(attribute); err != nil {
			return failure(d.Name+": what it is", err)
		}
	}
	d.Capability = 10*major + minor
	if _, err := PTX(Modules()[0], d.Capability); err != nil {
		return fmt.Errorf("%w; it is the %s", err, d.Name)
	}
	if d.context, err = gpu.MakeContext(cu.SchedAuto); err != nil {
		return failure(d.Name+": its context", err)
	}
	if d.stream, err = cu.MakeStream(cu.DefaultStream); err != nil {
		d.context.Destroy()
		return failure(d.Name+": its stream", err)
	}
	if err := d.stopwatch.make(); err != nil {
		d.stream.Destroy()
		d.context.Destroy()
		return failure(d.Name+": its events", err)
	}
	return nil
}

// end gives back what there is, whatever fails; once the device is lost everything does, and that is known already.
func (d *Device) end() error {
	faults := []error{d.Err()}
	for p := range d.memory {
		faults = append(faults, cu.MemFree(cu.DevicePtr(p)))
	}
	for _, m := range d.modules {
		faults = append(faults, m.Unload())
	}
	faults = append(faults, d.slots.destroy()...)
	faults = append(faults, d.stopwatch.destroy()...)
	faults = append(faults, d.stream.Destroy(), d.context.Destroy())
	for _, err := range faults {
		if err != nil {
			return failure("closing "+d.Name, err)
		}
	}
	return nil
}

// Err returns what went wrong in the work that nobody waited for, as far as it is known, or nil.
func (d *Device) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

func (d *Device) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = err
	}
}

// wait has the thread do something and returns how that went.
func (d *Device) wait(do func() error) error {
	done := make(chan error, 1)
	d.send(call{do, done})
	select {
	case err := <-done:
		return err
	case <-d.closed:
		return errClosed
	}
}

// ask has the thread do something.
func (d *Device) ask(do func() error) { d.send(call{do: do}) }

func (d *Device) send(c call) {
	select {
	case d.calls <- c:
	case <-d.closed:
	}
}

var errClosed = errors.New("cuda: the device is closed")

// Alloc returns memory of the given size, whose content is anything.
func (d *Device) Alloc(bytes int) (p Pointer, err error) {
	err = d.wait(func() error {
		at, err := cu.MemAlloc(int64(bytes))
		if err != nil {
			free := ""
			if left, total, infoErr := cu.MemInfo(); infoErr == nil {
				free = fmt.Sprintf(", of which %d MiB of %d are free", left>>20, total>>20)
			}
			return failure(fmt.Sprintf("%d bytes on %s%s", bytes, d.Name, free), err)
		}
		p = Pointer(at)
		d.memory[p] = bytes
		return nil
	})
	return p, err
}

// Free gives memory back when the work asked for before is done with it.
func (d *Device) Free(p Pointer) {
	d.ask(func() error {
		delete(d.memory, p)
		return failure("giving memory back", cu.MemFree(cu.DevicePtr(p)))
	})
}

// Clear sets memory to zero.
func (d *Device) Clear(p Pointer, bytes int) {
	d.ask(func() error {
		return failure("clearing memory", cu.MemsetD8Async(cu.DevicePtr(p), 0, int64(bytes), d.stream))
	})
}

// Upload copies numbers to the device, and Download from it; both wait until it is done.
func Upload[T float32 | int32 | uint16](d *Device, to Pointer, from []T) error {
	return d.copy(unsafe.Pointer(unsafe.SliceData(from)), func(host unsafe.Pointer) error {
		return failure("copying to the GPU", cu.MemcpyHtoDAsync(cu.DevicePtr(to), host, int64(len(from))*int64(unsafe.Sizeof(from[0])), d.stream))
	})
}

// Download is the way back; see [Upload].
func Download[T float32 | int32 | uint16](d *Device, to []T, from Pointer) error {
	return d.copy(unsafe.Pointer(unsafe.SliceData(to)), func(host unsafe.Pointer) error {
		return failure("copying from the GPU", cu.MemcpyDtoHAsync(host, cu.DevicePtr(from), int64(len(to))*int64(unsafe.Sizeof(to[0])), d.stream))
	})
}

// copy begins a copy, which may go on after the call that begins it, and waits for its end: until then the garbage collector leaves the
// host's side alone.
func (d *Device) copy(host unsafe.Pointer, begin func(host unsafe.Pointer) error) error {
	var pin runtime.Pinner
	pin.Pin(host)
	defer pin.Unpin()
	return d.wait(func() error {
		if err := begin(host); err != nil {
			return err
		}
		return failure("waiting for the GPU", d.stream.Synchronize())
	})
}

// Wait returns when all that was asked for is done, and what went wrong in it.
func (d *Device) Wait() error {
	return d.wait(func() error { return failure("waiting for the GPU", d.stream.Synchronize()) })
}

// Launch has kernels run, one after the other, nothing of others between them.
func (d *Device) Launch(launches ...Launch) {
	d.ask(func() error {
		for _, l := range launches {
			if err := d.launch(l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Device) launch(l Launch) error {
	f, err := d.function(l.Module, l.Kernel)
	if err != nil {
		return err
	}
	if l.Shared > f.shared {
		if err := allowShared(f.Function, l.Shared); err != nil {
			return failure(fmt.Sprintf("%d bytes of shared memory for %s", l.Shared, l.Kernel), err)
		}
		f.shared = l.Shared
	}
	// Function.Launch reads 8 bytes behind every address, whatever the parameter has: a Param's Bits are 8.
	addresses := make([]unsafe.Pointer, len(l.Params))
	for i := range l.Params {
		addresses[i] = unsafe.Pointer(&l.Params[i].Bits)
	}
	if d.watch != nil {
		d.watch(l)
	}
	launch := func() error {
		return f.Launch(l.Grid.X, l.Grid.Y, l.Grid.Z, l.Block.X, l.Block.Y, l.Block.Z, l.Shared, d.stream, addresses)
	}
	if d.timed == nil {
		return failure("launching "+l.Kernel, launch())
	}
	seconds, err := d.time(launch)
	if err == nil {
		d.timed(l, seconds)
	}
	return failure("timing "+l.Kernel, err)
}

// function returns a kernel, whose module is loaded when the first of its kernels is asked for.
func (d *Device) function(module, kernel string) (*function, error) {
	if f := d.functions[kernel]; f != nil {
		return f, nil
	}
	m, ok := d.modules[module]
	if !ok {
		text, err := PTX(module, d.Capability)
		if err != nil {
			return nil, err
		}
		if m, err = cu.LoadData(text); err != nil {
			return nil, failure("loading the kernels of "+module, err)
		}
		d.modules[module] = m
	}
	f, err := m.Function(kernel)
	if err != nil {
		return nil, failure("finding "+kernel, err)
	}
	d.functions[kernel] = &function{Function: f}
	return d.functions[kernel], nil
}

// Close waits for the work and gives everything back, memory that is still allocated included. The Device must not be used any more. The
// error is the first that nobody was told of.
func (d *Device) Close() error {
	err := d.Wait()
	d.send(call{})
	<-d.closed
	if err != nil {
		return err
	}
	return d.Err()
}
