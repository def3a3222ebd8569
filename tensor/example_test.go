package tensor_test

import (
	"fmt"

	gt "gorgonia.org/tensor"

	"github.com/sowgen/sowgen/tensor"
)

// A tensor is made of zeros, of one number, or on a slice of one's own.
func Example() {
	zeros := tensor.New(2, 3)
	ones := tensor.Full(1, 2, 3)
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)

	y := tensor.Sub(tensor.Scale(x, 2), tensor.Add(zeros, ones)) // 2x - 1; x itself stays
	fmt.Println(y.Shape(), tensor.Floats(y))
	// Output: (2, 3) [1 3 5 7 9 11]
}

// Shapes are aligned at the last axis; an axis of 1, or one that is not there, repeats.
func ExampleAdd() {
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	row := tensor.FromSlice([]float32{10, 20, 30}, 3)
	column := tensor.FromSlice([]float32{100, 200}, 2, 1)

	fmt.Println(tensor.Floats(tensor.Add(x, row)))
	fmt.Println(tensor.Floats(tensor.Add(x, column)))
	both := tensor.Add(row, column)
	fmt.Println(both.Shape(), tensor.Floats(both))
	// Output:
	// [11 22 33 14 25 36]
	// [101 102 103 204 205 206]
	// (2, 3) [110 120 130 210 220 230]
}

func ExampleSub() {
	fmt.Println(tensor.Floats(tensor.Sub(tensor.Full(5, 2), tensor.FromSlice([]float32{1, 2}, 2))))
	// Output: [4 3]
}

// A mask lays one picture over another: m·x + (1-m)·y, here with one number of the mask for all channels of a pixel.
func ExampleMul() {
	x, y := tensor.Full(1, 1, 1, 2, 3), tensor.Full(5, 1, 1, 2, 3)
	mask := tensor.FromSlice([]float32{1, 0}, 1, 1, 2, 1)
	kept := tensor.Add(tensor.Mul(mask, x), tensor.Mul(tensor.Affine(mask, -1, 1), y))
	fmt.Println(tensor.Floats(kept))
	// Output: [1 1 1 5 5 5]
}

func ExampleDiv() {
	x := tensor.FromSlice([]float32{1, -1, 0}, 3)
	fmt.Println(tensor.Floats(tensor.Div(x, tensor.FromSlice([]float32{4}))))
	fmt.Println(tensor.Floats(tensor.Div(x, tensor.New(3))))
	// Output:
	// [0.25 -0.25 0]
	// [+Inf -Inf NaN]
}

func ExampleMax() {
	x := tensor.FromSlice([]float32{-1, 0, 1}, 3)
	fmt.Println(tensor.Floats(tensor.Max(x, tensor.New(1))), tensor.Floats(tensor.Min(x, tensor.New(1))))
	// Output: [0 0 1] [-1 0 0]
}

// Pixels go from [0, 1] to [-1, 1] and back.
func ExampleAffine() {
	x := tensor.Affine(tensor.FromSlice([]float32{0, 0.5, 1}, 3), 2, -1)
	fmt.Println(tensor.Floats(x))
	fmt.Println(tensor.Floats(tensor.Clamp(tensor.Affine(tensor.Scale(x, 1.5), 0.5, 0.5), 0, 1)))
	// Output:
	// [-1 0 1]
	// [0 0.5 1]
}

// Noise is mixed into latents.
func ExampleAxpby() {
	latents, noise := tensor.FromSlice([]float32{1, 2}, 2), tensor.FromSlice([]float32{10, -10}, 2)
	fmt.Println(tensor.Floats(tensor.Axpby(0.5, latents, 0.25, noise)))
	// Output: [3 -1.5]
}

func ExampleSiLU() {
	x := tensor.FromSlice([]float32{-1, 0, 1}, 3)
	fmt.Printf("%.4f %.4f %.4f\n", tensor.Floats(tensor.SiLU(x)), tensor.Floats(tensor.GELU(x)), tensor.Floats(tensor.QuickGELU(x)))
	// Output: [-0.2689 0.0000 0.7311] [-0.1587 0.0000 0.8413] [-0.1542 0.0000 0.8458]
}

func ExampleExp() {
	x := tensor.FromSlice([]float32{0, 1, 2}, 3)
	fmt.Printf("%.3f %.3f\n", tensor.Floats(tensor.Exp(x)), tensor.Floats(tensor.Log(tensor.Exp(x))))
	fmt.Println(tensor.Floats(tensor.Sqrt(tensor.FromSlice([]float32{4, 9}, 2))), tensor.Floats(tensor.Abs(tensor.Full(-1, 2))))
	// Output:
	// [1.000 2.718 7.389] [0.000 1.000 2.000]
	// [2 3] [1 1]
}

