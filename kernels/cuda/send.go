//go:build cuda

package cuda

import (
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// slotBytes is how much goes to the device at a time: enough that a copy's beginning does not count, and so little that several threads have
// something to do for a weight of a few megabytes. With mostSlots of them the bus is busy while the processor fills others.
const (
	slotBytes = 1 << 20
	mostSlots = 32
)

// slot is memory of the host from which the GPU fetches while the program goes on.
type slot struct {
	at     unsafe.Pointer
	copied cu.Event // there is nothing to be fetched from it any more
}

// slots are those that Send has made so far.
type slots struct {
	sync.Mutex // of who sends: what is asked for first is sent first
	made       []slot
	free       chan slot // those that nobody fills
}

// Send has n numbers go to the device. fill fills dst, memory of the host, with the numbers from number first on; several goroutines call it at
// once. Send returns when all of them are there: what is asked of the device then comes after they have gone. The error is fill's, or the device's.
func Send[T float32 | int32 | uint16](d *Device, to Pointer, n int, fill func(dst []T, first int) error) error {
	d.slots.Lock()
	defer d.slots.Unlock()
	var (
		group sync.WaitGroup
		once  sync.Once
		err   error
	)
	fail := func(reason error) { once.Do(func() { err = reason }) }
	size := int(unsafe.Sizeof(*new(T)))
	for first := 0; first < n; first += slotBytes / size {
		s, reason := d.slot()
		if reason != nil {
			fail(reason)
			break
		}
		group.Go(func() {
			defer func() { d.slots.free <- s }()
			dst := unsafe.Slice((*T)(s.at), min(n-first, slotBytes/size))
			if reason := d.wait(func() error { return failure("waiting for a copy", s.copied.Synchronize()) }); reason != nil {
				fail(reason)
				return
			}
			if reason := fill(dst, first); reason != nil {
				fail(reason)
				return
			}
			d.ask(func() error { return d.fetch(to+Pointer(first*size), s, len(dst)*size) })
		})
	}
	group.Wait()
	return err
}

// fetch has the GPU copy from a slot.
func (d *Device) fetch(to Pointer, s slot, bytes int) error {
	if err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), s.at, int64(bytes), d.stream); err != nil {
		return failure("copying to the GPU", err)
	}
	return failure("copying to the GPU", s.copied.Record(d.stream))
}

// slot returns one that nobody fills. As long as there may be more, it is a new one: an old one may still be waiting for the GPU.
func (d *Device) slot() (s slot, err error) {
	if len(d.slots.made) == mostSlots {
		return <-d.slots.free, nil
	}
	err = d.wait(func() (err error) {
		if s.at, err = allocHost(slotBytes); err != nil {
			return failure("memory that is copied to the GPU", err)
		}
		if s.copied, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			cu.MemFreeHost(s.at)
			return failure("an event", err)
		}
		d.slots.made = append(d.slots.made, s)
		return nil
	})
	return s, err
}

// destroy gives all slots back.
func (s *slots) destroy() (faults []error) {
	for _, one := range s.made {
		faults = append(faults, cu.DestroyEvent(&one.copied), cu.MemFreeHost(one.at))
	}
	return faults
}
