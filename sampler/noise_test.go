package sampler

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// readGolden decodes a file that testdata/gen_golden.py wrote.
func readGolden(t testing.TB, name string, dst any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, dst), name)
}

// floats are float32 numbers kept as base64 of their little-endian bytes.
type floats []float32

func (f *floats) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return err
	}
	*f = make(floats, len(b)/4)
	for i := range *f {
		(*f)[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}

func (f floats) bytes() []byte {
	b := make([]byte, 0, 4*len(f))
	for _, v := range f {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// TestNoiseIsTorchs holds every number equal to torch's, and the stream where torch's stands afterwards.
func TestNoiseIsTorchs(t *testing.T) {
	var sequences []struct {
		Seed  string
		Calls []struct {
			N                  int
			Values, Head, Tail floats
			SHA256             string
		}
		Next []uint32
	}
	readGolden(t, "noise.json", &sequences)
	for _, s := range sequences {
		t.Run("seed "+s.Seed, func(t *testing.T) {
			seed, err := strconv.ParseUint(s.Seed, 10, 64)
			require.NoError(t, err)
			noise := NewNoise(seed)
			for i, call := range s.Calls {
				got := make(floats, call.N)
				noise.Fill(got)
				if call.SHA256 == "" {
					require.Equal(t, call.Values, got, "call %d of %d numbers", i, call.N)
					continue
				}
				require.Equal(t, call.Head, got[:len(call.Head)], "call %d, first numbers", i)
				require.Equal(t, call.Tail, got[call.N-len(call.Tail):], "call %d, last numbers", i)
				sum := sha256.Sum256(got.bytes())
				require.Equal(t, call.SHA256, hex.EncodeToString(sum[:]), "call %d of %d numbers", i, call.N)
			}
			for i, want := range s.Next {
				require.Equal(t, want, noise.mt.uint32()&(1<<20-1), "random word %d after the last call", i)
			}
		})
	}
}
