package face

import (
	"embed"
	"math"
	"slices"
	"sync"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// network is dlib's face recognition network (dnn_face_recognition_ex.cpp): a ResNet of 29 convolutions without the last activation. Its affine
// layers are folded into the convolutions before them (model/convert.py).
type network struct {
	stem   *nn.Conv2D
	blocks []block
	fc     *nn.Linear
}

// block is two convolutions with a shortcut; one that halves the picture begins with a stride of 2.
type block struct {
	conv1, conv2 *nn.Conv2D
	halves       bool
}

// stages are the residual blocks: n of c channels, of which the first halves the picture, if any does.
var stages = []struct {
	n, c   int
	halves bool
}{{3, 32, false}, {4, 64, true}, {3, 128, true}, {3, 256, true}, {1, 256, true}}

//go:embed model/embedding.safetensors
var embedding embed.FS

var resnet = sync.OnceValue(func() *network {
	n, err := load()
	if err != nil {
		panic(err) // it is embedded
	}
	return n
})

func load() (*network, error) {
	src, err := weights.OpenFolder(embedding, "model", "embedding")
	if err != nil {
		return nil, err
	}
	defer src.Close()
	s := weights.NewScope(src)
	in := 32
	n := &network{stem: nn.LoadConv2D(s.Sub("stem"), 3, in, 7, 2, tensor.Padding{}), fc: nn.LoadLinear(s.Sub("fc"), 256, Dim, false)}
	for _, stage := range stages {
		for i := range stage.n {
			at := s.Sub("blocks").Index(len(n.blocks))
			b := block{conv2: nn.LoadConv3x3(at.Sub("conv2"), stage.c, stage.c), halves: stage.halves && i == 0}
			if b.halves {
				b.conv1 = nn.LoadConv2D(at.Sub("conv1"), in, stage.c, 3, 2, tensor.Padding{})
			} else {
				b.conv1 = nn.LoadConv3x3(at.Sub("conv1"), in, stage.c)
			}
			n.blocks, in = append(n.blocks, b), stage.c
		}
	}
	return n, s.Err()
}

// forward returns [1, 128] for a chip [1, 150, 150, 3] of RGB in 0 … 255.
func (n *network) forward(x *tensor.Tensor) *tensor.Tensor {
	mean := tensor.FromSlice([]float32{122.782, 117.001, 104.298}, 3)
	x = tensor.Scale(tensor.Sub(x, mean), 1./256)
	x = pool(relu(n.stem.Forward(x)), 3, func(window []float32) float32 { return slices.Max(window) })
	for i := range n.blocks {
		x = n.blocks[i].forward(x)
	}
	return n.fc.Forward(tensor.Mean(tensor.Mean(x, 1), 1))
}

// forward returns [1, h', w', out] for x [1, h, w, in].
func (b *block) forward(x *tensor.Tensor) *tensor.Tensor {
	y := b.conv2.Forward(relu(b.conv1.Forward(x)))
	if b.halves {
		x = pool(x, 2, func(window []float32) float32 { return (window[0] + window[1] + window[2] + window[3]) / 4 })
	}
	return relu(addPadded(y, x))
}

func relu(x *tensor.Tensor) *tensor.Tensor { return tensor.Clamp(x, 0, float32(math.Inf(1))) }

// pool returns reduce of each window of size×size in steps of 2, for each channel, where the window lies within x [1, h, w, c].
func pool(x *tensor.Tensor, size int, reduce func(window []float32) float32) *tensor.Tensor {
	s, from := x.Shape(), tensor.Floats(x)
	w, c := s[2], s[3]
	y := tensor.New(1, (s[1]-size)/2+1, (w-size)/2+1, c)
	to := tensor.Floats(y)
	window := make([]float32, size*size)
	for i := range to {
		row, column, channel := i/c/y.Shape()[2]*2, i/c%y.Shape()[2]*2, i%c
		for j := range window {
			window[j] = from[((row+j/size)*w+column+j%size)*c+channel]
		}
		to[i] = reduce(window)
	}
	return y
}

// addPadded returns x + y of [1, h, w, c], where each counts as 0 beyond its own height, width and channels (dlib's add_prev).
func addPadded(x, y *tensor.Tensor) *tensor.Tensor {
	a, b := x.Shape(), y.Shape()
	sum := tensor.New(1, max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
	to, s := tensor.Floats(sum), sum.Shape()
	for _, t := range []*tensor.Tensor{x, y} {
		n, from := t.Shape(), tensor.Floats(t)
		for i, v := range from {
			row, column, channel := i/n[3]/n[2], i/n[3]%n[2], i%n[3]
			to[(row*s[2]+column)*s[3]+channel] += v
		}
	}
	return sum
}
