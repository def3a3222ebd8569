package weights_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// file is a safetensors file of the given header and so many bytes of data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	return append(b, make([]byte, data)...)
}

// hostile are files that must be refused, with what the error says of each.
func hostile() map[string]struct {
	data []byte
	want string
} {
	type c = struct {
		data []byte
		want string
	}
	length := func(n uint64) []byte { return append(binary.LittleEndian.AppendUint64(nil, n), "{}      "...) }
	f32 := func(shape string, from, to uint64) string {
		return fmt.Sprintf(`{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, shape, from, to)
	}
	good := `{"a":` + f32("[2]", 0, 8) + `,"b":` + f32("[2,3]", 8, 32) + `}`
	long := strings.Repeat("x", 1<<20)
	return map[string]c{
		"nothing":               {nil, "has 0 bytes"},
		"cut in the length":     {file(good, 32)[:7], "has 7 bytes"},
		"cut after the length":  {file(good, 32)[:8], "announce a header of"},
		"cut in the header":     {file(good, 32)[:50], "announce a header of"},
		"cut after the header":  {file(good, 0), "reach beyond the 0 bytes of data"},
		"cut in a tensor":       {file(good, 20), "tensor b: its data_offsets [8, 32] reach beyond the 20 bytes"},
		"cut by a byte":         {file(good, 31), "tensor b: its data_offsets [8, 32] reach beyond the 31 bytes"},
		"a byte too many":       {file(good, 33), "1 bytes follow the last tensor"},
		"only data":             {file("{}", 5), "5 bytes follow the last tensor"},
		"length 0":              {length(0), "a header of 0 bytes"},
		"length 2^63":           {length(1 << 63), "a header of 9223372036854775808 bytes"},
		"length 2^64-1":         {length(math.MaxUint64), "a header of 18446744073709551615 bytes"},
		"length -8":             {length(math.MaxUint64 - 7), "a header of"},
		"length 100 MB":         {length(100e6), "a header of 100000000 bytes"},
		"a text":                {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"), "Git LFS pointer"},
		"a page":                {[]byte("<!DOCTYPE html><html>not found</html>"), "if it ever was a safetensors file"},
		"a pickle":              {[]byte("PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaa"), "if it ever was a safetensors file"},
		"null":                  {file("null", 0), `begins with 'n'`},
		"an array":              {file("[]", 0), `begins with '['`},
		"a blank":               {file(" {}", 0), `begins with ' '`},
		"not UTF-8":             {file("{\"\xff\":"+f32("[2]", 0, 8)+"}", 8), "not UTF-8"},
		"not JSON":              {file(`{"a" 5}`, 0), "its header: invalid character '5'"},
		"cut JSON":              {file(`{"a":{`, 0), "unexpected EOF"},
		"two objects":           {file(`{}{}`, 0), "something follows"},
		"a twice":               {file(`{"a":`+f32("[2]", 0, 8)+`,"a":`+f32("[2]", 0, 8)+`}`, 8), `a stands there twice`},
		"a twice, escaped":      {file(`{"a":`+f32("[2]", 0, 8)+`,"\u0061":`+f32("[2]", 0, 8)+`}`, 8), `a stands there twice`},
		"shape twice":           {file(`{"a":{"dtype":"F32","shape":[2],"shape":[4],"data_offsets":[0,8]}}`, 8), `shape stands there twice`},
		"tensor null":           {file(`{"a":null}`, 0), "a null"},
		"shape null":            {file(`{"a":{"dtype":"F32","shape":null,"data_offsets":[0,8]}}`, 8), "a null"},
		"metadata null":         {file(`{"__metadata__":null}`, 0), "a null"},
		"metadata of numbers":   {file(`{"__metadata__":{"a":1}}`, 0), "expected string"},
		"tensor a number":       {file(`{"a":5}`, 0), "cannot unmarshal"},
		"no shape":              {file(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), "expected 3 keys"},
		"more than it may":      {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8), "expected 3 keys"},
		"F8":                    {file(`{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}`, 8), `"F8_E4M3": if the file is whole, convert its tensors`},
		"a negative axis":       {file(`{"a":`+f32("[-2]", 0, 8)+`}`, 8), "natural numbers"},
		"two negative axes":     {file(`{"a":`+f32("[-1,-2]", 0, 8)+`}`, 8), "natural numbers"},
		"half an axis":          {file(`{"a":`+f32("[2.5]", 0, 8)+`}`, 8), "natural numbers"},
		"an axis of 1e30":       {file(`{"a":`+f32("[1e30]", 0, 8)+`}`, 8), "natural numbers"},
		"an axis over uint64":   {file(`{"a":`+f32("[18446744073709551618]", 0, 8)+`}`, 8), "natural numbers"},
		"product overflows":     {file(`{"a":`+f32("[4294967296,4294967296,2]", 0, 8)+`}`, 8), "absurdly large"},
		"product overflows to":  {file(`{"a":`+f32("[9223372036854775809,2]", 0, 8)+`}`, 8), "absurdly large"},
		"hidden behind a zero":  {file(`{"a":`+f32("[0,9223372036854775808]", 0, 0)+`}`, 0), "absurdly large"},
		"before a zero":         {file(`{"a":`+f32("[4294967296,4294967296,0]", 0, 0)+`}`, 0), "absurdly large"},
		"shape too large":       {file(`{"a":`+f32("[3]", 0, 8)+`}`, 8), "do not hold the 12 bytes of F32 [3]"},
		"shape too small":       {file(`{"a":`+f32("[1]", 0, 8)+`}`, 8), "do not hold the 4 bytes of F32 [1]"},
		"other dtype":           {file(`{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}`, 8), "do not hold the 16 bytes of F64 [2]"},
		"offsets backwards":     {file(`{"a":`+f32("[2]", 8, 0)+`}`, 8), "data_offsets [8, 0]"},
		"offsets negative":      {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "natural numbers"},
		"offsets at the end":    {file(`{"a":`+f32("[2]", math.MaxUint64-7, math.MaxUint64)+`}`, 8), "do not hold"},
		"offsets over the end":  {file(`{"a":`+f32("[2]", math.MaxUint64-8, math.MaxUint64)+`}`, 8), "reach beyond"},
		"three offsets":         {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}`, 8), "2 elements"},
		"overlap":               {file(`{"a":`+f32("[2]", 0, 8)+`,"b":`+f32("[2]", 4, 12)+`}`, 12), "tensor b: its data begins at byte 120 and overlaps tensor a, which ends at byte 124"},
		"the same bytes":        {file(`{"a":`+f32("[2]", 0, 8)+`,"b":`+f32("[2]", 0, 8)+`}`, 8), "tensor b: its data begins at byte 115 and overlaps tensor a, which ends at byte 123"},
		"a gap":                 {file(`{"a":`+f32("[2]", 0, 8)+`,"b":`+f32("[2]", 12, 20)+`}`, 20), "leaves a gap behind tensor a"},
		"a gap at the start":    {file(`{"a":`+f32("[2]", 4, 12)+`}`, 12), "leaves a gap behind the header"},
		"nested":                {file(`{"a":`+strings.Repeat(`{"a":`, 500)+`1`+strings.Repeat("}", 501), 0), "nested deeper"},
		"nested in arrays":      {file(`{"a":{"dtype":"F32","data_offsets":[0,8],"shape":`+strings.Repeat("[", 3000)+strings.Repeat("]", 3000)+`}}`, 8), "nested deeper"},
		"a name of 1 MB":        {file(`{"`+long+`":`+f32("[3]", 0, 8)+`}`, 8), "do not hold the 12 bytes"},
		"a name of 1 MB, twice": {file(`{"`+long+`":`+f32("[2]", 0, 8)+`,"`+long+`":`+f32("[2]", 0, 8)+`}`, 8), "stands there twice"},
		"a name of lines":       {file(`{"a\nb\u001b[2J":`+f32("[3]", 0, 8)+`}`, 8), `tensor "a\nb\x1b[2J"`},
		"a dtype of 1 MB":       {file(`{"a":{"dtype":"`+long+`","shape":[2],"data_offsets":[0,8]}}`, 8), "invalid DType"},
		"a shape of 1000 axes":  {file(`{"a":`+f32("["+strings.Repeat("2,", 999)+"2]", 0, 8)+`}`, 8), "absurdly large"},
	}
}

// TestHostile: each broken file ends in one line that names it, says what is wrong and what to do, and takes no memory.
func TestHostile(t *testing.T) {
	dir := t.TempDir()
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "bad.safetensors")
			require.NoError(t, os.WriteFile(path, c.data, 0o600))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := weights.OpenFile(path)
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "weights: "+path+": ")
			oneLine(t, err)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
		})
	}
}

