package builtin_test

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/builtin"
)

func Example() {
	entries, err := fs.ReadDir(builtin.Model, ".")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range entries {
		fmt.Println(e.Name())
	}
	// Output:
	// model_index.json
	// scheduler
	// sow.json
	// text_encoder
	// tokenizer
	// unet
	// vae
}

// TestSize: the model is small enough to live in every binary.
func TestSize(t *testing.T) {
	total := int64(0)
	require.NoError(t, fs.WalkDir(builtin.Model, ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	}))
	t.Logf("%.1f MB", float64(total)/1e6)
	require.LessOrEqual(t, total, int64(15e6))
}
