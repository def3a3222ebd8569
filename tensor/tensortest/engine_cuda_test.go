//go:build cuda

package tensortest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/kernels/cuda"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

func TestCUDA(t *testing.T) { tensortest.RunEngine(t, tensortest.Device(t)) }

// network is a small run on a GPU: parameters and weights, an evaluation in an arena, masses and a result that come back.
func network() (err error) {
	defer tensor.Catch(&err)
	e, err := tensor.OpenCUDA(0, tensor.F32)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	linear, err := tensor.ReadWeight(e, stored(make([]float32, 64), kernels.F16), 8, 8)
	if err != nil {
		return err
	}
	bias, err := tensor.Read(e, stored(make([]float32, 8), kernels.F16), 8)
	if err != nil {
		return err
	}
	conv := tensor.PackConv(tensor.To(e, tensor.Full(0.5, 8, 8, 3, 3)))
	regions := &tensor.Regions{Height: 2, Width: 2, Labels: []uint8{0, 0, 1, 1}, Rules: [][]tensor.Rule{{{}, {Target: 0.5}}, {{}, {}}}}
	if _, err := e.Time(func() error { return nil }); err != nil {
		return err
	}
	arena := tensor.Borrow(e)
	x := arena.Enter(tensor.Full(1, 1, 2, 2, 8))
	x = tensor.Conv2D(tensor.GroupNorm(x, nil, nil, 2, 1e-5), conv, tensor.Epilogue{}, 1, tensor.Pad(1))
	tokens := tensor.Linear(tensor.Reshape(x, 1, 4, 8), linear, tensor.Epilogue{Bias: bias})
	tokens = tensor.Attention(tokens, tokens, tokens, tensor.AttnParams{Heads: 2, Regions: regions, Mass: make([]float32, 8)})
	tokens = tensor.Add(tokens, tensor.Gather(tensor.Reshape(tokens, 4, 8), []int32{3, 2, 1, 0}))
	arena.Return(&tokens)
	return nil
}

// TestMixedIsOnTheTensorCores: every kind of product, where the budget of a picture (docs/cuda.md) has it.
func TestMixedIsOnTheTensorCores(t *testing.T) {
	e := tensortest.DeviceIn(t, tensor.Mixed).(*tensor.CUDA)
	linear, conv := tensor.PackLinear(tensor.To(e, tensor.Full(0.5, 8, 8))), tensor.PackConv(tensor.To(e, tensor.Full(0.5, 8, 8, 3, 3)))
	x := tensor.To(e, tensor.Full(1, 1, 2, 2, 8))
	var kernels []string
	require.NoError(t, e.Watch(func(l cuda.Launch) { kernels = append(kernels, l.Kernel) }))
	tokens := tensor.Linear(tensor.Reshape(tensor.Conv2D(x, conv, tensor.Epilogue{}, 1, tensor.Pad(1)), 1, 4, 8), linear, tensor.Epilogue{})
	tensor.Attention(tokens, tokens, tokens, tensor.AttnParams{Heads: 2})
	require.NoError(t, e.Watch(nil))
	require.Equal(t, []string{"f32_to_bf16", "conv_bf16_64", "f32_to_bf16", "gemm_bf16_64", "attention_bf16_few"}, kernels)
}

// TestSeveralAtATime: operators of several goroutines on two devices do not get into each other's way.
func TestSeveralAtATime(t *testing.T) {
	engines := tensortest.TwoDevices(t)
	results := make([][]float32, 4)
	var group sync.WaitGroup
	for i := range results {
		e := engines[i%2]
		group.Go(func() {
			arena := tensor.Borrow(e)
			x := arena.Enter(tensor.Full(0.5, 1, 4, 4, 8))
			for range 3 {
				x = tensor.GroupNorm(x, nil, nil, 2, 1e-5)
				tokens := tensor.Reshape(x, 1, 16, 8)
				x = tensor.Reshape(tensor.Add(tokens, tensor.Attention(tokens, tokens, tokens, tensor.AttnParams{Heads: 2})), 1, 4, 4, 8)
			}
			arena.Return(&x)
			results[i] = tensor.Floats(x)
		})
	}
	group.Wait()
	for _, r := range results[1:] {
		require.Equal(t, results[0], r)
	}
}

// TestDevicesKeepTheirMemory: a device that is given another one's memory, which only who goes round the operators can do, fails, and the other
// goes on.
func TestDevicesKeepTheirMemory(t *testing.T) {
	other := tensortest.TwoDevices(t)[1]
	e, err := tensor.OpenCUDA(0, tensor.F32)
	require.NoError(t, err)
	x, y := tensor.To(e, tensor.New(7)), tensor.To(other, tensor.New(7))
	e.Unary(tensor.OpCopy, x, y, 0, 0)
	require.ErrorIs(t, e.Memcpy(tensor.New(7), x), cuda.ErrLost)
	require.Error(t, e.Close())
	require.NoError(t, other.Memcpy(tensor.New(7), y))
}

// TestInjectedFailures: whichever call of the driver fails, the run ends in an error that says whose it is, and leaves no context; one for which
// there is no memory leaves nothing at all.
func TestInjectedFailures(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	t.Setenv("SOWGEN_EMULATOR_LEDGER", ledger)
	require.NoError(t, network())
	var calls, allocations, launches int
	_, err := fmt.Sscanf(last(t, ledger), "destroyed after calls %d allocations %d launches %d", &calls, &allocations, &launches)
	require.NoError(t, err)
	require.Greater(t, launches, 8)
	for kind, injection := range map[string]struct {
		count int
		want  error
	}{
		"alloc":  {allocations, cuda.ErrOutOfMemory},
		"launch": {launches, cuda.ErrLost},
		"lost":   {calls, nil},
		"call":   {calls, nil},
	} {
		for n := 1; n <= injection.count; n++ {
			t.Setenv("SOWGEN_EMULATOR_FAIL", fmt.Sprintf("%s:%d", kind, n))
			err := network()
			require.Error(t, err, "%s %d", kind, n)
			require.ErrorContains(t, err, "cuda: ", "%s %d", kind, n)
			if injection.want != nil {
				require.ErrorIs(t, err, injection.want, "%s %d", kind, n)
			}
			line := last(t, ledger)
			require.True(t, strings.HasPrefix(line, "destroyed"), "%s %d: the context is left", kind, n)
			if kind == "alloc" { // else what gives something back may be what fails
				require.Contains(t, line, "left 0 allocations 0 modules 0 streams 0 events", "%s %d", kind, n)
			}
		}
	}
	os.Unsetenv("SOWGEN_EMULATOR_FAIL")
	require.NoError(t, network())
	t.Logf("%d calls, %d allocations, %d launches", calls, allocations, launches)
}

// last is the last line of the emulated driver's ledger.
func last(t *testing.T, ledger string) string {
	t.Helper()
	text, err := os.ReadFile(ledger)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