// TestSound: odd, but within the format.
func TestSound(t *testing.T) {
	for name, data := range map[string][]byte{
		"no tensor":      file("{}", 0),
		"padded":         file("{}      ", 0),
		"only metadata":  file(`{"__metadata__":{"a":"b"}}`, 0),
		"empty tensors":  file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]}}`, 0),
		"empty between":  file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"z":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]}}`, 3),
		"unsorted":       file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 3),
		"a scalar":       file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4),
		"the empty name": file(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := weights.OpenFolder(fstest.MapFS{"model.safetensors": {Data: data}}, ".", "model")
			require.NoError(t, err)
			require.NoError(t, d.Close())
		})
	}
}

// TestNotFinite: a NaN or an infinity is found wherever it is, in every kind of number.
func TestNotFinite(t *testing.T) {
	const n = 1 << 18 // several pieces
	for dtype, c := range map[string]struct {
		size     int
		nan, inf []byte
	}{
		"F32":  {4, []byte{1, 0, 0x80, 0x7f}, []byte{0, 0, 0x80, 0xff}},
		"F16":  {2, []byte{1, 0x7c}, []byte{0, 0xfc}},
		"BF16": {2, []byte{0x81, 0x7f}, []byte{0x80, 0x7f}},
		"F64":  {8, []byte{1, 0, 0, 0, 0, 0, 0xf0, 0x7f}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}},
	} {
		for _, at := range []int{0, 131071, 131072, n - 1} {
			for _, bad := range [][]byte{c.nan, c.inf} {
				data := file(fmt.Sprintf(`{"w":{"dtype":"%s","shape":[%d],"data_offsets":[0,%d]}}`, dtype, n, n*c.size), n*c.size)
				copy(data[len(data)-(n-at)*c.size:], bad)
				d, err := weights.OpenFolder(fstest.MapFS{"model.safetensors": {Data: data}}, ".", "model")
				require.NoError(t, err)
				_, err = d.Tensor("w", n)
				require.ErrorContains(t, err, fmt.Sprintf("weights: model.safetensors: tensor w: its element %d is ", at), dtype)
				oneLine(t, err)

				s := weights.NewScope(linear{d})
				s.Weight("w", n/8, 8)
				require.Equal(t, err, s.Err(), dtype)
			}
		}
	}
}

