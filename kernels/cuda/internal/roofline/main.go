// Command roofline works out what the kernels cannot be faster than, and writes it into docs/cuda.md:
//
//	go run ./internal/roofline     # in kernels/cuda
//
// Package roofline has the arithmetic, every launch its work; here are the shapes of Stable Diffusion 2.1 and of a COW picture at 512 × 512.
package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda"
	"github.com/sowgen/sowgen/kernels/cuda/internal/section"
	"github.com/sowgen/sowgen/kernels/cuda/roofline"
)

// goal is a GPU by NVIDIA's data sheets, and how long a picture may take on it.
type goal struct {
	roofline.GPU
	capability int
	seconds    float64
}

// hardware is what the launches are made for.
func (g goal) hardware() cuda.Hardware {
	return cuda.Hardware{Name: g.Name, Capability: g.capability, Processors: g.Processors}
}

var gpus = []goal{
	{roofline.GPU{Name: "A100", Processors: 108, F32: 19.5e12, Half: 312e12, Bytes: 2.039e12}, 80, 0.6},
	{roofline.GPU{Name: "H100", Processors: 132, F32: 67e12, Half: 989e12, Bytes: 3.35e12}, 90, 0.3},
	{roofline.GPU{Name: "RTX 4090", Processors: 128, F32: 82.6e12, Half: 165e12, Bytes: 1.008e12}, 89, 1.2},
}

// h100 is the GPU for which kernels are listed.
var h100 = gpus[1]

// kernel is a launch of a picture, and all that are like it.
type kernel struct {
	cuda.Launch
	shape string
	count int
}

// work is the kernels of some part of a picture.
type work struct {
	on      cuda.Hardware
	kernels []kernel
	number  float64 // bytes of a number that goes from kernel to kernel; weights have 2
	rounded [2]int  // rows and columns of what the kernel before left rounded for a product
}

// The bytes of a number that goes from kernel to kernel: as it is, and as it might be.
const f32, f16 = 4, 2

func (w *work) add(l cuda.Launch, shape string) {
	w.rounded = [2]int{}
	l.Work.Floats *= w.number / f32
	i := slices.IndexFunc(w.kernels, func(k kernel) bool { return k.Kernel == l.Kernel && k.shape == shape })
	if i < 0 {
		w.kernels = append(w.kernels, kernel{l, shape, 1})
		return
	}
	w.kernels[i].count++
}

// product is a linear layer of rows rows; with a residual, which it reads.
func (w *work) product(rows int, weight cuda.Packed, residual bool) {
	name := fmt.Sprintf("%d × %d → %d", rows, weight.In, weight.Out)
	layer := cuda.Linear{Rows: rows, W: weight, On: w.on}
	if !weight.Gated {
		w.addProduct([2]int{rows, weight.In}, layer.Launches, name, residual)
		return
	}
	name = fmt.Sprintf("%d × %d → 2 · %d, gated", rows, weight.In, weight.Out/2)
	w.addProduct([2]int{rows, weight.In}, func(dst, x, weight, scratch cuda.Pointer, ep cuda.Epilogue) []cuda.Launch {
		ep.Rounded = true // the layer behind it reads it
		return layer.Launches(dst, x, weight, scratch, ep)
	}, name, false)
	w.rounded = [2]int{rows, weight.Out / 2}
}

// addProduct is that with the epilogue, and a left side that is rounded unless it is already.
func (w *work) addProduct(left [2]int, launches func(dst, x, weight, scratch cuda.Pointer, ep cuda.Epilogue) []cuda.Launch, name string, residual bool) {
	var ep cuda.Epilogue
	if residual {
		ep.Residual, name = somewhere, name+", added"
	}
	x := cuda.Pointer(somewhere)
	if left == w.rounded && left[0] > 1 {
		x = cuda.InScratch
	}
	for _, l := range launches(somewhere, x, somewhere, somewhere, ep) {
		w.add(l, name)
	}
	w.rounded = left
}

// somewhere is the address of what is not null.
const somewhere = 256

func (w *work) linear(rows, in, out int) {
	w.product(rows, cuda.Packed{Format: cuda.F16, Out: out, In: in, Taps: 1}, false)
}
func (w *work) linearAdd(rows, in, out int) {
	w.product(rows, cuda.Packed{Format: cuda.F16, Out: out, In: in, Taps: 1}, true)
}
func (w *work) gated(rows, in, out int) {
	w.product(rows, cuda.Packed{Format: cuda.F16, Out: 2 * out, In: in, Taps: 1, Gated: true}, false)
}

