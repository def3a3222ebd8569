package sow

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryLeft: the machine's memory, or what is left of the narrowest control group around the process, and what it has already.
func TestMemoryLeft(t *testing.T) {
	const gib = int64(1) << 30
	machine := map[string]string{
		"/proc/meminfo":    "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n",
		"/proc/self/statm": "100000 25 0 0 0 0 0\n",
	}
	v2 := map[string]string{
		"/proc/self/cgroup":                     "0::/outer/inner\n",
		"/sys/fs/cgroup/outer/inner/memory.max": "max\n", "/sys/fs/cgroup/outer/inner/memory.current": "1073741824\n",
		"/sys/fs/cgroup/outer/memory.max": "4294967296\n", "/sys/fs/cgroup/outer/memory.current": "3221225472\n",
		"/sys/fs/cgroup/outer/memory.stat": "anon 1\ninactive_file 1073741824\n",
	}
	v1 := map[string]string{
		"/proc/self/cgroup": "9:memory:/job\n8:cpu:/\n",
		"/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712\n", "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "5\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n", "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1073741824\n",
	}
	for _, test := range []struct {
		name  string
		files []map[string]string
		want  int64
	}{
		{"machine", []map[string]string{machine}, 8 * gib},
		{"version 2", []map[string]string{machine, v2}, 2 * gib},
		{"version 1", []map[string]string{machine, v1}, gib},
		{"unknown", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want > 0 {
				test.want += 25 * int64(os.Getpagesize())
			}
			require.Equal(t, test.want, memoryLeft(func(name string) ([]byte, error) {
				for _, files := range test.files {
					if text, ok := files[name]; ok {
						return []byte(text), nil
					}
				}
				return nil, fs.ErrNotExist
			}))
		})
	}
	require.Greater(t, memoryLeft(os.ReadFile), int64(1<<20), "on this machine")
}
