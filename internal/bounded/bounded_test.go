package bounded_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/internal/bounded"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "plan.json")
	require.NoError(t, os.WriteFile(name, []byte("12345678"), 0o600))
	for _, read := range []func(name string, most int64) ([]byte, error){
		func(name string, most int64) ([]byte, error) {
			return bounded.ReadFile(filepath.Join(dir, name), most, "a plan")
		},
		func(name string, most int64) ([]byte, error) {
			return bounded.ReadFS(os.DirFS(dir), name, most, "a plan")
		},
	} {
		data, err := read("plan.json", 8)
		require.NoError(t, err)
		require.Equal(t, "12345678", string(data))
		data, err = read("plan.json", 7)
		require.Nil(t, data)
		require.ErrorContains(t, err, "plan.json: over 7 bytes: not a plan")
		for _, wrong := range []string{"none", "."} {
			_, err := read(wrong, 8)
			var path *fs.PathError
			require.ErrorAs(t, err, &path, wrong)
		}
		_, err = read("none", 8)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
}
