package tensortest_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// device is an engine as a GPU's would be: its addresses mean nothing to the host, and reading one kills the process. What is behind
// them is ordinary memory on which the CPU's engine works.
type device struct {
	base uintptr // of a reserved stretch of addresses without any rights

	mu   sync.Mutex
	free uintptr               // offset of the next allocation
	data map[uintptr][]float32 // by offset
}

const deviceSize = 8 << 30

func newDevice(t *testing.T) *device {
	t.Helper()
	stretch, err := syscall.Mmap(-1, 0, deviceSize, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Munmap(stretch)) })
	return &device{base: uintptr(unsafe.Pointer(unsafe.SliceData(stretch))), data: map[uintptr][]float32{}}
}

// memory is what lies behind mem, and whether mem is the device's at all.
func (d *device) memory(mem gt.Memory) ([]float32, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := mem.Uintptr() - d.base
	if mem.Uintptr() < d.base || at >= d.free {
		return nil, false
	}
	for start, data := range d.data {
		if start <= at && at < start+uintptr(len(data))*4 {
			return data[(at-start)/4:][:mem.MemSize()/4], true
		}
	}
	panic(fmt.Sprintf("address %#x is not allocated", mem.Uintptr()))
}

// host is a tensor of the CPU on the memory behind t.
func (d *device) host(t *tensor.Tensor) *tensor.Tensor {
	if t == nil {
		return nil
	}
	data, ok := d.memory(t)
	if !ok {
		panic("this tensor is not on the device")
	}
	if !slices.Equal(t.Strides(), t.Shape().CalcStrides()) {
		return tensor.FromSlice(data, len(data)) // a view, for Strided
	}
	return tensor.FromSlice(data, t.Shape()...)
}

type allocation struct{ address, size uintptr }

func (a allocation) Uintptr() uintptr { return a.address }
func (a allocation) MemSize() uintptr { return a.size }

func (d *device) AllocAccessible() bool { return false }

func (d *device) Alloc(size int64) (gt.Memory, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size > deviceSize-int64(d.free) {
		return nil, errors.New("out of device memory")
	}
	dirty := make([]float32, size/4)
	for i := range dirty {
		dirty[i] = 12345
	}
	at := d.free
	d.data[at] = dirty
	d.free += (uintptr(size) + 255) &^ 255
	return allocation{d.base + at, uintptr(size)}, nil
}

func (d *device) Free(mem gt.Memory, _ int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.data, mem.Uintptr()-d.base)
	return nil
}

func (d *device) Memset(gt.Memory, interface{}) error     { return errors.New("not needed") }
func (d *device) Accessible(gt.Memory) (gt.Memory, error) { return nil, errors.New("not accessible") }
func (d *device) WorksWith(order gt.DataOrder) bool       { return order.IsRowMajor() }

func (d *device) Memclr(mem gt.Memory) {
	data, _ := d.memory(mem)
	clear(data)
}

func (d *device) Memcpy(dst, src gt.Memory) error {
	if dst.MemSize() != src.MemSize() {
		return fmt.Errorf("%d bytes to %d", src.MemSize(), dst.MemSize())
	}
	read := func(mem gt.Memory) []float32 {
		if data, ok := d.memory(mem); ok {
			return data
		}
		return tensor.Floats(mem.(*tensor.Tensor))
	}
	copy(read(dst), read(src))
	return nil
}

var cpu tensor.CPU

// Band is small, so that there are bands.
func (d *device) Band() (elements, pixels int) { return 500, 1 }

