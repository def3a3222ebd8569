package clip

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// testdata/models and golden-*.safetensors of package sow, made by sow/testdata/gen_golden.py.
const data = "../sow/testdata/"

// All tests run in poisoned memory: what reads it before it is written, or after it was given back, gives NaN.
func init() { tensor.PoisonArenas(true) }

// TestModelAgreesWithTransformers holds tokenizer and network to transformers': the same ids, 1e-4 of the output's standard deviation.
// sd21 is stored without the "text_model." prefix.
func TestModelAgreesWithTransformers(t *testing.T) {
	for _, kind := range []string{"sd15", "sd21", "vpred"} {
		t.Run(kind, func(t *testing.T) {
			fsys := os.DirFS(data + "models/" + kind)
			tokenizer, err := LoadTokenizer(fsys, "tokenizer")
			require.NoError(t, err)
			cfg, err := ReadConfig(fsys, "text_encoder/config.json")
			require.NoError(t, err)
			src, err := weights.OpenFolder(fsys, "text_encoder", "model")
			require.NoError(t, err)
			defer src.Close()
			m, err := Load(cfg, weights.On(tensortest.Device(t), src))
			require.NoError(t, err)
			golden, err := weights.OpenFile(data + "golden-" + kind + ".safetensors")
			require.NoError(t, err)
			defer golden.Close()

			ids, cut := tokenizer.Encode("a girl with a red hat in a snowy forest", 77)
			require.Empty(t, cut)
			want, err := golden.Ints("text_encoder/input_ids")
			require.NoError(t, err)
			require.Len(t, want, len(ids))
			for i := range ids {
				require.EqualValues(t, want[i], ids[i], "token %d", i)
			}
			got, err := m.Encode(context.Background(), ids)
			require.NoError(t, err)
			hidden, err := golden.Tensor("text_encoder/last_hidden_state")
			require.NoError(t, err)
			tensortest.CloseToStd(t, got, hidden, 1e-4)

			_, err = m.Encode(context.Background(), make([]int32, 78))
			require.ErrorContains(t, err, "78 tokens")
			_, err = m.Encode(context.Background(), []int32{int32(cfg.VocabSize)})
			var bad *tensor.Error
			require.ErrorAs(t, err, &bad)
		})
	}
}
