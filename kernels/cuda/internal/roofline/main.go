// Command roofline works out what the kernels cannot be faster than, and writes it into docs/cuda.md:
//
//	go run ./internal/roofline     # in kernels/cuda
//
// A kernel takes at least as long as its multiplications do at the GPU's peak and its numbers, each read or written once, at the memory's
// bandwidth; the larger of the two is its roofline time. The shapes are those of Stable Diffusion 2.1 and of a COW picture at 512 × 512.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda"
	"github.com/sowgen/sowgen/kernels/cuda/internal/section"
)

// gpu is a GPU's peaks by NVIDIA's data sheets: f16 products with float32 sums, dense, and memory.
type gpu struct {
	name           string
	flops, bytes   float64 // in a second
	processors     int
	goal, fraction float64 // seconds for the picture, at this fraction of the roofline
}

var gpus = []gpu{
	{"A100", 312e12, 2.039e12, 108, 0.6, 0.6},
	{"H100", 989e12, 3.35e12, 132, 0.3, 0.6},
	{"RTX 4090", 165e12, 1.008e12, 128, 1.2, 0.6},
}

// kernel is a launch of a picture, and all that are like it.
type kernel struct {
	name   string
	shape  string
	blocks int // of the grid
	count  int
	flops  float64
	bytes  float64
}

func (k kernel) seconds(g gpu) float64 { return max(k.flops/g.flops, k.bytes/g.bytes) }

// fill is the share of a GPU's multiprocessors that have a block, over the rounds that the grid takes.
func (k kernel) fill(g gpu) float64 {
	rounds := (k.blocks + g.processors - 1) / g.processors
	return float64(k.blocks) / float64(rounds*g.processors)
}

// work is the kernels of some part of a picture.
type work struct {
	kernels []kernel
	fused   fusion
}

// fusion is what goes into the epilogues of the products.
type fusion int

const (
	asCalled  fusion = iota // the bias, as the layers ask for it
	residuals               // and the residuals
	geglus                  // and GEGLU
)

func (w *work) add(l cuda.Launch, shape string, flops, bytes float64) {
	k := kernel{l.Kernel, shape, l.Grid.X * l.Grid.Y * l.Grid.Z, 1, flops, bytes}
	i := slices.IndexFunc(w.kernels, func(o kernel) bool { return o.name == k.name && o.shape == k.shape })
	if i < 0 {
		w.kernels = append(w.kernels, k)
		return
	}
	w.kernels[i].count++
}

const f = 4 // bytes of a float32; weights have 2

func (w *work) linear(rows, in, out int) { w.product(rows, in, out, out) }

// product is a linear layer of which so many columns are written.
func (w *work) product(rows, in, out, written int) {
	l := cuda.Linear{Rows: rows, W: cuda.Packed{Format: cuda.F16, Out: out, In: in, Taps: 1}}.Launch(0, 0, 0, cuda.Epilogue{})
	n := float64(rows)
	w.add(l, fmt.Sprintf("%d × %d → %d", rows, in, out), 2*n*float64(in*out), f*n*float64(in+written)+2*float64(in*out))
}

func (w *work) conv(n, side, in, out, stride int) {
	o := side / stride
	l := cuda.Conv{N: n, H: side, W: side, C: in, Out: out, KH: 3, KW: 3, Stride: stride, Top: 1, Left: 1, OH: o, OW: o, Format: cuda.F16}.Launch(0, 0, 0, cuda.Epilogue{})
	w.add(l, fmt.Sprintf("%d × %d² × %d → %d² × %d", n, side, in, o, out), 18*float64(n*o*o)*float64(in*out), f*float64(n*(side*side*in+o*o*out))+18*float64(in*out))
}

func (w *work) attention(n, heads, d, queries, keys int) {
	a := cuda.NewAttention(kernels.AttnShape{N: n, Heads: heads, HeadDim: d, Queries: queries, Keys: keys}, nil, false)
	a.Format = cuda.F16
	flops := 4 * float64(n*heads*d) * float64(queries) * float64(keys)
	w.add(a.Launches(0, 0, 0, 0, 0, 0, 0)[0], fmt.Sprintf("%d × %d heads of %d, %d × %d", n, heads, d, queries, keys), flops, f*float64(n*heads*d)*float64(2*queries+2*keys))
}

func (w *work) groupNorm(n, cells, c int) {
	ls := cuda.GroupNorm{N: n, HW: cells, C: c, Groups: 32, SiLU: true}.Launches(0, 0, 0, 0, 0)
	all, shape := f*float64(n*cells*c), fmt.Sprintf("%d × %d × %d", n, cells, c)
	w.add(ls[0], shape, 0, all)
	w.add(ls[1], shape, 0, 0)
	w.add(ls[2], shape, 0, 2*all)
}

func (w *work) layerNorm(rows, c int) {
	w.add(cuda.LayerNorm(0, 0, 0, 0, rows, c, 1e-5), fmt.Sprintf("%d × %d", rows, c), 0, 2*f*float64(rows*c))
}

