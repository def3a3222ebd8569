package tensor_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// banded is the CPU with bands of another size.
type banded struct {
	tensor.CPU
	elements int
}

func (e banded) Band() (elements, pixels int) { return e.elements, 100 }

// TestBandsAreExact: a convolution whose input is made in bands gives the bytes that it gives of the whole, for every size, filter and number of
// threads, with NaN among the numbers.
func TestBandsAreExact(t *testing.T) {
	defer kernels.SetThreads(kernels.Threads())
	whole := banded{elements: math.MaxInt}
	for _, test := range []struct {
		n, h, w, c, out int
		kernel, stride  int
		padding         tensor.Padding
		band            int
	}{
		{1, 33, 17, 32, 32, 3, 1, tensor.Pad(1), 1},    // by Winograd, bands as small as they come
		{1, 34, 16, 32, 40, 3, 1, tensor.Pad(1), 2500}, // two tiles a band, and two rows left over
		{2, 35, 30, 32, 32, 3, 1, tensor.Pad(1), 3000}, // three left over; two pictures
		{3, 36, 8, 32, 3, 3, 1, tensor.Pad(1), 2200},   // a picture a band; few channels out
		{1, 29, 27, 36, 17, 3, 1, tensor.Pad(1), 3000}, // uneven channels
		{2, 21, 19, 8, 12, 3, 1, tensor.Pad(1), 700},   // directly
		{1, 40, 9, 16, 16, 3, 2, tensor.Padding{Bottom: 1, Right: 1}, 900},
		{1, 41, 9, 16, 16, 3, 2, tensor.Pad(1), 900},
		{1, 25, 9, 16, 16, 3, 3, tensor.Pad(1), 1},
		{1, 30, 9, 16, 16, 3, 1, tensor.Padding{Top: 2, Right: 2}, 1},
		{1, 30, 9, 16, 16, 3, 1, tensor.Padding{Bottom: 2, Left: 2}, 1},
		{1, 30, 9, 16, 16, 3, 1, tensor.Padding{}, 1},
		{1, 30, 9, 32, 32, 1, 1, tensor.Padding{}, 1},
		{1, 30, 9, 16, 16, 1, 2, tensor.Padding{}, 1},
		{1, 30, 9, 8, 8, 5, 1, tensor.Pad(2), 1},                   // no bands for such a filter
		{1, 30, 9, 8, 8, 3, 1, tensor.Padding{Top: 3, Left: 1}, 1}, // nor for rows that read nothing
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			x, w := normal(1, test.n, test.h, test.w, test.c), normal(2, test.out, test.c, test.kernel, test.kernel)
			gamma, beta, bias := normal(3, test.c), normal(4, test.c), normal(5, test.out)
			tensor.Floats(x)[(test.h/2*test.w+test.w/2)*test.c] = float32(math.NaN()) // of a group of the first picture
			// run computes all on an engine of bands so large, and with a residual of that shape once it is known.
			run := func(e tensor.Engine, spend bool, convolve func(x *tensor.Tensor, norm tensor.Norm, w *tensor.Weight, ep tensor.Epilogue) *tensor.Tensor) (all [][]uint32) {
				arena := tensor.Borrow(e)
				defer arena.Return()
				packed := tensor.PackConv(tensor.To(e, w))
				norm := tensor.Norm{Gamma: tensor.To(e, gamma), Beta: tensor.To(e, beta), Groups: 4, Eps: 1e-5}
				in := arena.Enter(tensor.To(e, x))
				ep := tensor.Epilogue{}
				for range 3 {
					own := tensor.Clone(in)
					if spend {
						own = tensor.Spend(own)
					}
					y := convolve(own, norm, packed, ep)
					all = append(all, bits(y))
					ep = tensor.Epilogue{Bias: tensor.To(e, bias), Act: tensor.ActSiLU, Residual: y}
				}
				return all
			}
			normed := func(x *tensor.Tensor, norm tensor.Norm, w *tensor.Weight, ep tensor.Epilogue) *tensor.Tensor {
				return tensor.NormConv2D(x, norm, w, ep, test.stride, test.padding)
			}
			upsampled := func(height, width int) func(x *tensor.Tensor, _ tensor.Norm, w *tensor.Weight, ep tensor.Epilogue) *tensor.Tensor {
				return func(x *tensor.Tensor, _ tensor.Norm, w *tensor.Weight, ep tensor.Epilogue) *tensor.Tensor {
					return tensor.UpsampleConv2D(x, height, width, w, ep, test.stride, test.padding)
				}
			}
			tensor.PoisonArenas(true)
			defer tensor.PoisonArenas(false)
			kernels.SetThreads(1)
			e := banded{elements: test.band}
			want := run(tensor.CPU{}, false, func(x *tensor.Tensor, n tensor.Norm, w *tensor.Weight, ep tensor.Epilogue) *tensor.Tensor {
				return tensor.Conv2D(tensor.GroupNormSiLU(x, n.Gamma, n.Beta, n.Groups, n.Eps), w, ep, test.stride, test.padding)
			})
			height, width := 2*test.h, 2*test.w-1
			wantUp := run(tensor.CPU{}, false, func(x *tensor.Tensor, _ tensor.Norm, w *tensor.Weight, ep tensor.Epilogue) *tensor.Tensor {
				return tensor.Conv2D(tensor.UpsampleNearest(x, height, width), w, ep, test.stride, test.padding)
			})
			for _, threads := range []int{1, 3} {
				kernels.SetThreads(threads)
				for _, e := range []tensor.Engine{whole, e} {
					require.Equal(t, want, run(e, false, normed), "%d threads", threads)
					require.Equal(t, want, run(e, true, normed), "in place, %d threads", threads)
					require.Equal(t, wantUp, run(e, false, upsampled(height, width)), "enlarged, %d threads", threads)
				}
			}
			// One row less than twice the size is what an odd size on the way down makes.
			require.Equal(t, run(whole, false, upsampled(height-1, width)), run(e, false, upsampled(height-1, width)))
		})
	}
}

// TestBandsSaveMemory: neither the normalised picture nor the enlarged one is there as a whole, and a result in place takes nothing.
func TestBandsSaveMemory(t *testing.T) {
	e := banded{elements: 1 << 12}
	x := tensor.To(e, normal(1, 1, 64, 64, 32)) // 512 KiB
	w := tensor.PackConv(tensor.To(e, normal(2, 32, 32, 3, 3)))
	peak := func(f func(x *tensor.Tensor)) int64 {
		tensor.ReleaseArenas(e)
		arena := tensor.Borrow(e)
		defer arena.Return()
		f(tensor.Clone(arena.Enter(x)))
		return tensor.ArenaPeak(e) >> 10
	}
	norm := tensor.Norm{Groups: 4, Eps: 1e-5}
	const band = 2*16 + 10 // 4096 elements and what they overlap, and the scales
	require.Less(t, peak(func(x *tensor.Tensor) { tensor.NormConv2D(x, norm, w, tensor.Epilogue{}, 1, tensor.Pad(1)) }), int64(1024+2*band))
	require.Less(t, peak(func(x *tensor.Tensor) {
		tensor.NormConv2D(tensor.Spend(x), norm, w, tensor.Epilogue{}, 1, tensor.Pad(1))
	}), int64(512+2*band))
	require.Less(t, peak(func(x *tensor.Tensor) {
		tensor.UpsampleConv2D(x, 128, 128, w, tensor.Epilogue{}, 1, tensor.Pad(1))
	}), int64(512+4*512+6*band))
}
