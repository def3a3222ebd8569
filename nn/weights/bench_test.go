package weights_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkTensor reads a tensor of 16 million elements.
func BenchmarkTensor(b *testing.B) {
	const n = 1 << 24
	for dtype, size := range map[string]int{"F32": 4, "F16": 2, "BF16": 2} {
		b.Run(dtype, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "a.safetensors")
			header := fmt.Sprintf(`{"a":{"dtype":"%s","shape":[%d],"data_offsets":[0,%d]}}`, dtype, n, n*size)
			require.NoError(b, os.WriteFile(path, file(header, n*size), 0o600))
			f := openFile(b, path)
			b.SetBytes(int64(n * size))
			b.ReportAllocs()
			for b.Loop() {
				_, err := f.Tensor("a", n)
				require.NoError(b, err)
			}
		})
	}
}
