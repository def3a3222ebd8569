package roofline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels/cuda"
)

// TestOfDataSheets: from what a driver says follow, within 1 %, the peaks that NVIDIA's data sheets give. Those of an H100 are for the 1.83 GHz that it
// holds under such a load; its driver says 1.98.
func TestOfDataSheets(t *testing.T) {
	for _, test := range []struct {
		cuda.Hardware
		f32, half, bytes float64
	}{
		{cuda.Hardware{Name: "Tesla T4", Capability: 75, Processors: 40, Clock: 1590000, MemoryClock: 5001000, BusWidth: 256}, 8.1e12, 65e12, 320e9},
		{cuda.Hardware{Name: "NVIDIA A100-SXM4-80GB", Capability: 80, Processors: 108, Clock: 1410000, MemoryClock: 1593000, BusWidth: 5120}, 19.5e12, 312e12, 2.039e12},
		{cuda.Hardware{Name: "NVIDIA GeForce RTX 3090", Capability: 86, Processors: 82, Clock: 1695000, MemoryClock: 9751000, BusWidth: 384}, 35.6e12, 71e12, 936e9},
		{cuda.Hardware{Name: "NVIDIA GeForce RTX 4090", Capability: 89, Processors: 128, Clock: 2520000, MemoryClock: 10501000, BusWidth: 384}, 82.6e12, 165.2e12, 1.008e12},
		{cuda.Hardware{Name: "NVIDIA H100 80GB HBM3", Capability: 90, Processors: 132, Clock: 1830000, MemoryClock: 2619000, BusWidth: 5120}, 61.9e12, 989e12, 3.35e12},
	} {
		g, err := Of(test.Hardware)
		require.NoError(t, err)
		require.InEpsilon(t, test.f32, g.F32, 0.01, g.Name)
		require.InEpsilon(t, test.half, g.Half, 0.01, g.Name)
		require.InEpsilon(t, test.bytes, g.Bytes, 0.01, g.Name)
	}
	_, err := Of(cuda.Hardware{Name: "NVIDIA GB10", Capability: 121, Processors: 48, Clock: 2418000, BusWidth: 256})
	require.EqualError(t, err, "cuda: the driver does not tell the memory clock of NVIDIA GB10: what it cannot be faster than is not known")
}

func TestSeconds(t *testing.T) {
	g := GPU{Processors: 10, F32: 1e12, Half: 8e12, Bytes: 1e12}
	require.InDelta(t, 2e-9, g.Seconds(cuda.Work{FLOP: 2e3, Floats: 100}), 1e-15, "products in float32")
	require.InDelta(t, 0.5e-9, g.Seconds(cuda.Work{Format: cuda.BF16, FLOP: 4e3, Floats: 100}), 1e-15, "on the tensor cores")
	require.InDelta(t, 0.5e-9, g.Seconds(cuda.Work{Format: cuda.F16, FLOP: 2e3, Floats: 100, Weight: 100}), 1e-15, "memory")
	require.InDelta(t, 0.75, g.Fill(cuda.Dim{X: 5, Y: 1, Z: 3}), 1e-9, "15 blocks in two rounds of 10")
}
