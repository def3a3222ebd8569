//go:build cuda

package tensor

import (
	"errors"
	"fmt"

	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/kernels/cuda"
)

// block is memory of the device.
type block struct {
	at   cuda.Pointer
	size int64
}

func (b block) Uintptr() uintptr { return uintptr(b.at) }
func (b block) MemSize() uintptr { return uintptr(b.size) }

// AllocAccessible implements gorgonia's Engine: the host cannot read the device's memory.
func (e *CUDA) AllocAccessible() bool { return false }

// Alloc implements gorgonia's Engine.
func (e *CUDA) Alloc(size int64) (gt.Memory, error) {
	at, err := e.device.Alloc(int(size))
	return block{at, size}, err
}

// Free implements gorgonia's Engine.
func (e *CUDA) Free(mem gt.Memory, _ int64) error {
	e.device.Free(cuda.Pointer(mem.Uintptr()))
	return nil
}

// Memclr implements gorgonia's Engine.
func (e *CUDA) Memclr(mem gt.Memory) {
	e.rounded.Store(nil) // it may be what is cleared
	e.device.Clear(cuda.Pointer(mem.Uintptr()), int(mem.MemSize()))
}

// Memcpy implements gorgonia's Engine between a tensor of the device and one of the host, either way.
func (e *CUDA) Memcpy(dst, src gt.Memory) error {
	to, ok1 := dst.(*Tensor)
	from, ok2 := src.(*Tensor)
	if !ok1 || !ok2 || elements(to.Shape()) != elements(from.Shape()) {
		return fmt.Errorf("tensor: cannot copy %T to %T", src, dst)
	}
	e.rounded.Store(nil) // it may be what is written
	switch onDevice, fromDevice := Device(to) == Engine(e), Device(from) == Engine(e); {
	case onDevice && !fromDevice:
		return cuda.Upload(e.device, onGPU(to), memory(from))
	case fromDevice && !onDevice:
		return cuda.Download(e.device, memory(to), onGPU(from))
	}
	return errors.New("tensor: a copy within a device is an operator")
}

// Memset implements gorgonia's Engine; nothing here asks for it.
func (e *CUDA) Memset(gt.Memory, interface{}) error { return errors.New("tensor: CUDA has no Memset") }

// Accessible implements gorgonia's Engine.
func (e *CUDA) Accessible(gt.Memory) (gt.Memory, error) {
	return nil, errors.New("tensor: the host cannot read a GPU's memory")
}

// WorksWith implements gorgonia's Engine.
func (e *CUDA) WorksWith(order gt.DataOrder) bool { return order.IsRowMajor() }

// work returns working memory of at least n float32, which is the operator's until it unlocks e.mu, to write to. It grows to what the largest wants.
func (e *CUDA) work(op string, n int) cuda.Pointer {
	e.rounded.Store(nil)
	if n > e.workingSize {
		if e.working != 0 {
			e.device.Free(e.working)
			e.working, e.workingSize = 0, 0
		}
		at, err := e.device.Alloc(4 * n)
		must(op, err)
		e.working, e.workingSize = at, n
	}
	return e.working
}
