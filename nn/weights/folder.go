package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/sowgen/sowgen/tensor"
)

// Folder is a component's weights: one file or several shards.
type Folder struct {
	files map[string]*File // by shard name
	in    map[string]*File // by tensor name
}

// OpenFolder opens the weights of a component in folder dir of fsys: base.safetensors, its .fp16. variant, or the shards that
// base.safetensors.index.json (or its .fp16. variant) lists. base is "diffusion_pytorch_model" for diffusers' models, "model" for
// transformers'.
func OpenFolder(fsys fs.FS, dir, base string) (*Folder, error) {
	for _, name := range []string{base + ".safetensors", base + ".fp16.safetensors"} {
		full := path.Join(dir, name)
		if _, err := fs.Stat(fsys, full); err != nil {
			continue
		}
		f, err := open(fsys, full, full)
		if err != nil {
			return nil, err
		}
		d := &Folder{files: map[string]*File{name: f}, in: map[string]*File{}}
		for tensorName := range f.entries {
			d.in[tensorName] = f
		}
		return d, nil
	}
	for _, name := range []string{base + ".safetensors.index.json", base + ".safetensors.index.fp16.json", base + ".fp16.safetensors.index.json"} {
		full := path.Join(dir, name)
		if _, err := fs.Stat(fsys, full); err == nil {
			return openShards(fsys, dir, full)
		}
	}
	missing := &Error{File: path.Join(dir, base+".safetensors"), Reason: "no such file, nor an .fp16. variant or an index of shards"}
	for _, old := range []string{base + ".bin", "pytorch_model.bin", base + ".fp16.bin"} {
		if _, err := fs.Stat(fsys, path.Join(dir, old)); err == nil {
			missing.Reason = fmt.Sprintf("no such file; %s is a pickle, which can run code: convert it (diffusers' save_pretrained writes safetensors)", old)
		}
	}
	return nil, missing
}

// maxIndex bounds an index of shards.
const maxIndex = 16 << 20

func openShards(fsys fs.FS, dir, index string) (_ *Folder, err error) {
	f, err := fsys.Open(index)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", index, reason(err))
	}
	defer f.Close()
	var list struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	data, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", index, reason(err))
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, &Error{File: index, Reason: err.Error()}
	}
	if len(list.WeightMap) == 0 {
		return nil, &Error{File: index, Reason: "its weight_map names no tensor"}
	}
	d := &Folder{files: map[string]*File{}, in: map[string]*File{}}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	for _, name := range sortedKeys(list.WeightMap) {
		shard := list.WeightMap[name]
		if shard == "" || strings.ContainsAny(shard, `/\`) || !fs.ValidPath(shard) || !strings.HasSuffix(shard, ".safetensors") {
			return nil, &Error{File: index, Tensor: name, Reason: fmt.Sprintf("shard %q: want the name of a .safetensors file beside the index", quoteLong(shard))}
		}
		file := d.files[shard]
		if file == nil {
			full := path.Join(dir, shard)
			if file, err = open(fsys, full, full); err != nil {
				return nil, fmt.Errorf("%s: %w", index, err)
			}
			d.files[shard] = file
		}
		if _, ok := file.entries[name]; !ok {
			return nil, &Error{File: path.Join(dir, shard), Tensor: name, Reason: "not there, though " + index + " says so"}
		}
		d.in[name] = file
	}
	return d, nil
}

// Close closes all files.
func (d *Folder) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Names implements [Source].
func (d *Folder) Names() []string { return sortedKeys(d.in) }

// Tensor implements [Source].
func (d *Folder) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	f, ok := d.in[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s: there is none of that name", quoteLong(name))
	}
	return f.Tensor(name, shape...)
}

// Files returns the open files by name.
func (d *Folder) Files() map[string]*File { return d.files }