// convolution is a 3×3 one; with a residual, which it reads.
func (w *work) convolution(n, side, in, out, stride int, residual bool) {
	o := side / stride
	c := cuda.Conv{N: n, H: side, W: side, C: in, Out: out, KH: 3, KW: 3, Stride: stride, Top: 1, Left: 1, OH: o, OW: o, Format: cuda.F16, On: w.on}
	w.addProduct([2]int{n * side * side, in}, c.Launches, fmt.Sprintf("%d × %d² × %d → %d² × %d", n, side, in, o, out), residual)
}

func (w *work) conv(n, side, in, out, stride int) { w.convolution(n, side, in, out, stride, false) }
func (w *work) convAdd(n, side, in, out int)      { w.convolution(n, side, in, out, 1, true) }

func (w *work) attention(n, heads, d, queries, keys int) {
	a := cuda.NewAttention(cuda.F16, kernels.AttnShape{N: n, Heads: heads, HeadDim: d, Queries: queries, Keys: keys}, nil, false)
	for _, l := range a.Launches(0, 0, 0, 0, 0, 0, 0) {
		w.add(l, fmt.Sprintf("%d × %d heads of %d, %d × %d", n, heads, d, queries, keys))
	}
}

// groupNorm is a group norm; alone says that nobody reads it but the convolution behind it, so that it is made in 16 bits only.
func (w *work) groupNorm(n, cells, c int, alone bool) {
	shape := fmt.Sprintf("%d × %d × %d", n, cells, c)
	for _, l := range (cuda.GroupNorm{N: n, HW: cells, C: c, Groups: 32}).Launches(0, 0, 0, 0, 0, 0) {
		w.add(l, shape)
	}
	dst := cuda.Pointer(somewhere)
	if alone {
		dst, shape = 0, shape+", in 16 bits"
	}
	w.add(cuda.ScaleChannels(dst, 0, 0, 0, n, cells, c, true, cuda.Rounded{Format: cuda.F16}), shape)
	w.rounded = [2]int{n * cells, c}
}

func (w *work) layerNorm(rows, c int) {
	w.add(cuda.LayerNorm(somewhere, 0, 0, 0, rows, c, 1e-5, cuda.Rounded{Format: cuda.F16}), fmt.Sprintf("%d × %d", rows, c))
	w.rounded = [2]int{rows, c}
}

func (w *work) concat(cells, a, b int) {
	for _, c := range []int{a, b} {
		w.add(cuda.Place(0, 0, cells, c, a+b, 0), fmt.Sprintf("%d × %d", cells, c))
	}
}

// repeat is times tensors of a picture repeated for n prompts.
func (w *work) repeat(times, n, numbers int) {
	for range times {
		w.add(cuda.Strided(0, 0, []int{n, numbers}, []int{0, 1}, 0)[0], fmt.Sprintf("%d × %d", n, numbers))
	}
}

func (w *work) upsample(n, side, c int) {
	w.add(cuda.UpsampleNearest(0, 0, n, side, side, c, 2*side, 2*side), fmt.Sprintf("%d × %d² × %d", n, side, c))
}

// resnet is a resnet block; temb is the size of the time embedding, 0 for none.
func (w *work) resnet(n, side, in, out, temb int) {
	cells := side * side
	if temb > 0 {
		w.linearAdd(1, temb, out)
	}
	w.groupNorm(n, cells, in, true)
	w.conv(n, side, in, out, 1)
	w.groupNorm(n, cells, out, true)
	if in == out {
		w.convAdd(n, side, out, out)
		return
	}
	w.conv(n, side, out, out, 1)
	w.linearAdd(n*cells, in, out)
}

// transformer is a transformer block on m pictures that meet n prompts in its cross-attention, whose keys and values are computed once for a
// run. Where m is 1, one picture serves all prompts until then.
func (w *work) transformer(m, n, side, c int) {
	cells := side * side
	rows := m * cells
	w.groupNorm(m, cells, c, false)
	w.linear(rows, c, c)
	w.layerNorm(rows, c)
	for range 3 {
		w.linear(rows, c, c)
	}
	w.attention(m, c/64, 64, cells, cells)
	w.linearAdd(rows, c, c)
	w.layerNorm(rows, c)
	w.linear(rows, c, c)
	if m < n { // the queries and both residuals
		w.repeat(3, n, cells*c)
		rows = n * cells
	}
	w.attention(n, c/64, 64, cells, 77)
	w.linearAdd(rows, c, c)
	w.layerNorm(rows, c)
	w.gated(rows, c, 4*c)
	w.linearAdd(rows, 4*c, c)
	w.linearAdd(rows, c, c)
}

