package tensor

import (
	"errors"
	"sync/atomic"

	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/kernels"
)

// Dry is an engine that computes nothing and has no memory: a network on it takes and gives back what a real one would, step by step, and
// [ArenaPeak] tells afterwards how much an evaluation needs. The numbers it gives are all zero. Its addresses mean nothing to anybody.
type Dry struct {
	next   atomic.Int64 // the address after the last allocation
	packed atomic.Int64
	like   Engine

	each, together atomic.Int64 // the most that a kernel works in on each thread, and on all of them
}

// NewDry returns an engine that takes what e would. Of weights it knows only how the CPU packs them.
func NewDry(e Engine) *Dry {
	d := &Dry{like: device(e)}
	d.next.Store(1 << 46) // no memory lies there
	return d
}

// Packed is how many bytes the weights take that were packed from a file.
func (d *Dry) Packed() int64 { return d.packed.Load() }

// Working is how many bytes the kernels of what was evaluated since ResetWorking work in beside the tensors: those of the CPU, on as many threads as
// they have now.
func (d *Dry) Working() int64 {
	return d.each.Load()*int64(kernels.Threads()) + d.together.Load()
}

// ResetWorking begins to measure [Dry.Working] anew.
func (d *Dry) ResetWorking() {
	d.each.Store(0)
	d.together.Store(0)
}

// most makes of a the larger of both.
func most(a *atomic.Int64, n int64) {
	for old := a.Load(); old < n && !a.CompareAndSwap(old, n); old = a.Load() {
	}
}

// PackStored implements [StoredPacker] without reading.
func (d *Dry) PackStored(w kernels.Stored, to *Weight) (any, error) {
	cpu, _ := d.like.(CPU)
	k := to.KH * to.KW * to.In
	switch { // as CPU.settle does; a float32 weight that would lose nothing in 16 bits is not known before it is read
	case cpu.Precision == Mixed && to.KH*to.KW == 1:
		w.Format = kernels.BF16
	case k*to.rows() < smallWeight:
		w.Format = kernels.F32
	}
	d.packed.Add(kernels.PackedBytes(k, to.rows(), w.Format))
	return nil, nil
}

type dryMemory struct {
	address uintptr
	size    int64
}

func (m dryMemory) Uintptr() uintptr { return m.address }
func (m dryMemory) MemSize() uintptr { return uintptr(m.size) }

// AllocAccessible implements gorgonia's Engine, as the next ones do.
func (d *Dry) AllocAccessible() bool { return false }

// Alloc gives addresses that nothing else has.
func (d *Dry) Alloc(size int64) (gt.Memory, error) {
	return dryMemory{uintptr(d.next.Add(size) - size), size}, nil
}

func (d *Dry) Free(gt.Memory, int64) error             { return nil }
func (d *Dry) Memset(gt.Memory, any) error             { return nil }
func (d *Dry) Memclr(gt.Memory)                        {}
func (d *Dry) Memcpy(_, _ gt.Memory) error             { return nil }
func (d *Dry) Accessible(gt.Memory) (gt.Memory, error) { return nil, errors.New("there is no memory") }
func (d *Dry) WorksWith(order gt.DataOrder) bool       { return order.IsRowMajor() }

// What follows implements [Engine].

func (d *Dry) Band() (elements, pixels int) { return d.like.Band() }

func (d *Dry) Conv2D(_, x *Tensor, w *Weight, _ Epilogue, g ConvGeometry) {
	if _, ok := d.like.(CPU); ok {
		each, together := w.shape(x, g).WorkingMemory()
		most(&d.each, each)
		most(&d.together, together)
	}
}

func (d *Dry) Unary(UnaryOp, *Tensor, *Tensor, float32, float32)     {}
func (d *Dry) Binary(BinaryOp, *Tensor, *Tensor, *Tensor, Broadcast) {}
func (d *Dry) Reduce(ReduceOp, *Tensor, *Tensor, int, int, int)      {}
func (d *Dry) Strided(_, _ *Tensor, _, _ []int, _ int)               {}
func (d *Dry) Place(_, _ *Tensor, _, _, _, _ int)                    {}
func (d *Dry) Gather(_, _ *Tensor, _ []int32)                        {}
func (d *Dry) MatMul(_, _, _ *Tensor, _, _, _, _ int, _ bool)        {}
func (d *Dry) PackLinear(*Tensor) any                                { return nil }
func (d *Dry) PackGated(*Tensor) any                                 { return nil }
func (d *Dry) PackConv(*Tensor) any                                  { return nil }
func (d *Dry) Linear(_, _ *Tensor, _ *Weight, _ Epilogue)            {}
func (d *Dry) GroupScales(_, _, _, _, _ *Tensor, _ int, _ float32)   {}
func (d *Dry) ScaleChannels(_, _, _, _ *Tensor, _ bool)              {}
func (d *Dry) LayerNorm(_, _, _, _ *Tensor, _ float32)               {}
func (d *Dry) Softmax(_, _ *Tensor)                                  {}
func (d *Dry) Attention(_, _, _, _ *Tensor, _ AttnParams)            {}
func (d *Dry) UpsampleNearest(_, _ *Tensor)                          {}
