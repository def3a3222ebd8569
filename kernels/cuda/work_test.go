package cuda

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
)

func TestWork(t *testing.T) {
	for _, l := range launches() {
		require.Positive(t, l.Work.Bytes(), l.Kernel)
	}
	gated := Packed{Format: BF16, Out: 2 * 48, In: 20, Taps: 1, Gated: true}
	for name, test := range map[string]struct {
		Launch
		want Work
	}{
		"a product of matrices": {
			Gemm{Batch: 3, M: 5, K: 7, N: 11}.Launch(256, 256, 256, Epilogue{Bias: 256}),
			Work{F32, 2 * 3 * 5 * 7 * 11, 3 * (5*7 + 7*11 + 5*11), 0},
		},
		"with a residual": {
			Linear{5, Packed{F16, 16, 24, 1, false}, Hardware{}}.Launches(256, 256, 256, 256, Epilogue{Residual: 256})[1],
			Work{F16, 2 * 5 * 24 * 16, 5 * (12 + 2*16), 2 * 24 * 16},
		},
		"gated, its rows filled up to 24 numbers": {
			Linear{5, gated, Hardware{}}.Launches(256, 256, 256, 256, Epilogue{})[1],
			Work{BF16, 2 * 5 * 20 * 96, 5 * (10 + 48), 2 * 24 * 96},
		},
		"gated in float32": {
			Linear{5, Packed{F32, 96, 20, 1, true}, Hardware{}}.Launches(256, 256, 256, 0, Epilogue{})[0],
			Work{F32, 2 * 5 * 20 * 96, 5*(20+48) + 20*96, 0},
		},
		"a convolution": {
			Conv{2, 8, 8, 16, 32, 3, 3, 2, 1, 1, 4, 4, F16, Hardware{}}.Launches(256, 256, 256, 256, Epilogue{})[1],
			Work{F16, 2 * 2 * 16 * 9 * 16 * 32, 64*16 + 2*16*32, 2 * 9 * 16 * 32},
		},
		"in two parts": {
			Linear{5, Packed{F16, 16, 128, 1, false}, Hardware{}}.launches(256, 256, 256, 256, Epilogue{Residual: 256}, newHalfOf(F16, 5, 16, 128, smallHalf, 2))[1],
			Work{F16, 2 * 5 * 128 * 16, 5 * (64 + 2*16), 2 * 128 * 16},
		},
		"which are joined": {
			newHalfOf(F16, 5, 16, 128, smallHalf, 2).finish(nil, 256, 256, Epilogue{Residual: 256}, 16)[0], Work{Floats: 5 * 16 * 4},
		},
		"attention": {
			NewAttention(F32, kernels.AttnShape{N: 2, Heads: 3, HeadDim: 4, Queries: 5, Keys: 7}, nil, false).Launches(256, 256, 256, 256, 0, 0, 0)[0],
			Work{F32, 4 * 6 * 5 * 7 * 4, 6 * 4 * (2*5 + 2*7), 0},
		},
		"attention on rows of 16 bits": {
			NewAttention(F16, kernels.AttnShape{N: 2, Heads: 3, HeadDim: 4, Queries: 5, Keys: 200}, nil, false).Launches(256, 256, 256, 256, 0, 0, 256)[1],
			Work{F16, 4 * 6 * 5 * 200 * 4, 6*4*2*5 + 6*200*64, 0},
		},
		"these rows": {
			NewAttention(F16, kernels.AttnShape{N: 2, Heads: 3, HeadDim: 80, Queries: 5, Keys: 200}, nil, false).Launches(256, 256, 256, 256, 0, 0, 256)[0],
			Work{Floats: 2*6*200*80 + 6*200*80},
		},
		"rows of a wide head's queries, too": {
			NewAttention(F16, kernels.AttnShape{N: 1, Heads: 1, HeadDim: 200, Queries: 50, Keys: 30}, nil, false).Launches(256, 256, 256, 256, 0, 0, 256)[0],
			Work{Floats: (2*30+50)*200 + (2*30+50)*256/2},
		},
		"repeated for five prompts": {Strided(256, 256, []int{5, 12}, []int{0, 1}, 0)[0], Work{Floats: 6 * 12}},
		"a bias for each row":       {Binary(Add, 256, 256, 256, []int{5, 12}, []int{12, 1}, []int{0, 1})[0], Work{Floats: 2*5*12 + 12}},
		"rounded to 16 bits":        {F16.Narrow(256, 256, 5, 20), Work{Floats: 150}},
	} {
		require.Equal(t, test.want, test.Work, name)
	}
}
