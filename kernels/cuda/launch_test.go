package cuda

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda/internal/ptx"
)

// launches is at least one launch of every kernel.
func launches() []Launch {
	all := []Launch{
		Unary(SiLU, 256, 512, 1001, 0, 0),
		Gemm{Batch: 16, M: 4096, K: 40, N: 77}.Launch(256, 512, 768, Epilogue{}),
		Gemm{Batch: 1, M: 77, K: 40, N: 77}.Launch(256, 512, 768, Epilogue{}),
	}
	for _, f := range []Format{F32, F16, BF16} {
		all = append(all, Packed{f, 320, 4, 9, false}.Launch(256, 512))
		for _, of := range [][]Launch{
			Linear{4096, Packed{f, 640, 320, 1, false}, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
			Linear{4096, Packed{f, 640, 2560, 1, false}, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
			Linear{16384, Packed{f, 2560, 320, 1, false}, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
			Conv{1, 128, 128, 512, 512, 3, 3, 1, 1, 1, 128, 128, f, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
			Linear{64, Packed{f, 1280, 1280, 1, false}, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{Bias: 1024, Act: kernels.SiLUAct, Residual: 256}),
			Linear{4096, Packed{f, 2560, 320, 1, true}, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{Bias: 1024}),
			Conv{2, 64, 64, 320, 640, 3, 3, 1, 1, 1, 64, 64, f, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
			Conv{1, 8, 8, 1280, 1280, 3, 3, 1, 1, 1, 8, 8, f, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
			Conv{1, 8, 8, 1280, 1280, 1, 1, 1, 0, 0, 8, 8, f, Hardware{}}.Launches(256, 512, 768, 2048, Epilogue{}),
		} {
			all = append(all, of...)
		}
		if f != F32 {
			all = append(all, Linear{1, Packed{f, 1280, 1280, 1, false}, Hardware{}}.Launches(256, 512, 768, 0, Epilogue{Bias: 1024, Residual: 256})...)
			all = append(all, f.Widen(256, 512, 1001))
		}
	}
	all = append(all, GroupNorm{2, 4096, 320, 32, 1e-5}.Launches(256, 512, 768, 0, 0, 1024)...)
	all = append(all, GroupNorm{2, 64, 1280, 32, 1e-5}.Launches(256, 512, 768, 0, 0, 1024)...)
	all = append(all,
		ScaleChannels(256, 512, 768, 1024, 2, 4096, 320, true, Rounded{}), LayerNorm(256, 512, 0, 0, 4096, 320, 1e-5, Rounded{}), Softmax(256, 512, 77, 77),
		Reduce(Sum, 256, 512, 3, 7, 1), Reduce(Mean, 256, 512, 3, 7, 33), UpsampleNearest(256, 512, 1, 8, 8, 1280, 16, 16),
		Place(256, 512, 64, 320, 640, 320), Gather(256, 512, 768, 77, 1024))
	for _, s := range []struct{ heads, d, tokens int }{{5, 40, 77}, {5, 40, 256}, {8, 40, 4096}, {10, 64, 4096}, {5, 80, 256}, {5, 96, 256}, {1, 512, 256}} {
		shape := kernels.AttnShape{N: 2, Heads: s.heads, HeadDim: s.d, Queries: s.tokens, Keys: s.tokens, Scale: 0.125}
		r := &kernels.Regions{Query: make([]uint8, s.tokens), Key: make([]uint8, s.tokens), Rules: [][]kernels.Rule{{{}}}}
		for _, f := range []Format{F32, F16, BF16} {
			plain, masses := NewAttention(f, shape, nil, false), NewAttention(f, shape, r, true)
			all = append(all, plain.Launches(256, 512, 768, 1024, 0, 0, 1792)...)
			all = append(all, masses.Launches(256, 512, 768, 1024, 1280, 1536, 1792)...)
		}
	}
	all = append(all, Strided(256, 512, []int{64, 320}, []int{640, 1}, 320)...)
	all = append(all, Strided(256, 512, []int{2, 64, 64, 320}, []int{320 * 4096, 64, 1, 4096}, 0)...)
	all = append(all, Binary(Add, 256, 512, 768, []int{2, 3, 5}, []int{15, 5, 1}, []int{15, 5, 1})...)
	all = append(all, Binary(Add, 256, 512, 768, []int{2, 3, 5}, []int{15, 5, 1}, []int{5, 0, 1})...)
	return all
}

// TestLaunchesMatchKernels holds that what is launched exists, takes the parameters it is given, and that no kernel is left out.
func TestLaunchesMatchKernels(t *testing.T) {
	launched := map[string]bool{}
	for _, capability := range []int{75, 90} {
		for _, l := range launches() {
			if capability < 80 && strings.Contains(l.Kernel, "_bf16_") && l.Module != "convert" {
				continue // Turing's tensor cores have no bfloat16
			}
			launched[l.Kernel] = true
			require.Equal(t, entry(t, l.Module, l.Kernel, capability), l.types(), l.Kernel)
			require.Positive(t, l.Block.X, l.Kernel)
			require.LessOrEqual(t, l.Block.X*l.Block.Y*l.Block.Z, 1024, l.Kernel)
			require.LessOrEqual(t, l.Grid.Y, maxGrid, l.Kernel)
			require.LessOrEqual(t, l.Grid.Z, maxGrid, l.Kernel)
			require.Positive(t, l.Grid.X*l.Grid.Y*l.Grid.Z, l.Kernel)
		}
		for _, module := range Modules() {
			for _, e := range entries(t, module, capability) {
				require.True(t, launched[e.Name], "nothing launches %s", e.Name)
			}
		}
	}
}

func (l Launch) types() []string {
	var types []string
	for _, p := range l.Params {
		types = append(types, p.Type)
	}
	return types
}

func entries(t *testing.T, module string, capability int) []ptx.Entry {
	t.Helper()
	text, err := PTX(module, capability)
	require.NoError(t, err)
	return ptx.Entries(text)
}

// entry is the types of a kernel's parameters.
func entry(t *testing.T, module, kernel string, capability int) []string {
	t.Helper()
	for _, e := range entries(t, module, capability) {
		if e.Name == kernel {
			return e.Params
		}
	}
	t.Fatalf("%s has no kernel %s", module, kernel)
	return nil
}

// TestPTXIsCurrent holds that the committed PTX was made from the sources beside it. Whether it is what the compiler makes of them is
// for CI to say, where there is a compiler.
func TestPTXIsCurrent(t *testing.T) {
	sources, err := filepath.Glob("*.cu")
	require.NoError(t, err)
	require.Len(t, Modules(), len(sources))
	for _, source := range sources {
		digest, err := ptx.Digest(source)
		require.NoError(t, err)
		for _, capability := range []int{75, 90} {
			text, err := PTX(strings.TrimSuffix(source, ".cu"), capability)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(text, ptx.Header(source, digest)), "%s: go generate ./kernels/cuda", source)
		}
	}
}

// TestSharedMemoryIsAligned holds that where shared memory is read or written four numbers at a time all of it is aligned for that. The CPU
// that emulates a kernel would forgive it, and on a GPU it may work by chance.
func TestSharedMemoryIsAligned(t *testing.T) {
	for _, module := range Modules() {
		for _, capability := range []int{75, 90} {
			text, err := PTX(module, capability)
			require.NoError(t, err)
			if regexp.MustCompile(`(ld|st)\.shared\.v4|ldmatrix|cp\.async`).MatchString(text) {
				for _, m := range regexp.MustCompile(`\.shared \.align (\d+) \.b8 (\w+)`).FindAllStringSubmatch(text, -1) {
					require.Equal(t, "16", m[1], "%s: %s", module, m[2])
				}
			}
		}
	}
}

func TestPTXOfOldGPUs(t *testing.T) {
	_, err := PTX("gemm", 70)
	require.ErrorContains(t, err, "7.5 is the least")
	_, err = PTX("none", 80)
	require.ErrorContains(t, err, `"none"`)
}

func TestParams(t *testing.T) {
	got := params(Pointer(1<<40), uint64(1<<33), uint32(7), float32(1), true, false)
	require.Equal(t, []Param{{1 << 40, "u64"}, {1 << 33, "u64"}, {7, "u32"}, {0x3f800000, "f32"}, {1, "u32"}, {0, "u32"}}, got)
	require.Panics(t, func() { params(1) }) // an int would depend on the machine
}

func TestCount(t *testing.T) {
	require.EqualValues(t, 1<<31-1, count(1<<31-1))
	require.EqualValues(t, 1, count())
	require.PanicsWithError(t, "cuda: [65536 32768] is too large: a tensor has fewer than 2³¹ elements", func() { count(1<<16, 1<<15) })
}
