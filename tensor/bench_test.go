package tensor_test

import (
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// BenchmarkMemory is about the operators that only move memory, on the largest feature map of the VAE. The bytes per second are those of
// the arguments and the result; copying is what they can be compared with.
func BenchmarkMemory(b *testing.B) {
	const h, w, c = 512, 512, 128
	x := tensor.Full(1, 1, h, w, c)
	y := tensor.Full(2, 1, h, w, c)
	first := tensor.Full(1, 1, c, h, w)
	channel, pixel, number := tensor.Full(2, c), tensor.Full(2, 1, h, w, 1), tensor.Full(2)
	for _, bm := range []struct {
		name   string
		copies int64 // of the feature map, read and written
		f      func() *tensor.Tensor
	}{
		{"clone", 2, func() *tensor.Tensor { return tensor.Clone(x) }},
		{"add", 3, func() *tensor.Tensor { return tensor.Add(x, y) }},
		{"add channel", 2, func() *tensor.Tensor { return tensor.Add(x, channel) }},
		{"mul pixel", 2, func() *tensor.Tensor { return tensor.Mul(x, pixel) }},
		{"div scalar", 2, func() *tensor.Tensor { return tensor.Div(x, number) }},
		{"max", 3, func() *tensor.Tensor { return tensor.Max(x, y) }},
		{"to channels last", 2, func() *tensor.Tensor { return tensor.ToChannelsLast(first) }},
		{"to channels first", 2, func() *tensor.Tensor { return tensor.ToChannelsFirst(x) }},
		{"concat channels", 4, func() *tensor.Tensor { return tensor.Concat(3, x, y) }},
		{"slice channels", 1, func() *tensor.Tensor { return tensor.Slice(x, 3, 32, 96) }},
		{"sum all", 1, func() *tensor.Tensor { return tensor.Sum(x, -1) }},
		{"sum channels", 1, func() *tensor.Tensor { return tensor.Sum(x, 3) }},
		{"sum rows", 1, func() *tensor.Tensor { return tensor.Sum(x, 1) }},
		{"max channels", 1, func() *tensor.Tensor { return tensor.ReduceMax(x, 3) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(bm.copies * h * w * c * 4)
			for b.Loop() {
				bm.f()
			}
		})
	}
}
