//go:build cuda

package tensor

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda"
)

// CUDA is the engine of a GPU, by package kernels/cuda. Its memory cannot be read by the host. Operators return when the work is asked for;
// what goes wrong in it makes a later operator fail, at the latest the one that brings a result back.
type CUDA struct {
	device    *cuda.Device
	precision Precision
	band      int

	mu          sync.Mutex // the working memory, from its use in one operator to the launches of it
	working     cuda.Pointer
	workingSize int
	rounded     atomic.Pointer[rounded] // what the working memory begins with, or nil
	plans       map[string]cuda.Pointer // of attentions, by their words
}

// OpenCUDA returns the engine of the GPU of the given number, counted from 0. [Mixed] wants a compute capability of 8.0. Close must follow.
func OpenCUDA(number int, p Precision) (*CUDA, error) {
	d, err := cuda.Open(number)
	if err != nil {
		return nil, err
	}
	if p == Mixed && d.Capability < 80 {
		return nil, errors.Join(fmt.Errorf("tensor: %s has no bfloat16, which precision mixed wants: use %v or %v", d.Name, F16, F32), d.Close())
	}
	return &CUDA{device: d, precision: p, band: cudaBand, plans: map[string]cuda.Pointer{}}, nil
}

func openCUDA(number int, p Precision) (Engine, func() error, error) {
	e, err := OpenCUDA(number, p)
	if err != nil {
		return nil, nil, err
	}
	return e, e.Close, nil
}

// Close waits for the work and gives all memory of the device back, parameters of models included. The error is the first that nobody was
// told of.
func (e *CUDA) Close() error {
	ReleaseArenas(e)
	return e.device.Close()
}

// Precision is that of [OpenCUDA].
func (e *CUDA) Precision() Precision { return e.precision }

// cudaBand is large: a GPU wants some thousand pixels for each of its multiprocessors.
const cudaBand = 16 << 20

// Band implements [Engine].
func (e *CUDA) Band() (elements, pixels int) { return e.band, 1 }

// String is the device's name, with the precision if that is not float32.
func (e *CUDA) String() string {
	if e.precision == F32 {
		return e.device.Name
	}
	return fmt.Sprintf("%s (%v)", e.device.Name, e.precision)
}

// products is the format in which matrices are multiplied.
func (e *CUDA) products() cuda.Format {
	return [...]cuda.Format{F32: cuda.F32, Mixed: cuda.BF16, F16: cuda.F16}[e.precision]
}

// Hardware is what the GPU's driver says of it.
func (e *CUDA) Hardware() cuda.Hardware { return e.device.Hardware }

// Time returns how many seconds the GPU takes for what operators in work ask for, until all of it is done.
func (e *CUDA) Time(work func() error) (seconds float64, err error) { return e.device.Time(work) }

// Watch has see called for every launch from here on; nil ends that. see may not use the engine.
func (e *CUDA) Watch(see func(cuda.Launch)) error { return e.device.Watch(see) }

// TimeEach has see called with every launch from here on and the seconds that it took; nil ends that. see may not use the engine.
func (e *CUDA) TimeEach(see func(l cuda.Launch, seconds float64)) error {
	return e.device.TimeEach(see)
}

// launch asks for kernels and fails if something asked for before has failed.
func (e *CUDA) launch(op string, launches ...cuda.Launch) {
	if err := e.device.Err(); err != nil {
		panic(&Error{Op: op, Reason: err.Error(), Err: err})
	}
	e.rounded.Store(nil)
	e.device.Launch(launches...)
}

// must fails an operator for which something had to be waited for.
func must(op string, err error) {
	if err != nil {
		panic(&Error{Op: op, Reason: err.Error(), Err: err})
	}
}

// onGPU is where a tensor of the device begins; 0 for nil.
func onGPU(t *Tensor) cuda.Pointer {
	if t == nil {
		return 0
	}
	return cuda.Pointer(t.Uintptr())
}

