package main

import (
	"context"
	"fmt"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/tensor"
)

// peaks measure what a core can do at most: on one thread, whatever --threads says. A GPU's are not measured.
func (b *bench) peaks() []benchmark {
	if b.measuresGPU() {
		return nil
	}
	all := []benchmark{{name: "peak-f32", flop: kernels.Peak(1) * peakRounds, prepare: always(func() { kernels.Peak(peakRounds) })}}
	if flop, ok := kernels.PeakBF16(1); ok {
		all = append(all, benchmark{name: "peak-bf16", flop: flop * peakRounds, prepare: always(func() { kernels.PeakBF16(peakRounds) })})
	}
	return all
}

// always is the prepare of what needs nothing.
func always(f func()) func(context.Context) (func(context.Context) error, error) {
	return func(context.Context) (func(context.Context) error, error) { return runs(f), nil }
}

func runs(f func()) func(context.Context) error {
	return func(context.Context) error { f(); return nil }
}

// kernels are the operators at the shapes of Stable Diffusion 2.1 at 512×512.
func (b *bench) kernels() []benchmark {
	k := kernelList{bench: b}
	// The UNet's projections and feed-forward networks at each of its sizes, and the keys and values of a prompt.
	for _, s := range [][3]int{
		{4096, 320, 320}, {4096, 320, 2560}, {4096, 1280, 320}, {1024, 640, 640}, {1024, 640, 5120}, {1024, 2560, 640},
		{256, 1280, 1280}, {256, 1280, 10240}, {256, 5120, 1280}, {64, 1280, 1280}, {77, 1024, 1280}, {1, 1280, 1280},
	} {
		k.linear(s[0], s[1], s[2])
	}
	for _, s := range [][3]int{{4096, 320, 1280}, {1024, 640, 2560}, {256, 1280, 5120}} { // the feed-forward networks' first half
		k.gated(s[0], s[1], s[2])
	}
	// The UNet's resnet blocks at each of its sizes, the widest one, its ends; the VAE's.
	for _, s := range [][3]int{
		{64, 320, 320}, {64, 960, 320}, {32, 640, 640}, {16, 1280, 1280}, {8, 1280, 1280}, {64, 4, 320}, {64, 320, 4},
		{128, 512, 512}, {256, 256, 256}, {512, 128, 128}, {512, 128, 3},
	} {
		k.conv(s[0], s[1], s[2], 3, 1)
	}
	for _, s := range [][2]int{{64, 320}, {32, 640}, {16, 1280}} {
		k.conv(s[0], s[1], s[1], 3, 2)
	}
	k.conv(64, 960, 320, 1, 1)
	for _, regions := range []bool{false, true} {
		k.attention(4096, 4096, 5, 64, regions)
		k.attention(1024, 1024, 10, 64, regions)
		k.attention(256, 256, 20, 64, regions)
	}
	for _, s := range [][3]int{{4096, 5, 64}, {1024, 10, 64}, {256, 20, 64}} {
		k.attention(s[0], 77, s[1], s[2], false)
	}
	k.attention(4096, 4096, 8, 40, false)  // Stable Diffusion 1.5's
	k.attention(4096, 4096, 1, 512, false) // the VAE's
	k.groupNorm(64, 320)
	k.groupNorm(512, 128)
	k.between("layernorm", 8, []int{1, 4096, 320}, func(x *tensor.Tensor) *tensor.Tensor { return tensor.LayerNorm(x, nil, nil, 1e-5) })
	k.between("silu", 4, []int{1, 4096, 320}, tensor.SiLU)
	k.between("gelu", 5, []int{1, 77, 4096}, tensor.GELU)
	k.between("softmax", 5, []int{1, 4096, 77}, tensor.Softmax)
	k.between("upsample", 4, []int{1, 32, 32, 640}, func(x *tensor.Tensor) *tensor.Tensor { return tensor.UpsampleNearest(x, 64, 64) })
	return k.all
}

type kernelList struct {
	bench *bench // which has an engine when the first of all is prepared
	all   []benchmark
}

type operator = func(x *tensor.Tensor) *tensor.Tensor

// add measures op on inputs that are made when its turn comes, in an arena, as the networks run it.
func (k *kernelList) add(name string, flop float64, prepare func() (x *tensor.Tensor, op operator)) {
	k.all = append(k.all, benchmark{name: name, flop: flop, prepare: func(context.Context) (run func(context.Context) error, err error) {
		defer tensor.Catch(&err)
		x, op := prepare()
		return func(context.Context) (err error) {
			defer tensor.Catch(&err)
			arena := tensor.Borrow(tensor.Device(x))
			defer arena.Return()
			op(arena.Enter(x))
			return nil
		}, nil
	}})
}

