package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"
)

// A header is what stands at the beginning of a safetensors file: eight bytes that give its length, then JSON.
type header struct {
	entries  map[string]entry
	metadata map[string]string
}

// entry is where a tensor lies in its file.
type entry struct {
	dtype safetensors.DType
	shape []int
	count int   // elements
	at    int64 // of its first byte, from the beginning of the file
	bytes int64
}

const (
	maxHeader   = 16 << 20 // bytes; Stable Diffusion's have 100 KB
	maxElements = 1 << 40  // of one tensor, and on one axis: far below an overflow
)

// readHeader parses and checks the header of a safetensors file of the given size. The library parses it; what it lets pass and the
// format does not (text that is not UTF-8, names that stand there twice, null), and everything that concerns the file's size, is checked
// here, on the header alone.
func readHeader(file string, r io.ReaderAt, size int64) (*header, error) {
	bad := func(format string, args ...any) error {
		return &Error{File: file, Reason: fmt.Sprintf(format, args...), Fix: downloadAgain}
	}
	if size < 8 {
		return nil, bad("has %d bytes, too few for a safetensors file", size)
	}
	start := make([]byte, min(size, 40))
	if _, err := r.ReadAt(start, 0); err != nil && err != io.EOF {
		return nil, bad("cannot be read (%v)", reason(err))
	}
	if bytes.HasPrefix(start, []byte("version https://git-lfs")) {
		return nil, &Error{File: file, Reason: "is a Git LFS pointer, not the weights themselves", Fix: "run git lfs pull in its folder"}
	}
	n := binary.LittleEndian.Uint64(start)
	if n < 2 || n > maxHeader || int64(n) > size-8 {
		return nil, bad("its first eight bytes announce a header of %d bytes, in a file of %d (and at most %d are read): if it ever was a safetensors file",
			n, size, maxHeader)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil && err != io.EOF {
		return nil, bad("cannot be read (%v)", reason(err))
	}
	if text[0] != '{' {
		return nil, bad("its header begins with %q, want {: if it ever was a safetensors file", text[0])
	}
	if err := checkJSON(text, false); err != nil {
		return nil, bad("its header: %v", err)
	}
	var parsed safetensors.Metadata
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, &Error{File: file, Reason: "its header: " + shorten(err.Error()),
			Fix: "if the file is whole, convert its tensors to F16 or F32", Err: err}
	}
	h := &header{entries: make(map[string]entry, len(parsed.Tensors())), metadata: parsed.Metadata()}
	for name, info := range parsed.Tensors() {
		e, err := newEntry(info, int64(8+n), size)
		if err != nil {
			return nil, &Error{File: file, Tensor: name, Reason: err.Error(), Fix: downloadAgain}
		}
		h.entries[name] = e
	}
	return h, h.covers(file, int64(8+n), size)
}

// newEntry checks what a header says of one tensor, in a file of the given size whose data begins at begin.
func newEntry(info *safetensors.TensorInfo, begin, size int64) (e entry, err error) {
	count := uint64(1)
	for _, d := range info.Shape {
		hi, product := bits.Mul64(count, d)
		if hi != 0 || d > maxElements || product > maxElements {
			return e, fmt.Errorf("its shape %s is absurdly large", shorten(fmt.Sprint(info.Shape)))
		}
		count, e.shape = product, append(e.shape, int(d))
	}
	from, to := info.DataOffsets[0], info.DataOffsets[1]
	if want := count * info.DType.Size(); to < from || to-from != want {
		return e, fmt.Errorf("its data_offsets [%d, %d] do not hold the %d bytes of %s %s", from, to, want, info.DType, shorten(fmt.Sprint(info.Shape)))
	}
	if to > uint64(size-begin) {
		return e, fmt.Errorf("its data_offsets [%d, %d] reach beyond the %d bytes of data in the file", from, to, size-begin)
	}
	e.dtype, e.count, e.at, e.bytes = info.DType, int(count), begin+int64(from), int64(to-from)
	return e, nil
}

// covers checks that the tensors follow one another from begin to the end of the file: the format has no gaps, and tensors share no bytes.
func (h *header) covers(file string, begin, size int64) error {
	names := sortedKeys(h.entries)
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := h.entries[a], h.entries[b]
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.bytes, y.bytes))
	})
	end, before := begin, "the header"
	for _, name := range names {
		e := h.entries[name]
		if e.at != end {
			what := "leaves a gap behind"
			if e.at < end {
				what = "overlaps"
			}
			return &Error{File: file, Tensor: name, Fix: downloadAgain,
				Reason: fmt.Sprintf("its data begins at byte %d and %s %s, which ends at byte %d", e.at, what, shorten(before), end)}
		}
		end, before = e.at+e.bytes, "tensor "+name
	}
	if end != size {
		return &Error{File: file, Reason: fmt.Sprintf("%d bytes follow the last tensor", size-end), Fix: downloadAgain}
	}
	return nil
}

// checkJSON checks what encoding/json is silent about: that data is UTF-8, that no object has the same key twice, that nothing is nested
// absurdly deep, that nothing follows; and, unless nulls are allowed, that nothing is null.
func checkJSON(data []byte, nulls bool) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkValue(d, nulls, 0); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON")
	}
	return nil
}

// checkValue is checkJSON on the next value of d, inside so many others.
func checkValue(d *json.Decoder, nulls bool, depth int) error {
	const deepest = 8
	if depth > deepest {
		return fmt.Errorf("it is nested deeper than %d", deepest)
	}
	token, err := d.Token()
	switch {
	case err != nil:
		return err
	case token == nil && !nulls:
		return errors.New("there is a null in it")
	case token == json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string) // the decoder lets nothing else pass
			if seen[name] {
				return fmt.Errorf("%s stands there twice", shorten(name))
			}
			seen[name] = true
			if err := checkValue(d, nulls, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	case token == json.Delim('['):
		for d.More() {
			if err := checkValue(d, nulls, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	return nil
}
