package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const source = `#ifdef SOWGEN_EMULATED
void twin() { if (a < b) __syncwarp(); }
#else
void gpu() { __syncthreads(); }
#endif
#define MACRO(x) \
    if (x) __syncthreads();
__global__ void kernel() {
    const uint32 left = n - first < KEYS ? n - first : KEYS; // if (comment)
    if (row >= rows) return;
    if (row < 0 || col < 0) return nullptr;
    if (wide) return load4(x);
    if (!wide) return make_float4(0, 0, 0, 0);
    for (uint32 i = row; i < n; i += STEP)
        for (int j = 0; j < KEYS; j++)
            if (i + 1 < n && wide) dst[i] = there ? x[i] : 0;
    if (causal && key > query) l = -inf();
    __syncthreads();
}
`

func TestSites(t *testing.T) {
	var got []string
	for _, m := range sites("test.cu", source) {
		got = append(got, fmt.Sprintf("%d %s: %s → %s", m.line, m.kind, m.was, m.with))
	}
	require.Equal(t, []string{
		"2 barrier: __syncwarp(); → ;",
		"9 guard: n - first < KEYS → false",
		"10 guard: row >= rows → false",
		"11 guard: row < 0 → false",
		"11 guard: col < 0 → false",
		"12 guard: wide → true",
		"13 guard: !wide → false",
		"14 guard: < → <=",
		"16 guard: i + 1 < n → true",
		"16 guard: wide → true",
		"16 guard: there → true",
		"17 guard: causal && key > query → false",
		"18 barrier: __syncthreads(); → ;",
	}, got)
}

// TestEverySourceIsCovered holds that each source with mutants has tests, that every barrier is one, and that equivalent.go is about mutants
// there are.
func TestEverySourceIsCovered(t *testing.T) {
	all, _, err := mutants()
	require.NoError(t, err)
	barriers := 0
	for _, m := range all {
		_, err := checks(m.file)
		require.NoError(t, err)
		if m.kind == "barrier" {
			barriers++
		}
		require.NotEqual(t, m.was, m.with)
		require.False(t, strings.Contains(m.was, "//"), m)
	}
	require.Greater(t, barriers, 20)
}