func (d *device) Unary(op tensor.UnaryOp, dst, x *tensor.Tensor, a, b float32) {
	cpu.Unary(op, d.host(dst), d.host(x), a, b)
}
func (d *device) Binary(op tensor.BinaryOp, dst, x, y *tensor.Tensor, bc tensor.Broadcast) {
	cpu.Binary(op, d.host(dst), d.host(x), d.host(y), bc)
}
func (d *device) Reduce(op tensor.ReduceOp, dst, x *tensor.Tensor, outer, n, inner int) {
	cpu.Reduce(op, d.host(dst), d.host(x), outer, n, inner)
}
func (d *device) Strided(dst, src *tensor.Tensor, shape, strides []int, offset int) {
	cpu.Strided(d.host(dst), d.host(src), shape, strides, offset)
}
func (d *device) Place(dst, src *tensor.Tensor, outer, inner, pitch, offset int) {
	cpu.Place(d.host(dst), d.host(src), outer, inner, pitch, offset)
}
func (d *device) Gather(dst, table *tensor.Tensor, ids []int32) {
	cpu.Gather(d.host(dst), d.host(table), ids)
}
func (d *device) MatMul(dst, a, b *tensor.Tensor, batch, m, k, n int, transB bool) {
	cpu.MatMul(d.host(dst), d.host(a), d.host(b), batch, m, k, n, transB)
}
func (d *device) PackLinear(w *tensor.Tensor) any { return cpu.PackLinear(d.host(w)) }
func (d *device) PackGated(w *tensor.Tensor) any  { return cpu.PackGated(d.host(w)) }
func (d *device) PackConv(w *tensor.Tensor) any   { return cpu.PackConv(d.host(w)) }
func (d *device) Linear(dst, x *tensor.Tensor, w *tensor.Weight, ep tensor.Epilogue) {
	cpu.Linear(d.host(dst), d.host(x), w, d.epilogue(ep))
}
func (d *device) Conv2D(dst, x *tensor.Tensor, w *tensor.Weight, ep tensor.Epilogue, g tensor.ConvGeometry) {
	cpu.Conv2D(d.host(dst), d.host(x), w, d.epilogue(ep), g)
}
func (d *device) epilogue(ep tensor.Epilogue) tensor.Epilogue {
	return tensor.Epilogue{Bias: d.host(ep.Bias), Act: ep.Act, Residual: d.host(ep.Residual)}
}
func (d *device) GroupScales(scale, shift, x, gamma, beta *tensor.Tensor, groups int, eps float32) {
	cpu.GroupScales(d.host(scale), d.host(shift), d.host(x), d.host(gamma), d.host(beta), groups, eps)
}
func (d *device) ScaleChannels(dst, x, scale, shift *tensor.Tensor, silu bool) {
	cpu.ScaleChannels(d.host(dst), d.host(x), d.host(scale), d.host(shift), silu)
}
func (d *device) LayerNorm(dst, x, gamma, beta *tensor.Tensor, eps float32) {
	cpu.LayerNorm(d.host(dst), d.host(x), d.host(gamma), d.host(beta), eps)
}
func (d *device) Softmax(dst, x *tensor.Tensor) { cpu.Softmax(d.host(dst), d.host(x)) }
func (d *device) Attention(dst, q, k, v *tensor.Tensor, p tensor.AttnParams) {
	cpu.Attention(d.host(dst), d.host(q), d.host(k), d.host(v), p)
}
func (d *device) UpsampleNearest(dst, x *tensor.Tensor) {
	cpu.UpsampleNearest(d.host(dst), d.host(x))
}

// TestDevice says that no operator and no test of the suite reaches into memory the host cannot read.
func TestDevice(t *testing.T) { tensortest.RunEngine(t, newDevice(t)) }

// TestDeviceOperators runs what the suite of engines does not: the operators around them.
func TestDeviceOperators(t *testing.T) {
	d := newDevice(t)
	x := tensor.To(d, tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 4))
	want := func(want []float32, got *tensor.Tensor, shape ...int) {
		t.Helper()
		require.Equal(t, tensor.Engine(d), got.Engine())
		require.Equal(t, tensor.Shape(shape), got.Shape())
		require.Equal(t, want, tensor.Floats(got))
	}
	want([]float32{10}, tensor.Slice(tensor.Slice(x, 0, 2, 3), 1, 1, 2), 1, 1)
	want([]float32{5, 6, 7, 8}, tensor.Flatten(tensor.Slice(x, 0, 1, 2)), 1, 4)
	want([]float32{1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12}, tensor.Permute(x, 1, 0), 4, 3)
	want([]float32{1, 2, 5, 6, 9, 10}, tensor.Split(x, 1, 2)[0], 3, 2)
	want([]float32{1, 2, 3, 4, 1, 2, 3, 4}, tensor.Concat(0, tensor.Slice(x, 0, 0, 1), tensor.Slice(x, 0, 0, 1)), 2, 4)
	rows := tensor.BroadcastTo(tensor.Slice(x, 0, 0, 1), 3, 4)
	want([]float32{20, 21, 22}, tensor.Add(tensor.Sum(rows, 1), tensor.Gather(tensor.Reshape(x, 4, 3), []int32{3})), 1, 3)
	want([]float32{78}, tensor.Sum(x, -1), 1)
	require.Same(t, x, tensor.To(d, x))
	require.Equal(t, tensor.ToF16(tensor.To(cpu, x)), tensor.ToF16(x))

	// gorgonia's views, cut and turned on the device.
	view, err := x.Slice(gt.S(1, 3), gt.S(1, 3))
	require.NoError(t, err)
	want([]float32{6, 7, 10, 11}, tensor.Contiguous(view.(*tensor.Tensor)), 2, 2)
	turned := tensor.Clone(x)
	require.NoError(t, turned.T())
	want([]float32{2, 10, 18, 4, 12, 20, 6, 14, 22, 8, 16, 24}, tensor.Scale(turned, 2), 4, 3)

	// From one device to another by way of the host.
	other := newDevice(t)
	require.Equal(t, tensor.Floats(x), tensor.Floats(tensor.To(other, x)))

	refused := func(want string, f func()) {
		t.Helper()
		err := func() (err error) {
			defer tensor.Catch(&err)
			f()
			return nil
		}()
		require.ErrorContains(t, err, want)
	}
	refused("tensor: Add [3 4], [3 4]: tensors live on different engines, *tensortest_test.device and tensor.CPU", func() {
		tensor.Add(x, tensor.To(cpu, x))
	})
	w := tensor.PackLinear(tensor.New(2, 4))
	refused("packed for another engine", func() { tensor.Linear(x, w, tensor.Epilogue{}) })
	refused("on *tensortest_test.device: out of device memory", func() { tensor.NewOn(d, 1<<40) })
}