// addTo is a residual; in the epilogue of the product before, it is only read.
func (w *work) addTo(rows, c int) {
	n := rows * c
	if w.fused >= residuals {
		w.kernels = append(w.kernels, kernel{count: 1, bytes: f * float64(n)})
		return
	}
	w.add(cuda.Binary(cuda.Add, 0, 0, 0, []int{n}, []int{1}, []int{1})[0], fmt.Sprintf("%d × %d", rows, c), 0, 3*f*float64(n))
}
func (w *work) addPerChannel(n, cells, c int) {
	l := cuda.Binary(cuda.Add, 0, 0, 0, []int{n, cells, c}, []int{cells * c, c, 1}, []int{c, 0, 1})[0]
	w.add(l, fmt.Sprintf("%d × %d × %d", n, cells, c), 0, 2*f*float64(n*cells*c))
}
func (w *work) concat(cells, a, b int) {
	for _, c := range []int{a, b} {
		w.add(cuda.Place(0, 0, cells, c, a+b, 0), fmt.Sprintf("%d × %d", cells, c), 0, 2*f*float64(cells*c))
	}
}
func (w *work) upsample(n, side, c int) {
	w.add(cuda.UpsampleNearest(0, 0, n, side, side, c, 2*side, 2*side), fmt.Sprintf("%d × %d² × %d", n, side, c), 0, 5*f*float64(n*side*side*c))
}

// resnet is a resnet block; temb is the size of the time embedding, 0 for none.
func (w *work) resnet(n, side, in, out, temb int) {
	cells := side * side
	w.groupNorm(n, cells, in)
	w.conv(n, side, in, out, 1)
	if temb > 0 {
		w.linear(n, temb, out)
		w.addPerChannel(n, cells, out)
	}
	w.groupNorm(n, cells, out)
	w.conv(n, side, out, out, 1)
	if in != out {
		w.linear(n*cells, in, out)
	}
	w.addTo(n*cells, out)
}

// transformer is a transformer block; the keys and values of the cross-attention are computed once for a picture.
func (w *work) transformer(n, side, c int) {
	cells := side * side
	rows := n * cells
	w.groupNorm(n, cells, c)
	w.linear(rows, c, c)
	w.layerNorm(rows, c)
	for range 3 {
		w.linear(rows, c, c)
	}
	w.attention(n, c/64, 64, cells, cells)
	w.linear(rows, c, c)
	w.addTo(rows, c)
	w.layerNorm(rows, c)
	w.linear(rows, c, c)
	w.attention(n, c/64, 64, cells, 77)
	w.linear(rows, c, c)
	w.addTo(rows, c)
	w.layerNorm(rows, c)
	if w.fused >= geglus {
		w.product(rows, c, 8*c, 4*c)
	} else {
		w.linear(rows, c, 8*c)
		w.add(cuda.GEGLU(0, 0, rows, 4*c), fmt.Sprintf("%d × %d", rows, 4*c), 0, 3*f*float64(rows*4*c))
	}
	w.linear(rows, 4*c, c)
	w.addTo(rows, c)
	w.linear(rows, c, c)
	w.addTo(rows, c)
}

// unet is an evaluation of n prompts on latents of side × side.
func unet(n, side int, fused fusion) *work {
	const temb = 1280
	channels := []int{320, 640, 1280, 1280}
	w := &work{fused: fused}
	w.linear(n, 320, temb)
	w.linear(n, temb, temb)
	w.conv(n, side, 4, 320, 1)
	skips := []int{320}
	in := 320
	for i, c := range channels {
		for range 2 {
			w.resnet(n, side, in, c, temb)
			if i < 3 {
				w.transformer(n, side, c)
			}
			skips, in = append(skips, c), c
		}
		if i < 3 {
			w.conv(n, side, c, c, 2)
			skips = append(skips, c)
			side /= 2
		}
	}
	w.resnet(n, side, in, in, temb)
	w.transformer(n, side, in)
	w.resnet(n, side, in, in, temb)
	for i := 3; i >= 0; i-- {
		c := channels[i]
		for range 3 {
			skip := skips[len(skips)-1]
			skips = skips[:len(skips)-1]
			w.concat(n*side*side, in, skip)
			w.resnet(n, side, in+skip, c, temb)
			if i < 3 {
				w.transformer(n, side, c)
			}
			in = c
		}
		if i > 0 {
			w.upsample(n, side, c)
			side *= 2
			w.conv(n, side, c, c, 1)
		}
	}
	w.groupNorm(n, side*side, 320)
	w.conv(n, side, 320, 4, 1)
	return w
}