func ExampleSum() {
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	fmt.Println(tensor.Floats(tensor.Sum(x, 0)), tensor.Floats(tensor.Sum(x, 1)), tensor.Floats(tensor.Sum(x, -1)))
	fmt.Println(tensor.Floats(tensor.Mean(x, 1)), tensor.Floats(tensor.ReduceMax(x, 1)), tensor.Floats(tensor.ReduceMin(x, -1)))
	// Output:
	// [5 7 9] [6 15] [21]
	// [2 5] [3 6] [1]
}

// A feature map of 2×3 pixels is a sequence of 6 tokens: the same memory under another header.
func ExampleReshape() {
	picture := tensor.New(1, 2, 3, 4)
	tokens := tensor.Reshape(picture, 1, -1, 4)
	tensor.Floats(tokens)[0] = 7
	fmt.Println(tokens.Shape(), picture.Shape(), tensor.Floats(picture)[0], tensor.Flatten(picture).Shape())
	// Output: (1, 6, 4) (1, 2, 3, 4) 7 (1, 24)
}

func ExamplePermute() {
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	y := tensor.Permute(x, 1, 0)
	fmt.Println(y.Shape(), tensor.Floats(y))
	// Output: (3, 2) [1 4 2 5 3 6]
}

// Files and PyTorch keep the channels of a picture apart; here they lie side by side.
func ExampleToChannelsLast() {
	rgb := tensor.FromSlice([]float32{1, 2, 10, 20, 100, 200}, 1, 3, 1, 2) // red 1 2, green 10 20, blue 100 200
	x := tensor.ToChannelsLast(rgb)
	fmt.Println(x.Shape(), tensor.Floats(x))
	fmt.Println(tensor.Floats(tensor.ToChannelsFirst(x)))
	// Output:
	// (1, 1, 2, 3) [1 10 100 2 20 200]
	// [1 2 10 20 100 200]
}

// One prediction for two prompts is cut apart again.
func ExampleSplit() {
	both := tensor.Concat(0, tensor.Full(1, 1, 2), tensor.Full(2, 1, 2))
	halves := tensor.Split(both, 0, 2)
	fmt.Println(both.Shape(), tensor.Floats(halves[0]), tensor.Floats(halves[1]))
	fmt.Println(tensor.Floats(tensor.Slice(both, 1, 1, 2)))
	// Output:
	// (2, 2) [1 1] [2 2]
	// [1 2]
}

// An embedding is a row of a table for each token.
func ExampleGather() {
	table := tensor.FromSlice([]float32{0, 0, 10, 11, 20, 21}, 3, 2)
	x := tensor.Gather(table, []int32{2, 0, 1, 1})
	fmt.Println(x.Shape(), tensor.Floats(x))
	// Output: (4, 2) [20 21 0 0 10 11 10 11]
}

func ExampleBroadcastTo() {
	x := tensor.BroadcastTo(tensor.FromSlice([]float32{1, 2}, 2, 1), 2, 3)
	fmt.Println(tensor.Floats(x))
	// Output: [1 1 1 2 2 2]
}

func ExampleMatMul() {
	a := tensor.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	b := tensor.FromSlice([]float32{0, 1, 1, 0}, 2, 2)
	fmt.Println(tensor.Floats(tensor.MatMul(a, b)))
	fmt.Println(tensor.Floats(tensor.MatMulT(a, a))) // a·aᵀ

	stack := tensor.Concat(0, tensor.Reshape(a, 1, 2, 2), tensor.Reshape(b, 1, 2, 2))
	fmt.Println(tensor.MatMul(stack, b).Shape())
	// Output:
	// [2 1 4 3]
	// [5 11 11 25]
	// (2, 2, 2)
}

// A weight is packed once and used often.
func ExampleLinear() {
	weight := tensor.PackLinear(tensor.FromSlice([]float32{1, 0, 0, 0, 1, 1}, 2, 3)) // [out, in]
	bias := tensor.FromSlice([]float32{10, 20}, 2)
	x := tensor.FromSlice([]float32{1, 2, 3}, 1, 1, 3)
	y := tensor.Linear(x, weight, tensor.Epilogue{Bias: bias})
	fmt.Println(y.Shape(), tensor.Floats(y))
	// Output: (1, 1, 2) [11 25]
}