// Unary implements [Engine].
func (e *CUDA) Unary(op UnaryOp, dst, x *Tensor, a, b float32) {
	e.launch("Unary", cuda.Unary(cuda.UnaryOp(op), onGPU(dst), onGPU(x), elements(dst.Shape()), a, b))
}

// Binary implements [Engine].
func (e *CUDA) Binary(op BinaryOp, dst, x, y *Tensor, bc Broadcast) {
	e.launch("Binary", cuda.Binary(cuda.BinaryOp(op), onGPU(dst), onGPU(x), onGPU(y), bc.Shape, bc.XStrides, bc.YStrides)...)
}

// Reduce implements [Engine].
func (e *CUDA) Reduce(op ReduceOp, dst, x *Tensor, outer, n, inner int) {
	e.launch("Reduce", cuda.Reduce(cuda.ReduceOp(op), onGPU(dst), onGPU(x), outer, n, inner))
}

// Strided implements [Engine].
func (e *CUDA) Strided(dst, src *Tensor, shape, strides []int, offset int) {
	e.launch("Strided", cuda.Strided(onGPU(dst), onGPU(src), shape, strides, offset)...)
}

// Place implements [Engine].
func (e *CUDA) Place(dst, src *Tensor, outer, inner, pitch, offset int) {
	e.launch("Place", cuda.Place(onGPU(dst), onGPU(src), outer, inner, pitch, offset))
}

// Gather implements [Engine].
func (e *CUDA) Gather(dst, table *Tensor, ids []int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	place := e.work("Gather", len(ids))
	must("Gather", cuda.Upload(e.device, place, ids))
	e.launch("Gather", cuda.Gather(onGPU(dst), onGPU(table), place, len(ids), table.Shape()[1]))
}

// MatMul implements [Engine].
func (e *CUDA) MatMul(dst, a, b *Tensor, batch, m, k, n int, transB bool) {
	g := cuda.Gemm{Batch: batch, M: m, K: k, N: n, TransB: transB}
	e.launch("MatMul", g.Launch(onGPU(dst), onGPU(a), onGPU(b), cuda.Epilogue{}))
}

// packed is a weight on the device.
type packed struct {
	at     cuda.Pointer
	layout cuda.Packed
}

// pack packs a weight that lies at w as stored says. It is given back when nobody knows it any more.
func (e *CUDA) pack(op string, w cuda.Pointer, stored cuda.Format, layout cuda.Packed) *packed {
	at, err := e.device.Alloc(layout.Bytes())
	must(op, err)
	p := &packed{at, layout}
	runtime.AddCleanup(p, e.device.Free, at)
	e.launch(op, layout.LaunchFrom(stored, at, w))
	return p
}

// layout is how a parameter [out, in, kh, kw] is packed.
func (e *CUDA) layout(out, in, kh, kw int) cuda.Packed {
	return cuda.Packed{Format: e.products(), Out: out, In: in, Taps: kh * kw}
}

// PackLinear implements [Engine].
func (e *CUDA) PackLinear(w *Tensor) any {
	s := w.Shape()
	return e.pack("PackLinear", onGPU(w), cuda.F32, e.layout(s[0], s[1], 1, 1))
}

// PackGated implements [Engine].
func (e *CUDA) PackGated(w *Tensor) any {
	s := w.Shape()
	layout := e.layout(s[0], s[1], 1, 1)
	layout.Gated = true
	return e.pack("PackGated", onGPU(w), cuda.F32, layout)
}

// PackConv implements [Engine].
func (e *CUDA) PackConv(w *Tensor) any {
	s := w.Shape()
	return e.pack("PackConv", onGPU(w), cuda.F32, e.layout(s[0], s[1], s[2], s[3]))
}