// vae is decoding latents of side × side, or encoding a picture to them.
func vae(side int, decode bool, fused fusion) *work {
	w := &work{fused: fused}
	middle := func() {
		w.resnet(1, side, 512, 512, 0)
		w.groupNorm(1, side*side, 512)
		for range 4 {
			w.linear(side*side, 512, 512)
		}
		w.attention(1, 1, 512, side*side, side*side)
		w.addTo(side*side, 512)
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
		w.groupNorm(1, side*side, 128)
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
	w.groupNorm(1, side*side, 512)
	w.conv(1, side, 512, 8, 1)
	return w
}

// total is launches, flops, bytes and each GPU's roofline seconds.
func (w *work) total() (launches int, flops, bytes float64, seconds []float64) {
	seconds = make([]float64, len(gpus))
	for _, k := range w.kernels {
		if k.name != "" {
			launches += k.count
		}
		flops += float64(k.count) * k.flops
		bytes += float64(k.count) * k.bytes
		for i, g := range gpus {
			seconds[i] += float64(k.count) * k.seconds(g)
		}
	}
	return launches, flops, bytes, seconds
}

func main() {
	if err := section.Write("../../docs/cuda.md", "roofline", kernelTable(unet(4, 64, asCalled))+"\n"+pictureTable()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kernelTable lists the kernels of an evaluation that take the most time.
func kernelTable(w *work) string {
	_, _, _, all := w.total()
	h100 := slices.IndexFunc(gpus, func(g gpu) bool { return g.name == "H100" })
	slices.SortStableFunc(w.kernels, func(a, b kernel) int {
		return int(1e12 * (float64(b.count)*b.seconds(gpus[h100]) - float64(a.count)*a.seconds(gpus[h100])))
	})
	var t strings.Builder
	fmt.Fprint(&t, "| kernel | shape | launches | GFLOP | MB | FLOP/byte |")
	for _, g := range gpus {
		fmt.Fprintf(&t, " %s µs |", g.name)
	}
	fmt.Fprintf(&t, " blocks | H100 filled |\n|---|---|--:|--:|--:|--:|%s--:|--:|\n", strings.Repeat("--:|", len(gpus)))
	rest, launches := make([]float64, len(gpus)), 0
	for _, k := range w.kernels {
		if n := float64(k.count); n*k.seconds(gpus[h100]) < 0.015*all[h100] {
			launches += k.count
			for i, g := range gpus {
				rest[i] += n * k.seconds(g)
			}
			continue
		}
		fmt.Fprintf(&t, "| %s | %s | %d | %.1f | %.0f | %.0f |", k.name, k.shape, k.count, k.flops/1e9, k.bytes/1e6, k.flops/k.bytes)
		for _, g := range gpus {
			fmt.Fprintf(&t, " %.0f |", 1e6*k.seconds(g))
		}
		fmt.Fprintf(&t, " %d | %.0f %% |\n", k.blocks, 100*k.fill(gpus[h100]))
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

func picture(fused fusion) []part {
	return []part{
		{"UNet, 64² latents, 4 prompts", 20, unet(4, 64, fused)},
		{"UNet, 64² latents, 2 prompts", 10, unet(2, 64, fused)},
		{"UNet, 32² latents, 2 prompts", 7, unet(2, 32, fused)},
		{"VAE, encoding 512²", 1, vae(64, false, fused)},
		{"VAE, encoding 256²", 1, vae(32, false, fused)},
		{"VAE, decoding 512²", 1, vae(64, true, fused)},
	}
}

// pictureTable is the budget of a COW picture.
func pictureTable() string {
	var t strings.Builder
	fmt.Fprint(&t, "| part | times | launches each | TFLOP each | GB each |")
	for _, g := range gpus {
		fmt.Fprintf(&t, " %s ms |", g.name)
	}
	fmt.Fprintf(&t, "\n|---|--:|--:|--:|--:|%s\n", strings.Repeat("--:|", len(gpus)))
	for _, p := range picture(asCalled) {
		l, flops, bytes, seconds := p.work.total()
		fmt.Fprintf(&t, "| %s | %d | %d | %.2f | %.2f |", p.name, p.times, l, flops/1e12, bytes/1e9)
		for _, s := range seconds {
			fmt.Fprintf(&t, " %.2f |", 1e3*s)
		}
		fmt.Fprintln(&t)
	}
	for fused, name := range []string{"the picture, as the layers call the kernels", "with residuals in the epilogues", "and GEGLU too"} {
		var launches int
		var flops, bytes float64
		sum := make([]float64, len(gpus))
		for _, p := range picture(fusion(fused)) {
			l, fl, by, s := p.work.total()
			launches, flops, bytes = launches+p.times*l, flops+float64(p.times)*fl, bytes+float64(p.times)*by
			for i := range gpus {
				sum[i] += float64(p.times) * s[i]
			}
		}
		fmt.Fprintf(&t, "| **%s** | | %d | %.1f | %.0f |", name, launches, flops/1e12, bytes/1e9)
		for i := range gpus {
			fmt.Fprintf(&t, " %.0f |", 1e3*sum[i])
		}
		fmt.Fprint(&t, "\n| … at 60 % of the roofline | | | | |")
		for i, g := range gpus {
			fmt.Fprintf(&t, " **%.0f** |", 1e3*sum[i]/g.fraction)
		}
		fmt.Fprintln(&t)
	}
	fmt.Fprint(&t, "| goal | | | | |")
	for _, g := range gpus {
		fmt.Fprintf(&t, " %.0f |", 1e3*g.goal)
	}
	fmt.Fprintln(&t)
	return t.String()
}