// What follows a product is done where it is stored: here a bias, SiLU and a residual, which is the same for both rows.
func ExampleEpilogue() {
	weight := tensor.PackLinear(tensor.FromSlice([]float32{1, 2}, 1, 2)) // [out, in]
	x := tensor.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	y := tensor.Linear(x, weight, tensor.Epilogue{
		Bias:     tensor.FromSlice([]float32{-5}, 1),
		Act:      tensor.ActSiLU,
		Residual: tensor.FromSlice([]float32{10}, 1, 1),
	})
	fmt.Printf("%.3f\n", tensor.Floats(y))
	// Output: [10.000 15.985]
}

// A 3×3 kernel of ones adds up each pixel's neighbourhood; with stride 2 every other one.
func ExampleConv2D() {
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 3, 3, 1)
	ones := tensor.PackConv(tensor.Full(1, 1, 1, 3, 3)) // [out, in, kh, kw]
	fmt.Println(tensor.Floats(tensor.Conv2D(x, ones, tensor.Epilogue{}, 1, tensor.Pad(1))))
	y := tensor.Conv2D(x, ones, tensor.Epilogue{}, 2, tensor.Padding{Bottom: 1, Right: 1})
	fmt.Println(y.Shape(), tensor.Floats(y))
	// Output:
	// [12 21 16 27 45 33 24 39 28]
	// (1, 1, 1, 1) [45]
}

func ExampleUpsampleNearest() {
	x := tensor.FromSlice([]float32{1, 2}, 1, 1, 2, 1)
	fmt.Println(tensor.Floats(tensor.UpsampleNearest(x, 2, 3)))
	// Output: [1 1 2 1 1 2]
}

// Each group of channels of each picture gets mean 0 and variance 1, and then its channels' own scale and shift.
func ExampleGroupNorm() {
	x := tensor.FromSlice([]float32{1, 3, 10, 30, 1, 3, 10, 30}, 1, 2, 4)
	fmt.Printf("%.2f\n", tensor.Floats(tensor.GroupNorm(x, nil, nil, 2, 1e-5)))
	gamma, beta := tensor.FromSlice([]float32{1, 1, 2, 2}, 4), tensor.FromSlice([]float32{0, 0, 5, 5}, 4)
	fmt.Printf("%.2f\n", tensor.Floats(tensor.GroupNorm(x, gamma, beta, 2, 1e-5)))
	fmt.Printf("%.2f\n", tensor.Floats(tensor.GroupNormSiLU(x, gamma, beta, 2, 1e-5)))
	// Output:
	// [-1.00 1.00 -1.00 1.00 -1.00 1.00 -1.00 1.00]
	// [-1.00 1.00 3.00 7.00 -1.00 1.00 3.00 7.00]
	// [-0.27 0.73 2.86 6.99 -0.27 0.73 2.86 6.99]
}

func ExampleLayerNorm() {
	x := tensor.FromSlice([]float32{1, 3, 100, 300}, 2, 2)
	fmt.Printf("%.2f\n", tensor.Floats(tensor.LayerNorm(x, nil, nil, 1e-5)))
	// Output: [-1.00 1.00 -1.00 1.00]
}

func ExampleSoftmax() {
	x := tensor.FromSlice([]float32{0, 0, 1000, 1001}, 2, 2)
	fmt.Printf("%.3f\n", tensor.Floats(tensor.Softmax(x)))
	// Output: [0.500 0.500 0.269 0.731]
}

// The second half of the rows opens and shuts the first.
func ExamplePackGated() {
	weight := tensor.PackGated(tensor.FromSlice([]float32{5, 5, 5, -10, 0, 10}, 6, 1))
	x := tensor.FromSlice([]float32{1}, 1, 1)
	fmt.Printf("%.1f\n", tensor.Floats(tensor.Linear(x, weight, tensor.Epilogue{})))
	// Output: [-0.0 0.0 50.0]
}

// Three tokens look for the value of the key that is like them.
func ExampleAttention() {
	k := tensor.FromSlice([]float32{9, 0, 0, 9, -9, -9}, 1, 3, 2)
	v := tensor.FromSlice([]float32{1, 1, 2, 2, 3, 3}, 1, 3, 2)
	fmt.Printf("%.2f\n", tensor.Floats(tensor.Attention(k, k, v, tensor.AttnParams{Heads: 1})))
	// A text model's tokens read only what came before.
	q := tensor.New(1, 3, 2) // without an opinion: the mean of what they may read
	fmt.Printf("%.2f\n", tensor.Floats(tensor.Attention(q, k, v, tensor.AttnParams{Heads: 1, Causal: true})))
	// Output:
	// [1.00 1.00 2.00 2.00 3.00 3.00]
	// [1.00 1.00 1.50 1.50 2.00 2.00]
}

