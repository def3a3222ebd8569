package sampler

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// TestSpecification holds the steps of the specification's own golden file, S = 10. Its numbers are float64; diffusers' float32 agrees with
// them to 4e-7.
func TestSpecification(t *testing.T) {
	const tol = 2 * 4e-7
	var all map[string]json.RawMessage
	readGolden(t, "ddim-golden.json", &all)
	latents := func(values []float32) *tensor.Tensor { return tensor.FromSlice(values, 1, 2, 2, 1) }
	read := func(raw json.RawMessage) []float32 {
		var values []float32
		require.NoError(t, json.Unmarshal(raw, &values))
		require.Len(t, values, 4)
		return values
	}
	x, eps, noise := latents(read(all["x"])), latents(read(all["eps"])), latents(read(all["noise"]))
	aligned, err := New(StableDiffusion(), 10, Aligned)
	require.NoError(t, err)
	ref017, err := New(StableDiffusion(), 10, Ref017)
	require.NoError(t, err)

	require.Equal(t, 601, aligned.Timestep(7))
	require.Equal(t, 1, aligned.Timestep(1))
	require.Equal(t, 301, aligned.InvertTimestep(3))
	for name, got := range map[string]*tensor.Tensor{
		"ddim_eta0_t601": aligned.step(x, eps, 7, 0, nil),
		"ddim_eta1_t601": aligned.step(x, eps, 7, 1, noise),
		"ddim_eta0.1_t1": aligned.step(x, eps, 1, .1, noise),
		"inv_aligned_i0": aligned.Invert(x, eps, 0),
		"inv_aligned_i3": aligned.Invert(x, eps, 3),
		"inv_017_i0":     ref017.Invert(x, eps, 0),
		"inv_017_i3":     ref017.Invert(x, eps, 3),
		"inject_aligned": aligned.diffuse(x, 5, 7, noise),
		"inject_ref":     ref017.diffuse(x, 5, 7, noise),
	} {
		t.Run(name, func(t *testing.T) { requireClose(t, read(all[name]), tensor.Floats(got), tol) })
	}

	t.Run("guid", func(t *testing.T) {
		var g map[string][]float32
		require.NoError(t, json.Unmarshal(all["guid"], &g))
		got := MaskedGuide(latents(g["neg"]), latents(g["txt"]), latents(g["sup"]), latents(g["div"]), latents(g["M"]), 7.5)
		requireClose(t, g["out"], tensor.Floats(got), 8*tol) // numbers around 8
	})
}
