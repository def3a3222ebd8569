package tensor_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/tensor"
)

// second is another engine in ordinary memory. (A device whose memory the host cannot read is in package tensortest.)
type second struct{ tensor.CPU }

func TestTwoEngines(t *testing.T) {
	var e tensor.Engine = second{}
	x := count(2, 3)
	y := tensor.To(e, x)
	require.Equal(t, e, y.Engine())
	require.Same(t, y, tensor.To(e, y))
	require.Same(t, x, tensor.To(tensor.CPU{}, x))
	tensor.Floats(y)[0] = 9
	require.Equal(t, float32(0), tensor.Floats(x)[0], "To another engine is a copy")

	// Every kind of operator stays where its arguments are.
	w := tensor.PackLinear(tensor.NewOn(e, 4, 3))
	for _, z := range []*tensor.Tensor{
		tensor.NewOn(e), tensor.Clone(y), tensor.Scale(y, 2), tensor.Add(y, y), tensor.Sum(y, -1), tensor.Reshape(y, 6), tensor.Permute(y, 1, 0),
		tensor.Slice(y, 0, 0, 1), tensor.Split(y, 0, 2)[1], tensor.Concat(0, y, y), tensor.Gather(y, []int32{1}), tensor.BroadcastTo(y, 2, 2, 3),
		tensor.MatMulT(y, y), tensor.Linear(y, w, tensor.Epilogue{}), tensor.LayerNorm(y, nil, nil, 1e-5), tensor.Softmax(y),
		tensor.Contiguous(view(t, y, nil, gt.S(1))),
	} {
		require.Equal(t, e, z.Engine())
	}
	for want, f := range map[string]func(){
		"tensor: Mul [2 3], [2 3]: tensors live on different engines, tensor.CPU and tensor_test.second": func() { tensor.Mul(x, y) },
		"tensor: Concat [2 3], [2 3]: tensors live on different engines":                                 func() { tensor.Concat(0, x, y) },
		"tensor: LayerNorm [2 3], [3]: tensors live on different engines":                                func() { tensor.LayerNorm(y, tensor.New(3), nil, 1e-5) },
		"tensor: Linear [2 3]: the weight is packed for another engine, tensor_test.second, than tensor.CPU": func() {
			tensor.Linear(x, w, tensor.Epilogue{})
		},
	} {
		require.ErrorContains(t, caught(f), want)
	}
}

// foreign is an engine that is not of this package and whose memory the host cannot read.
type foreign struct{ gt.StdEng }

func (foreign) AllocAccessible() bool { return false }

func TestForeignDevice(t *testing.T) {
	x := gt.New(gt.Of(gt.Float32), gt.WithShape(2), gt.WithEngine(foreign{}))
	require.ErrorContains(t, caught(func() { tensor.Scale(x, 2) }),
		"tensor: Scale [2]: tensor_test.foreign is not an engine of this package, and its memory cannot be read")
}