// linear is a source whose tensors have eight columns.
type linear struct{ *weights.Folder }

func (l linear) Shape(name string) (shape []int, dtype string, ok bool) {
	shape, dtype, ok = l.Folder.Shape(name)
	return []int{shape[0] / 8, 8}, dtype, ok
}

func (l linear) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	return l.Folder.Tensor(name)
}

// TestShrunk: a file that is cut while it is open is an error, not a crash.
func TestShrunk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	require.NoError(t, os.WriteFile(path, file(`{"a":{"dtype":"F32","shape":[100],"data_offsets":[0,400]}}`, 400), 0o600))
	f := openFile(t, path)
	require.NoError(t, os.Truncate(path, 200))
	_, err := f.Tensor("a")
	require.ErrorContains(t, err, "cannot be read at byte")
	oneLine(t, err)
}

func TestOpenFileErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := weights.OpenFile(dir)
	require.ErrorContains(t, err, "is a folder")
	oneLine(t, err)
	_, err = weights.OpenFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	oneLine(t, err)
}

// FuzzHeader: whatever the bytes, opening and reading gives tensors of the file's size or an error.
func FuzzHeader(f *testing.F) {
	for _, c := range hostile() {
		if len(c.data) < 1<<16 {
			f.Add(c.data)
		}
	}
	for _, name := range []string{"testdata/dtypes.safetensors", "testdata/transformers/shards/model-00001-of-00004.safetensors"} {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := weights.OpenFolder(fstest.MapFS{"model.safetensors": {Data: data}}, ".", "model")
		if err != nil {
			oneLine(t, err)
			return
		}
		defer d.Close()
		for _, name := range d.Names() {
			if x, err := d.Tensor(name); err == nil && x.Shape().TotalSize() > len(data) {
				t.Fatalf("%q: %v out of %d bytes", name, x.Shape(), len(data))
			}
			if x, err := d.Files()["model.safetensors"].Ints(name); err == nil && len(x) > len(data) {
				t.Fatalf("%q: %d integers out of %d bytes", name, len(x), len(data))
			}
		}
		for _, info := range d.Info() {
			if info.Tensors != len(d.Names()) {
				t.Fatalf("%d tensors, %d names", info.Tensors, len(d.Names()))
			}
		}
	})
}