// PackStored implements [StoredPacker]: the numbers go to the device as they are stored, and from there into their layout.
func (e *CUDA) PackStored(w kernels.Stored, to *Weight) (any, error) {
	layout := e.layout(to.rows(), to.In, to.KH, to.KW)
	layout.Gated = to.Gated
	e.mu.Lock()
	defer e.mu.Unlock()
	staging, err := e.stage("PackStored", w, layout.Out*layout.K())
	if err != nil {
		return nil, err
	}
	return e.pack("PackStored", staging, cuda.Format(w.Format), layout), nil
}

// ReadStored implements [StoredReader].
func (e *CUDA) ReadStored(w kernels.Stored, dst *Tensor) error {
	n := elements(dst.Shape())
	runtime.AddCleanup(dst, e.device.Free, onGPU(dst)) // as of a packed weight, when the model is gone
	e.rounded.Store(nil)                               // it may be what is written
	if w.Format == kernels.F32 {
		return cuda.Send(e.device, onGPU(dst), n, w.F32)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	staging, err := e.stage("ReadStored", w, n)
	if err != nil {
		return err
	}
	e.launch("ReadStored", cuda.Format(w.Format).Widen(onGPU(dst), staging, n))
	return nil
}

// stage has n numbers go to the device as they are stored. They are the operator's until it unlocks e.mu.
func (e *CUDA) stage(op string, w kernels.Stored, n int) (cuda.Pointer, error) {
	format := cuda.Format(w.Format) // both count them alike
	staging := e.work(op, (n*format.Size()+3)/4)
	if format == cuda.F32 {
		return staging, cuda.Send(e.device, staging, n, w.F32)
	}
	return staging, cuda.Send(e.device, staging, n, w.Half)
}

// onGPU is the epilogue in the words of package cuda.
func (ep Epilogue) onGPU() cuda.Epilogue {
	return cuda.Epilogue{Bias: onGPU(ep.Bias), Act: kernels.Activation(ep.Act), Residual: onGPU(ep.Residual)}
}

// Linear implements [Engine].
func (e *CUDA) Linear(dst, x *Tensor, w *Weight, ep Epilogue) {
	l, at := e.linear(x, w)
	if l.Row() {
		e.launch("Linear", l.Launches(onGPU(dst), onGPU(x), at, 0, ep.onGPU())...)
		return
	}
	e.product("Linear", x, w.In, l.Scratch(), func(x, scratch cuda.Pointer) []cuda.Launch { return l.Launches(onGPU(dst), x, at, scratch, ep.onGPU()) })
}

// linear is the shape of a linear layer, and where its weight lies.
func (e *CUDA) linear(x *Tensor, w *Weight) (l cuda.Linear, at cuda.Pointer) {
	p := w.Packed.(*packed)
	return cuda.Linear{Rows: elements(x.Shape()) / w.In, W: p.layout, On: e.device.Hardware}, p.at
}

// Conv2D implements [Engine].
func (e *CUDA) Conv2D(dst, x *Tensor, w *Weight, ep Epilogue, g ConvGeometry) {
	c, at := e.conv(dst, x, w, g)
	e.product("Conv2D", x, w.In, c.Scratch(), func(x, scratch cuda.Pointer) []cuda.Launch { return c.Launches(onGPU(dst), x, at, scratch, ep.onGPU()) })
}

// conv is the shape of a convolution, and where its weight lies.
func (e *CUDA) conv(dst, x *Tensor, w *Weight, g ConvGeometry) (c cuda.Conv, at cuda.Pointer) {
	p, s, o := w.Packed.(*packed), x.Shape(), dst.Shape()
	return cuda.Conv{N: s[0], H: s[1], W: s[2], C: s[3], Out: w.Out, KH: w.KH, KW: w.KW, Stride: g.Stride, Top: g.Top, Left: g.Left,
		OH: o[1], OW: o[2], Format: p.layout.Format, On: e.device.Hardware}, p.at
}

// GroupScales implements [Engine].
func (e *CUDA) GroupScales(scale, shift, x, gamma, beta *Tensor, groups int, eps float32) {
	s := x.Shape()
	n, c := s[0], s[len(s)-1]
	g := cuda.GroupNorm{N: n, HW: elements(s) / (n * c), C: c, Groups: groups, Eps: eps}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.launch("GroupScales", g.Launches(onGPU(scale), onGPU(shift), onGPU(x), onGPU(gamma), onGPU(beta), e.work("GroupScales", g.Scratch()))...)
}

// ScaleChannels implements [Engine].
func (e *CUDA) ScaleChannels(dst, x, scale, shift *Tensor, silu bool) {
	s := x.Shape()
	n, c := s[0], s[len(s)-1]
	e.rounding("ScaleChannels", dst, func(to cuda.Rounded) cuda.Launch {
		return cuda.ScaleChannels(onGPU(dst), onGPU(x), onGPU(scale), onGPU(shift), n, elements(s)/(n*c), c, silu, to)
	})
}

// LayerNorm implements [Engine].
func (e *CUDA) LayerNorm(dst, x, gamma, beta *Tensor, eps float32) {
	s := x.Shape()
	c := s[len(s)-1]
	e.rounding("LayerNorm", dst, func(to cuda.Rounded) cuda.Launch {
		return cuda.LayerNorm(onGPU(dst), onGPU(x), onGPU(gamma), onGPU(beta), elements(s)/c, c, eps, to)
	})
}

// Softmax implements [Engine].
func (e *CUDA) Softmax(dst, x *Tensor) {
	s := x.Shape()
	c := s[len(s)-1]
	e.launch("Softmax", cuda.Softmax(onGPU(dst), onGPU(x), elements(s)/c, c))
}

// Attention implements [Engine].
func (e *CUDA) Attention(dst, q, k, v *Tensor, p AttnParams) {
	s := q.Shape()
	a := cuda.NewAttention(e.products(), kernels.AttnShape{
		N: s[0], Heads: p.Heads, HeadDim: s[2] / p.Heads, Queries: s[1], Keys: k.Shape()[1], Scale: p.Scale, Causal: p.Causal,
	}, p.Regions.kernel(), p.Mass != nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	plan := e.plan(a.Plan)
	var scratch, mass cuda.Pointer
	if n := a.Scratch() + a.Masses(); n > 0 {
		scratch = e.work("Attention", n)
		mass = scratch + cuda.Pointer(4*a.Scratch())
	}
	if p.Mass == nil {
		mass = 0
	}
	e.launch("Attention", a.Launches(onGPU(dst), onGPU(q), onGPU(k), onGPU(v), plan, mass, scratch)...)
	if p.Mass != nil {
		must("Attention", cuda.Download(e.device, p.Mass, mass))
	}
}

// mostPlans bounds the plans that stay on the device. A run has one for each grid, set of rules and wish for masses.
const mostPlans = 256

// plan returns where the words of a plan are on the device; the same ones go there once.
func (e *CUDA) plan(words []int32) cuda.Pointer {
	if words == nil {
		return 0
	}
	key := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 4*len(words))
	if at, ok := e.plans[string(key)]; ok {
		return at
	}
	if len(e.plans) >= mostPlans {
		for _, at := range e.plans {
			e.device.Free(at)
		}
		clear(e.plans)
	}
	at, err := e.device.Alloc(4 * len(words))
	must("Attention", err)
	e.plans[string(key)] = at
	must("Attention", cuda.Upload(e.device, at, words))
	return at
}

// UpsampleNearest implements [Engine].
func (e *CUDA) UpsampleNearest(dst, x *Tensor) {
	s, o := x.Shape(), dst.Shape()
	e.launch("UpsampleNearest", cuda.UpsampleNearest(onGPU(dst), onGPU(x), s[0], s[1], s[2], s[3], o[1], o[2]))
}
