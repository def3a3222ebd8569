package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"
)

// Error is a fault in a weights file.
type Error struct {
	File   string
	Tensor string // "" for the file as a whole
	Reason string
}

func (e *Error) Error() string {
	if e.Tensor == "" {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s: tensor %s: %s", e.File, quoteLong(e.Tensor), e.Reason)
}

// quoteLong keeps a hostile name from filling the screen.
func quoteLong(name string) string {
	if len(name) > 120 {
		name = name[:120] + "…"
	}
	if !utf8.ValidString(name) || bytes.ContainsFunc([]byte(name), func(r rune) bool { return r < ' ' }) {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// maxHeader bounds the header: Stable Diffusion's have 100 KB.
const maxHeader = 16 << 20

// entry is where a tensor lies in its file.
type entry struct {
	dtype safetensors.DType
	shape []int
	at    int64 // of its first byte, from the beginning of the file
	bytes int64
}

// readHeader parses and checks the header of a safetensors file of the given size. The library parses it; what it lets pass and we do not
// (text that is not UTF-8, duplicate names, null) and everything that concerns the file's size is checked here.
func readHeader(file string, r io.ReaderAt, size int64) (map[string]entry, error) {
	bad := func(format string, args ...any) error {
		return &Error{File: file, Reason: fmt.Sprintf(format, args...)}
	}
	var prefix [8]byte
	if size < 8 {
		return nil, bad("%d bytes: too short for a safetensors file; is it cut off?", size)
	}
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return nil, bad("%v", err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n < 2 || n > maxHeader || int64(n) > size-8 {
		return nil, bad("its first eight bytes announce a header of %d bytes in a file of %d: not a safetensors file, or cut off", n, size)
	}
	header := make([]byte, n)
	if _, err := r.ReadAt(header, 8); err != nil && err != io.EOF {
		return nil, bad("%v", err)
	}
	if header[0] != '{' {
		return nil, bad("the header begins with %q, want {: not a safetensors file", header[0])
	}
	if !utf8.Valid(header) {
		return nil, bad("the header is not UTF-8")
	}
	if err := uniqueKeys(header); err != nil {
		return nil, bad("header: %v", err)
	}
	var metadata safetensors.Metadata
	if err := json.Unmarshal(header, &metadata); err != nil {
		return nil, bad("header: %s", quoteLong(err.Error()))
	}
	infos := metadata.Tensors()
	entries := make(map[string]entry, len(infos))
	for name, info := range infos {
		fault := func(format string, args ...any) error {
			return &Error{File: file, Tensor: name, Reason: fmt.Sprintf(format, args...)}
		}
		count := uint64(1)
		e := entry{dtype: info.DType}
		for _, d := range info.Shape {
			hi, lo := bits.Mul64(count, d)
			if hi != 0 || lo > 1<<40 {
				return nil, fault("shape %v is absurdly large", info.Shape)
			}
			count, e.shape = lo, append(e.shape, int(d))
		}
		from, to := info.DataOffsets[0], info.DataOffsets[1]
		if want := count * info.DType.Size(); to < from || to-from != want {
			return nil, fault("data_offsets [%d, %d] do not hold %v of %s (%d bytes)", from, to, info.Shape, info.DType, want)
		}
		if to > uint64(size)-8-n {
			return nil, fault("its data ends at byte %d, the file at %d: is it cut off?", 8+n+to, size)
		}
		e.at, e.bytes = int64(8+n+from), int64(to-from)
		entries[name] = e
	}
	return entries, noOverlap(file, entries, size)
}

// noOverlap reports tensors that share bytes, and bytes of no tensor: the format has neither.
func noOverlap(file string, entries map[string]entry, size int64) error {
	names := sortedKeys(entries)
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := entries[a], entries[b]
		if x.at != y.at {
			return int(min(max(x.at-y.at, -1), 1))
		}
		return int(min(max(x.bytes-y.bytes, -1), 1))
	})
	at := int64(-1)
	for _, name := range names {
		e := entries[name]
		if at >= 0 && e.at != at {
			return &Error{File: file, Tensor: name, Reason: fmt.Sprintf("its data begins at byte %d, the tensor before it ends at %d", e.at, at)}
		}
		at = e.at + e.bytes
	}
	if at >= 0 && at != size {
		return &Error{File: file, Reason: fmt.Sprintf("%d bytes behind the last tensor", size-at)}
	}
	return nil
}

// uniqueKeys reports a name that stands twice in a JSON object, or something that is not one.
func uniqueKeys(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("want a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if seen[name] {
			return fmt.Errorf("%s stands there twice", quoteLong(name))
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if len(value) == 0 || value[0] != '{' {
			return fmt.Errorf("%s: want an object, got %s", quoteLong(name), quoteLong(string(value)))
		}
	}
	return nil
}
