package weights

import (
	"context"
	"fmt"
)

// Info is what the header of a file tells about it.
type Info struct {
	File       string
	Bytes      int64             // size of the file
	Tensors    int               // how many
	Parameters int64             // elements of all tensors
	DTypes     map[string]int64  // elements by what they are stored as ("F16")
	Metadata   map[string]string // texts that go along
	Problems   []string          // what is odd but does not keep it from being read, one line each
}

// Info sums the file up.
func (f *File) Info() Info {
	info := Info{File: f.name, Bytes: f.size, Tensors: len(f.header.entries), DTypes: map[string]int64{}, Metadata: f.Metadata()}
	for _, name := range f.Names() {
		e := f.header.entries[name]
		info.Parameters += int64(e.count)
		info.DTypes[e.dtype.String()] += int64(e.count)
		if e.count == 0 {
			info.Problems = append(info.Problems, fmt.Sprintf("tensor %s: its shape %s holds nothing", shorten(name), shorten(fmt.Sprint(e.shape))))
		}
	}
	return info
}

// Info sums up every file, sorted by name.
func (d *Folder) Info() []Info {
	var all []Info
	for _, shard := range sortedKeys(d.files) {
		f := d.files[shard]
		info := f.Info()
		for _, name := range f.Names() {
			if d.in[name] != f {
				info.Problems = append(info.Problems, fmt.Sprintf("tensor %s: %s does not say that it is here", shorten(name), d.name))
			}
		}
		all = append(all, info)
	}
	return all
}

// Verify reads every tensor of numbers with a point and returns what is wrong with them, such as a NaN. It returns early if ctx is done.
func Verify(ctx context.Context, src Source) []error {
	var errs []error
	for _, name := range src.Names() {
		if ctx.Err() != nil {
			return append(errs, ctx.Err())
		}
		if s, ok := src.(Shaper); ok {
			if _, dtype, ok := s.Shape(name); ok && dtype != "F64" && dtype != "F32" && dtype != "F16" && dtype != "BF16" {
				continue
			}
		}
		if _, err := src.Tensor(name); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