// unet is an evaluation of n prompts on the same latents of side × side.
func unet(n, side int, number float64, on cuda.Hardware) *work {
	const temb = 1280
	channels := []int{320, 640, 1280, 1280}
	w := &work{on: on, number: number}
	w.linear(1, 320, temb)
	w.linear(1, temb, temb)
	m := 1 // until the first cross-attention
	w.conv(m, side, 4, 320, 1)
	skips := []int{320}
	in := 320
	for i, c := range channels {
		for range 2 {
			w.resnet(m, side, in, c, temb)
			if i < 3 {
				w.transformer(m, n, side, c)
			}
			m = n
			skips, in = append(skips, c), c
		}
		if i < 3 {
			w.conv(n, side, c, c, 2)
			skips = append(skips, c)
			side /= 2
		}
	}
	w.resnet(n, side, in, in, temb)
	w.transformer(n, n, side, in)
	w.resnet(n, side, in, in, temb)
	for i := 3; i >= 0; i-- {
		c := channels[i]
		for range 3 {
			skip := skips[len(skips)-1]
			skips = skips[:len(skips)-1]
			w.concat(n*side*side, in, skip)
			w.resnet(n, side, in+skip, c, temb)
			if i < 3 {
				w.transformer(n, n, side, c)
			}
			in = c
		}
		if i > 0 {
			w.upsample(n, side, c)
			side *= 2
			w.conv(n, side, c, c, 1)
		}
	}
	w.repeat(1, n, side*side*320) // what conv_in gave, for the last join
	w.groupNorm(n, side*side, 320, true)
	w.conv(n, side, 320, 4, 1)
	return w
}

// vae is decoding latents of side × side, or encoding a picture to them.
func vae(side int, decode bool, number float64, on cuda.Hardware) *work {
	w := &work{on: on, number: number}
	middle := func() {
		w.resnet(1, side, 512, 512, 0)
		w.groupNorm(1, side*side, 512, false)
		for range 3 {
			w.linear(side*side, 512, 512)
		}
		w.attention(1, 1, 512, side*side, side*side)
		w.linearAdd(side*side, 512, 512)
		w.resnet(1, side, 512, 512, 0)
	}
	if decode {
		w.conv(1, side, 4, 512, 1)
		middle()
		in := 512
		for i, c := range []int{512, 512, 256, 128} {
			for range 3 {
				w.resnet(1, side, in, c, 0)
				in = c
			}
			if i < 3 {
				w.upsample(1, side, c)
				side *= 2
				w.conv(1, side, c, c, 1)
			}
		}
		w.groupNorm(1, side*side, 128, true)
		w.conv(1, side, 128, 3, 1)
		return w
	}
	side *= 8
	w.conv(1, side, 3, 128, 1)
	in := 128
	for i, c := range []int{128, 256, 512, 512} {
		for range 2 {
			w.resnet(1, side, in, c, 0)
			in = c
		}
		if i < 3 {
			w.conv(1, side, c, c, 2)
			side /= 2
		}
	}
	middle()
	w.groupNorm(1, side*side, 512, true)
	w.conv(1, side, 512, 8, 1)
	return w
}

// seconds is the roofline time of all launches that are like it.
func (k kernel) seconds(g goal) float64 { return float64(k.count) * g.Seconds(k.Work) }

// unfilled is that with the products on no more multiprocessors than have a block.
func (k kernel) unfilled(g goal) float64 {
	k.Work.FLOP /= g.Fill(k.Grid)
	return k.seconds(g)
}

// total is launches, flops, bytes and a GPU's roofline seconds.
func (w *work) total(g goal) (launches int, flops, bytes, seconds float64) {
	for _, k := range w.kernels {
		launches += k.count
		flops += float64(k.count) * k.Work.FLOP
		bytes += float64(k.count) * k.Work.Bytes()
		seconds += k.seconds(g)
	}
	return launches, flops, bytes, seconds
}

