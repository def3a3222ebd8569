package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// Folder is a component's weights: one file or several shards.
type Folder struct {
	name  string
	files map[string]*File // by name within the folder
	in    map[string]*File // by tensor name
}

// OpenFolder opens the weights of a component in folder dir of fsys: base.safetensors, or its .fp16. variant, or the shards that
// base.safetensors.index.json, or its .fp16. variant, lists. base is "diffusion_pytorch_model" for diffusers' models, "model" for
// transformers'. Links are followed: the cache of the Hugging Face hub is made of them. The error is an [*Error].
func OpenFolder(fsys fs.FS, dir, base string) (*Folder, error) {
	if info, err := fs.Stat(fsys, dir); err != nil {
		return nil, openError(dir, err)
	} else if !info.IsDir() {
		return nil, &Error{File: dir, Reason: "is not a folder", Fix: "name the folder of a model"}
	}
	for _, name := range []string{base + ".safetensors", base + ".fp16.safetensors"} {
		full := path.Join(dir, name)
		f, err := openFS(fsys, full)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d := &Folder{name: full, files: map[string]*File{name: f}, in: map[string]*File{}}
		for tensorName := range f.header.entries {
			d.in[tensorName] = f
		}
		return d, nil
	}
	for _, name := range []string{base + ".safetensors.index.json", base + ".safetensors.index.fp16.json", base + ".fp16.safetensors.index.json"} {
		index, err := readIndex(fsys, path.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return openShards(fsys, dir, path.Join(dir, name), index)
	}
	return nil, nothingIn(fsys, dir, base)
}

// nothingIn is the error of a folder without safetensors, which names what is there instead.
func nothingIn(fsys fs.FS, dir, base string) error {
	e := &Error{File: path.Join(dir, base+".safetensors"), Reason: "does not exist, nor does an .fp16. variant or an index of shards",
		Fix: "download the component's .safetensors files", Err: fs.ErrNotExist}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return e
	}
	for _, entry := range entries {
		name := entry.Name()
		switch path.Ext(name) {
		case ".bin", ".ckpt", ".pt", ".pth":
			e.Reason += fmt.Sprintf(", only %s, a pickle, which can run code and is not read", shorten(name))
			e.Fix = "convert it: in Python, save_pretrained(DIR) of the loaded pipeline writes safetensors"
			return e
		case ".safetensors":
			e.Reason += fmt.Sprintf(", only %s", shorten(name))
			e.Fix = "rename it if it is what was meant"
		}
	}
	return e
}

// readIndex reads which shard holds which tensor.
func readIndex(fsys fs.FS, name string) (map[string]string, error) {
	const most = 16 << 20
	f, err := fsys.Open(name)
	if err != nil {
		return nil, openError(name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, openError(name, err)
	}
	bad := func(format string, args ...any) error {
		return &Error{File: name, Reason: fmt.Sprintf(format, args...), Fix: downloadAgain}
	}
	if len(data) > most {
		return nil, bad("has more than %d MiB", most>>20)
	}
	if err := checkJSON(data, true); err != nil {
		return nil, bad("is not sound JSON: %v", err)
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, bad("is not an index of shards: %s", shorten(err.Error()))
	}
	if len(index.WeightMap) == 0 {
		return nil, bad("is not an index of shards: its weight_map names no tensor")
	}
	return index.WeightMap, nil
}

func openShards(fsys fs.FS, dir, index string, shardOf map[string]string) (_ *Folder, err error) {
	d := &Folder{name: index, files: map[string]*File{}, in: map[string]*File{}}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	for _, name := range sortedKeys(shardOf) {
		shard := shardOf[name]
		if strings.ContainsAny(shard, `/\:`) || !fs.ValidPath(shard) || path.Ext(shard) != ".safetensors" {
			return nil, &Error{File: index, Tensor: name, Fix: "do not trust this model",
				Reason: fmt.Sprintf("lies in %s, want the name of a .safetensors file beside the index", shorten(strconv.Quote(shard)))}
		}
		full := path.Join(dir, shard)
		if d.files[shard] == nil {
			if d.files[shard], err = openFS(fsys, full); err != nil {
				delete(d.files, shard)
				return nil, err
			}
		}
		if _, ok := d.files[shard].header.entries[name]; !ok {
			return nil, &Error{File: full, Tensor: name, Reason: "is not there, though " + index + " says so", Fix: downloadAgain}
		}
		d.in[name] = d.files[shard]
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

// String returns the name of the file, or of the index of the shards.
func (d *Folder) String() string { return d.name }

// Names implements [Source].
func (d *Folder) Names() []string { return sortedKeys(d.in) }

// Shape implements [Shaper].
func (d *Folder) Shape(name string) (shape []int, dtype string, ok bool) {
	f, ok := d.in[name]
	if !ok {
		return nil, "", false
	}
	return f.Shape(name)
}

// Tensor implements [Source].
func (d *Folder) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	f, ok := d.in[name]
	if !ok {
		return nil, &Error{File: d.name, Tensor: name, Reason: "is not there", Fix: notThisModel}
	}
	return f.Tensor(name, shape...)
}

// Stored implements [Storer].
func (d *Folder) Stored(name string) (w kernels.Stored, ok bool) {
	f, ok := d.in[name]
	if !ok {
		return w, false
	}
	return f.Stored(name)
}

// Files returns the open files by name.
func (d *Folder) Files() map[string]*File { return maps.Clone(d.files) }