// On a 2×2 grid the left cells are the background and the right ones a face. Cell 0 reads all alike; then the background is told to give
// the face three quarters of its attention, or none.
func ExampleAttention_regions() {
	regions := &tensor.Regions{
		Height: 2, Width: 2,
		Labels: []uint8{0, 1, 0, 1},
		Rules:  [][]tensor.Rule{{{}, {}}, {{}, {}}},
	}
	q, v := tensor.New(1, 4, 1), tensor.FromSlice([]float32{1, 2, 1, 2}, 1, 4, 1)
	show := func(rule tensor.Rule) {
		regions.Rules[0][1] = rule
		mass := make([]float32, 2*2)
		y := tensor.Attention(q, q, v, tensor.AttnParams{Heads: 1, Regions: regions, Mass: mass})
		fmt.Printf("background %.2f, face %.2f; the background reads itself %.2f, the face %.2f\n",
			tensor.Floats(y)[0], tensor.Floats(y)[1], mass[0], mass[1])
	}
	show(tensor.Rule{})
	show(tensor.Rule{Target: 0.75})
	show(tensor.Rule{Block: true})
	// Output:
	// background 1.50, face 1.50; the background reads itself 0.50, the face 0.50
	// background 1.75, face 1.50; the background reads itself 0.25, the face 0.75
	// background 1.00, face 1.50; the background reads itself 1.00, the face 0.00
}

// A UNet works on grids of half, a quarter and an eighth of the size. One cell of the larger label takes the cell it falls in.
func ExampleRegions_At() {
	regions := &tensor.Regions{
		Height: 4, Width: 4,
		Labels: []uint8{
			0, 0, 0, 0,
			0, 1, 0, 0,
			0, 0, 0, 0,
			0, 0, 0, 0,
		},
		Rules:    [][]tensor.Rule{{{}, {Target: 0.5}}, {{}, {}}},
		Smallest: 2,
	}
	fmt.Println(regions.At(2, 2).Labels)
	fmt.Println(regions.At(1, 1) == nil) // below Smallest: plain attention
	// Output:
	// [1 0 0 0]
	// true
}

func ExampleRegions_Validate() {
	regions := &tensor.Regions{Height: 1, Width: 2, Labels: []uint8{0, 3}, Rules: [][]tensor.Rule{{{}}}}
	fmt.Println(regions.Validate())
	// Output: tensor: regions: label 3 at row 0, column 1 has no rules
}

// Operators panic on shapes that do not fit; at a library's door that becomes an error.
func ExampleCatch() {
	forward := func(x *tensor.Tensor) (y *tensor.Tensor, err error) {
		defer tensor.Catch(&err)
		return tensor.Add(x, tensor.New(4)), nil
	}
	_, err := forward(tensor.New(2, 3))
	fmt.Println(err)
	// Output: tensor: Add [2 3], [4]: shapes do not broadcast
}

func ExampleToF16() {
	x := tensor.FromSlice([]float32{1, 0.1, 65520}, 3)
	half := tensor.ToF16(x)
	fmt.Printf("%04x %v\n", half, tensor.Floats(tensor.FromF16(half, 3)))
	brain := tensor.ToBF16(x)
	fmt.Printf("%04x %v\n", brain, tensor.Floats(tensor.FromBF16(brain, 3)))
	// Output:
	// [3c00 2e66 7c00] [1 0.099975586 +Inf]
	// [3f80 3dcd 4780] [1 0.100097656 65536]
}

// gorgonia's tensors go in, its views too.
func ExampleContiguous() {
	x := gt.New(gt.WithShape(2, 3), gt.WithBacking([]float32{1, 2, 3, 4, 5, 6}))
	view, err := x.Slice(nil, gt.S(0, 2)) // the first two columns
	if err != nil {
		panic(err)
	}
	y := view.(*tensor.Tensor)
	fmt.Println(tensor.Floats(tensor.Contiguous(y)), tensor.Floats(tensor.Scale(y, 10)))
	// Output: [1 2 4 5] [10 20 40 50]
}

// A tensor is put on an engine, and operators run where their arguments live. Here the engine is the CPU's, where it is already.
func ExampleTo() {
	var e tensor.Engine = tensor.CPU{}
	x := tensor.To(e, tensor.Full(2, 3))
	y := tensor.Add(x, tensor.NewOn(e, 3))
	fmt.Println(y.Engine() == e, tensor.Floats(y))
	// Output: true [2 2 2]
}

func ExampleClone() {
	x := tensor.Full(1, 2)
	y := tensor.Clone(x)
	tensor.Floats(y)[0] = 5
	fmt.Println(tensor.Floats(x), tensor.Floats(y))
	// Output: [1 1] [5 1]
}