// gated is a linear layer whose other half of columns are gates.
func (k *kernelList) gated(rows, in, out int) {
	k.add(fmt.Sprintf("geglu-%dx%dx%d", rows, in, out), 4*float64(rows)*float64(in)*float64(out), func() (*tensor.Tensor, operator) {
		w, bias := tensor.PackGated(k.normal(2*out, in)), k.normal(2*out)
		return k.normal(rows, in), func(x *tensor.Tensor) *tensor.Tensor { return tensor.Linear(x, w, tensor.Epilogue{Bias: bias}) }
	})
}

func (k *kernelList) linear(rows, in, out int) {
	k.add(fmt.Sprintf("linear-%dx%dx%d", rows, in, out), 2*float64(rows)*float64(in)*float64(out), func() (*tensor.Tensor, operator) {
		w, bias := tensor.PackLinear(k.normal(out, in)), k.normal(out)
		return k.normal(rows, in), func(x *tensor.Tensor) *tensor.Tensor { return tensor.Linear(x, w, tensor.Epilogue{Bias: bias}) }
	})
}

// conv is a convolution of a square picture that keeps its size or, with a stride of two, halves it.
func (k *kernelList) conv(side, in, out, kernel, stride int) {
	name := fmt.Sprintf("conv%dx%d-%d-%d-%d", kernel, kernel, side, in, out)
	if stride > 1 {
		name = fmt.Sprintf("conv%dx%ds%d-%d-%d-%d", kernel, kernel, stride, side, in, out)
	}
	cells := float64(side/stride) * float64(side/stride)
	k.add(name, 2*cells*float64(kernel*kernel*in)*float64(out), func() (*tensor.Tensor, operator) {
		w, bias := tensor.PackConv(k.normal(out, in, kernel, kernel)), k.normal(out)
		return k.normal(1, side, side, in), func(x *tensor.Tensor) *tensor.Tensor {
			return tensor.Conv2D(x, w, tensor.Epilogue{Bias: bias}, stride, tensor.Pad(kernel/2))
		}
	})
}

// attention, with regions, is that of a picture in three bands, one of which gives another 30 % of its attention and another looks at itself.
func (k *kernelList) attention(queries, keys, heads, size int, regions bool) {
	name := fmt.Sprintf("attention-%dx%d-%dx%d", queries, keys, heads, size)
	if regions {
		name += "-regions"
	}
	k.add(name, 4*float64(heads)*float64(queries)*float64(keys)*float64(size), func() (*tensor.Tensor, operator) {
		key, v := k.normal(1, keys, heads*size), k.normal(1, keys, heads*size)
		p := tensor.AttnParams{Heads: heads}
		if regions {
			labels := make([]uint8, queries)
			for i := range labels {
				labels[i] = uint8(3 * i / queries)
			}
			p.Regions = &tensor.Regions{Labels: labels, Height: 1, Width: queries,
				Rules: [][]tensor.Rule{{{}, {}, {}}, {{Target: 0.3}, {}, {}}, {{}, {}, {Alpha: 0.5}}}}
		}
		return k.normal(1, queries, heads*size), func(q *tensor.Tensor) *tensor.Tensor { return tensor.Attention(q, key, v, p) }
	})
}

func (k *kernelList) groupNorm(side, channels int) {
	k.between("groupnorm-silu", 10, []int{1, side, side, channels}, func(x *tensor.Tensor) *tensor.Tensor {
		return tensor.GroupNormSiLU(x, nil, nil, 32, 1e-5)
	})
}

// between is what lies between products: so many operations for each number that goes in, an exponential or a copy being one of them. It waits for
// memory more than it computes.
func (k *kernelList) between(name string, each int, shape []int, op operator) {
	count := 1
	for _, d := range shape {
		count *= d
	}
	for _, d := range shape[1:] {
		name += fmt.Sprintf("-%d", d)
	}
	k.add(name, float64(each*count), func() (*tensor.Tensor, operator) { return k.normal(shape...), op })
}

// normal is [normal] on the engine that is measured.
func (k *kernelList) normal(shape ...int) *tensor.Tensor {
	return tensor.To(k.bench.engine, normal(shape...))
}

// normal returns a tensor of normal numbers.
func normal(shape ...int) *tensor.Tensor {
	x := tensor.New(shape...)
	sampler.NewNoise(1).Fill(tensor.Floats(x))
	return x
}