func main() {
	if err := section.Write("../../docs/cuda.md", "roofline", kernelTable(unet(4, 64, f32, h100.hardware()))+"\n"+pictureTable()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kernelTable lists the kernels of an evaluation that take the most time.
func kernelTable(w *work) string {
	_, _, _, all := w.total(h100)
	slices.SortStableFunc(w.kernels, func(a, b kernel) int { return cmp.Compare(b.seconds(h100), a.seconds(h100)) })
	var t strings.Builder
	fmt.Fprint(&t, "| kernel | shape | launches | GFLOP | MB | FLOP/byte |")
	for _, g := range gpus {
		fmt.Fprintf(&t, " %s µs |", g.Name)
	}
	fmt.Fprintf(&t, " blocks | H100 filled |\n|---|---|--:|--:|--:|--:|%s--:|--:|\n", strings.Repeat("--:|", len(gpus)))
	rest, launches := make([]float64, len(gpus)), 0
	for _, k := range w.kernels {
		if k.seconds(h100) < 0.015*all {
			launches += k.count
			for i, g := range gpus {
				rest[i] += k.seconds(g)
			}
			continue
		}
		fmt.Fprintf(&t, "| %s | %s | %d | %.1f | %.0f | %.0f |", k.Kernel, k.shape, k.count, k.Work.FLOP/1e9, k.Work.Bytes()/1e6, k.Work.FLOP/k.Work.Bytes())
		for _, g := range gpus {
			fmt.Fprintf(&t, " %.0f |", 1e6*g.Seconds(k.Work))
		}
		fmt.Fprintf(&t, " %d | %.0f %% |\n", k.Grid.X*k.Grid.Y*k.Grid.Z, 100*h100.Fill(k.Grid))
	}
	fmt.Fprintf(&t, "| all others together | | %d | | | |", launches)
	for i := range gpus {
		fmt.Fprintf(&t, " %.0f |", 1e6*rest[i])
	}
	fmt.Fprint(&t, " | |\n")
	return t.String()
}

// part is a part of a COW picture: at S = 10, ten cycles of two steps of four prompts, inversion and the final phase of ten steps of two, and
// seven of two for the condition at half the size.
type part struct {
	name  string
	times int
	work  *work
}

func picture(number float64, on cuda.Hardware) []part {
	return []part{
		{"UNet, 64² latents, 4 prompts", 20, unet(4, 64, number, on)},
		{"UNet, 64² latents, 2 prompts", 10, unet(2, 64, number, on)},
		{"UNet, 32² latents, 2 prompts", 7, unet(2, 32, number, on)},
		{"VAE, encoding 512²", 1, vae(64, false, number, on)},
		{"VAE, encoding 256²", 1, vae(32, false, number, on)},
		{"VAE, decoding 512²", 1, vae(64, true, number, on)},
	}
}

// whole is the total of a picture as it is launched on a GPU.
func whole(number float64, g goal) (launches int, flops, bytes, seconds float64) {
	for _, p := range picture(number, g.hardware()) {
		l, f, b, s := p.work.total(g)
		launches += p.times * l
		flops, bytes, seconds = flops+float64(p.times)*f, bytes+float64(p.times)*b, seconds+float64(p.times)*s
	}
	return launches, flops, bytes, seconds
}

// pictureTable is the budget of a COW picture: launches and bytes are the H100's, times those of what each GPU is asked for.
func pictureTable() string {
	var t strings.Builder
	fmt.Fprint(&t, "| part | times | launches each | TFLOP each | GB each |")
	for _, g := range gpus {
		fmt.Fprintf(&t, " %s ms |", g.Name)
	}
	fmt.Fprintf(&t, "\n|---|--:|--:|--:|--:|%s\n", strings.Repeat("--:|", len(gpus)))
	for i, p := range picture(f32, h100.hardware()) {
		l, flops, bytes, _ := p.work.total(h100)
		fmt.Fprintf(&t, "| %s | %d | %d | %.2f | %.2f |", p.name, p.times, l, flops/1e12, bytes/1e9)
		for _, g := range gpus {
			_, _, _, seconds := picture(f32, g.hardware())[i].work.total(g)
			fmt.Fprintf(&t, " %.2f |", 1e3*seconds)
		}
		fmt.Fprintln(&t)
	}
	for _, row := range []struct {
		name   string
		number float64
	}{{"the picture, as the layers call the kernels", f32}, {"if they kept their results in 16 bits", f16}} {
		launches, flops, bytes, _ := whole(row.number, h100)
		fmt.Fprintf(&t, "| **%s** | | %d | %.1f | %.0f |", row.name, launches, flops/1e12, bytes/1e9)
		budget := ""
		for _, g := range gpus {
			_, _, _, seconds := whole(row.number, g)
			fmt.Fprintf(&t, " %.0f |", 1e3*seconds)
			budget += fmt.Sprintf(" **%.0f** |", 1e3*seconds/roofline.Budget)
		}
		fmt.Fprintf(&t, "\n| … at %.0f %% of the roofline | | | | |%s\n", 100*roofline.Budget, budget)
	}
	fmt.Fprint(&t, "| the picture, where no other multiprocessors multiply than have a block | | | | |")
	for _, g := range gpus {
		sum := 0.0
		for _, p := range picture(f32, g.hardware()) {
			for _, k := range p.work.kernels {
				sum += float64(p.times) * k.unfilled(g)
			}
		}
		fmt.Fprintf(&t, " %.0f |", 1e3*sum)
	}
	fmt.Fprint(&t, "\n| goal | | | | |")
	for _, g := range gpus {
		fmt.Fprintf(&t, " %.0f |", 1e3*g.seconds)
	}
	fmt.Fprintln(&t)
	return t.String()
}
