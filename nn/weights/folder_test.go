package weights_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
)

func one(name string) *fstest.MapFile {
	return &fstest.MapFile{Data: file(`{"`+name+`":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4)}
}

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

// TestFolderOrder: the whole file is taken before its variant, both before shards.
func TestFolderOrder(t *testing.T) {
	fsys := fstest.MapFS{
		"unet/m.safetensors":                 one("whole"),
		"unet/m.fp16.safetensors":            one("half"),
		"unet/m.safetensors.index.json":      text(`{"weight_map":{"shard":"s.safetensors"}}`),
		"unet/m.safetensors.index.fp16.json": text(`{"weight_map":{"half-shard":"h.safetensors"}}`),
		"unet/s.safetensors":                 one("shard"),
		"unet/h.safetensors":                 one("half-shard"),
	}
	for _, step := range []struct{ name, file string }{
		{"whole", "m.safetensors"}, {"half", "m.fp16.safetensors"}, {"shard", "m.safetensors.index.json"}, {"half-shard", "m.safetensors.index.fp16.json"},
	} {
		d := openFolder(t, fsys, "unet", "m")
		assert.Equal(t, []string{step.name}, d.Names())
		assert.Equal(t, "unet/"+step.file, d.String())
		delete(fsys, "unet/"+step.file)
	}
	_, err := weights.OpenFolder(fsys, "unet", "m")
	require.ErrorIs(t, err, fs.ErrNotExist)
	oneLine(t, err)
}

func TestFolderErrors(t *testing.T) {
	index := func(weightMap string) *fstest.MapFile {
		return text(`{"metadata":{"total_size":4},"weight_map":` + weightMap + `}`)
	}
	shard := func(name string) fstest.MapFS {
		return fstest.MapFS{"m.safetensors.index.json": index(`{"a":"` + name + `"}`)}
	}
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"only a pickle": {fstest.MapFS{"m.bin": text("x")}, "m.safetensors: does not exist, nor does an .fp16. variant or an index of shards, only m.bin, " +
			"a pickle, which can run code and is not read: convert it"},
		"only a torch pickle": {fstest.MapFS{"pytorch_model.bin": text("x")}, "only pytorch_model.bin, a pickle"},
		"only a checkpoint":   {fstest.MapFS{"v2-1.ckpt": text("x")}, "only v2-1.ckpt, a pickle"},
		"another name":        {fstest.MapFS{"other.safetensors": one("a")}, "only other.safetensors: rename it"},
		"nothing":             {fstest.MapFS{"config.json": text("{}")}, "download the component's .safetensors files"},
		"broken":              {fstest.MapFS{"m.safetensors": text("x")}, "m.safetensors: has 1 bytes"},
		"broken, and half":    {fstest.MapFS{"m.safetensors": text("x"), "m.fp16.safetensors": one("a")}, "m.safetensors: has 1 bytes"},
		"up":                  {shard("../s.safetensors"), `m.safetensors.index.json: tensor a: lies in "../s.safetensors", want the name`},
		"up and down":         {shard("../x/s.safetensors"), "want the name"},
		"absolute":            {shard("/etc/s.safetensors"), "want the name"},
		"below":               {shard("x/s.safetensors"), "want the name"},
		"backslash":           {shard(`..\\s.safetensors`), "want the name"},
		"drive":               {shard("c:s.safetensors"), "want the name"},
		"dots":                {shard(".."), "want the name"},
		"empty":               {shard(""), "want the name"},
		"password":            {shard("passwd"), "want the name"},
		"line":                {shard(`a\nb.safetensors`), `"a\nb.safetensors": does not exist`},
		"missing shard":       {shard("s.safetensors"), "s.safetensors: does not exist"},
		"not in the shard": {fstest.MapFS{"m.safetensors.index.json": index(`{"a":"s.safetensors"}`), "s.safetensors": one("b")},
			"s.safetensors: tensor a: is not there, though m.safetensors.index.json says so"},
		"broken shard": {fstest.MapFS{"m.safetensors.index.json": index(`{"a":"s.safetensors","b":"t.safetensors"}`), "s.safetensors": one("a"),
			"t.safetensors": text("123456789")}, "t.safetensors: its first eight bytes"},
		"no JSON":    {fstest.MapFS{"m.safetensors.index.json": text("{")}, "is not sound JSON"},
		"not UTF-8":  {fstest.MapFS{"m.safetensors.index.json": text("{\"\xff\":1}")}, "is not sound JSON: it is not UTF-8"},
		"null":       {fstest.MapFS{"m.safetensors.index.json": text("null")}, "its weight_map names no tensor"},
		"no map":     {fstest.MapFS{"m.safetensors.index.json": text(`{"metadata":{}}`)}, "its weight_map names no tensor"},
		"an array":   {fstest.MapFS{"m.safetensors.index.json": text(`{"weight_map":[]}`)}, "is not an index of shards"},
		"a number":   {fstest.MapFS{"m.safetensors.index.json": index(`{"a":1}`)}, "is not an index of shards"},
		"twice":      {fstest.MapFS{"m.safetensors.index.json": index(`{"a":"s.safetensors","a":"t.safetensors"}`)}, `a stands there twice`},
		"deep":       {fstest.MapFS{"m.safetensors.index.json": text(strings.Repeat(`{"a":`, 9999))}, "nested deeper"},
		"index half": {fstest.MapFS{"m.safetensors.index.json": text(`{"weight_map":{"a":"s.safe`)}, "is not sound JSON: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := weights.OpenFolder(c.fsys, ".", "m")
			require.ErrorContains(t, err, c.want)
			oneLine(t, err)
		})
	}
	_, err := weights.OpenFolder(fstest.MapFS{"unet": text("x")}, "unet", "m")
	require.ErrorContains(t, err, "is not a folder")
	_, err = weights.OpenFolder(fstest.MapFS{}, "unet", "m")
	require.ErrorContains(t, err, "weights: unet: does not exist")
}

// TestFolderLinks: the hub's cache is made of links out of the folder.
func TestFolderLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "snapshots", "unet"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "blob"), one("a").Data, 0o600))
	require.NoError(t, os.Symlink("../../blob", filepath.Join(dir, "snapshots", "unet", "m.safetensors")))
	d := openFolder(t, os.DirFS(filepath.Join(dir, "snapshots")), "unet", "m")
	assert.Equal(t, []string{"a"}, d.Names())
}

// TestUnlisted: a tensor that the index does not list is no part of the model; inspection tells.
func TestUnlisted(t *testing.T) {
	fsys := fstest.MapFS{
		"m.safetensors.index.json": text(`{"weight_map":{"a":"s.safetensors"}}`),
		"s.safetensors":            {Data: file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8)},
	}
	d := openFolder(t, fsys, ".", "m")
	assert.Equal(t, []string{"a"}, d.Names())
	_, err := d.Tensor("b")
	oneLine(t, err)
	assert.Equal(t, []string{"tensor b: m.safetensors.index.json does not say that it is here"}, d.Info()[0].Problems)
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":4},"weight_map":{"a":"s.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../s.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{"d/m.safetensors.index.json": {Data: data}, "d/s.safetensors": one("a"), "s.safetensors": one("secret")}
		d, err := weights.OpenFolder(fsys, "d", "m")
		if err != nil {
			oneLine(t, err)
			return
		}
		defer d.Close()
		if names := d.Names(); len(names) != 1 || names[0] != "a" {
			t.Fatalf("names %q", names)
		}
	})
}
