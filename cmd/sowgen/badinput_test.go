package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func nanValue() float64 { return math.NaN() }

// TestAbsurdFlags gives every flag values that cannot be carried out.
func TestAbsurdFlags(t *testing.T) {
	workIn(t)
	huge := "99999999999999999999"
	for flag, values := range map[string][]string{
		"steps":              {"0", "-1", "1000", "1000000000", huge, "abc", "", "1.5", "NaN", "1", "2"},
		"cycles":             {"-1", "10001", "1000000000", huge, "abc", ""},
		"guidance":           {"-1", "101", "1e+300", "1e999", "NaN", "Inf", "-Inf", "abc", ""},
		"inversion-guidance": {"-1", "101", "NaN", "Inf", "abc"},
		"masked-guidance":    {"maybe"},
		"eta":                {"-0.1", "1.1", "NaN", "Inf", "abc"},
		"eta-cycle":          {"-0.1", "1.1", "NaN", "Inf", "abc"},
		"eta-final":          {"-0.1", "1.1", "NaN", "Inf", "abc"},
		"replace":            {"-1", "2", "NaN", "0.9", "0", "abc"},
		"back":               {"-1", "2", "NaN", "0.1", "abc"},
		"late":               {"-1", "2", "NaN", "0.9", "abc"},
		"target-mass":        {"-1", "1", "NaN", "abc"},
		"neck-mass":          {"-1", "1", "NaN", "abc"},
		"method":             {"", "SOW", "img2img"},
		"keep":               {"", "grey"},
		"face-mask":          {"", "oval"},
		"task":               {"", "portrait"},
		"face-index":         {"", "0", "-1", "abc", "2", huge},
		"planner":            {"", "gpt"},
		"inversion":          {"", "ref018"},
		"late-overwrite":     {"", "never"},
		"start":              {"", "grey"},
		"canvas-grey":        {"", "-1", "256", "abc", "1.5"},
		"overwrite":          {"", "never"},
		"blend":              {"", "alpha"},
		"size":               {"", "0x0", "128", "128x", "x128x128", "axb", "128x128x128", "-128x128", "100x100", "8x8", "99999999x8", "1000000x1000000", huge + "x8"},
		"box":                {"", "1,2,3", "a,b,c,d", "0,0,0,0", "0,0,64,0", "0,0,-64,64", "-8,0,64,64", "100,0,64,64", "0,0,128,136", "0,0,1," + huge, "2147483647,2147483647,2147483647,2147483647"},
		"seed":               {"", "-2", "abc", "1.5", huge + huge},
		"max-memory":         {"", "abc", "-3GB", "NaN", "1e300GB", "5"},
		"threads":            {"-1", "257", huge, "abc"},
		"precision":          {"", "bf16", "F32"},
		"device":             {"", "gpu", "cuda:", "cuda:-1", "cuda:1000", "cpu:0"},
		"output":             {"", "out.jpg", "out", "nowhere/out.png", ".png/", "."},
		"save-latents":       {"", "nowhere/l.safetensors", "."},
		"save-plan":          {"", "nowhere/p.json", "."},
		"plan":               {"", "nowhere.json", "."},
		"condition":          {"", "nowhere.png", "."},
		"mask":               {"", "nowhere.png", "."},
		"model":              {"", "nowhere", testdata(t, "condition.png"), "."},
		"prompt":             {"\xff", "a\x00b"},
		"negative":           {"\xff"},
		"json":               {"maybe"},
	} {
		for _, value := range values {
			t.Run(flag+"="+strings.ToValidUTF8(value, "?"), func(t *testing.T) {
				args := []string{"generate", "--model", testdata(t, "models/sd21"), "--prompt", prompt, "--cycles", "0"}
				if flag != "condition" {
					args = append(args, "--condition", testdata(t, "condition.png"))
				}
				if flag == "keep" {
					args = append(args, "--mask", testdata(t, "condition.png"))
				}
				if flag != "output" {
					args = append(args, "-o", "out.png")
				}
				o := sowgen(t, append(args, "--"+flag+"="+value)...)
				code := exitUsage
				if slices.Contains([]string{"save-latents", "save-plan", "plan", "condition", "mask", "model"}, flag) && value != "" ||
					flag == "condition" || flag == "output" && strings.HasSuffix(value, "out.png") {
					code = exitFailed // the command line may be right, the file is not
				}
				o.refuses(t, code, nil)
				if short := strings.ToValidUTF8(value, `\xff`); !strings.Contains(short, "\x00") {
					assert.Contains(t, o.stderr, short, "the value")
				}
			})
		}
	}
}

// TestContradictions: flags that make no sense together.
func TestContradictions(t *testing.T) {
	workIn(t)
	condition := testdata(t, "condition.png")
	require.NoError(t, os.WriteFile("plan.json", []byte(`{"box": [0, 0, 500, 500]}`), 0o644))
	files := list(t, ".")
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{nil, exitUsage, []string{"--prompt is missing"}},
		{[]string{"--prompt", "a", "extra"}, exitUsage, []string{`"extra"`}},
		{[]string{"--prompt", "a"}, exitUsage, []string{"--method sow", "condition", "text"}},
		{[]string{"--prompt", "a", "--method", "cow"}, exitUsage, []string{"--method cow", "--condition", "text"}},
		{[]string{"--prompt", "a", "--method", "text", "--condition", condition}, exitUsage, []string{"--method text"}},
		{[]string{"--prompt", "a", "--method", "text", "--mask", condition}, exitUsage, []string{"--mask", "--condition"}},
		{[]string{"--prompt", "a", "--method", "text", "--box", "0,0,8,8"}, exitUsage, []string{"--box 0,0,8,8", "--condition"}},
		{[]string{"--prompt", "a", "--method", "text", "--plan", "plan.json"}, exitUsage, []string{"--plan plan.json", "--condition"}},
		{[]string{"--prompt", "a", "--condition", condition, "--keep", "black"}, exitUsage, []string{"--keep black", "--mask"}},
		{append([]string{"--prompt", "a"}, slices.Repeat([]string{"--face", condition}, 6)...), exitUsage, []string{"--condition 6", "at most 5"}},
		{[]string{"--prompt", "a", "--condition", condition, "--plan", "plan.json", "--planner", "none"}, exitUsage, []string{"plan", "planner"}},
		{[]string{"--prompt", "a", "--condition", condition, "-o", "a.png", "--save-latents", "a.png"}, exitUsage, []string{"a.png", "twice"}},
		{[]string{"--prompt", "a", "--condition", condition, "-o", "a.png", "--save-plan", "./a.png"}, exitUsage, []string{"a.png", "twice"}},
		{[]string{"--prompt", "a", "--condition", condition, "--back", "0.45"}, exitUsage, []string{"0.45", "nodes 4, 5, 4"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			sowgen(t, append([]string{"generate", "--model", testdata(t, "models/sd21")}, c.args...)...).refuses(t, c.code, files, c.want...)
		})
	}
}

// TestBadPictures gives conditions and masks that cannot be used; package picture's own tests have many more.
func TestBadPictures(t *testing.T) {
	workIn(t)
	good, err := os.ReadFile(testdata(t, "condition.png"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("empty.png", nil, 0o644))
	require.NoError(t, os.WriteFile("text.png", []byte("not a picture"), 0o644))
	require.NoError(t, os.WriteFile("cut.png", good[:len(good)/2], 0o644))
	require.NoError(t, os.WriteFile("bomb.png", bomb(), 0o644))
	require.NoError(t, os.Mkdir("folder.png", 0o755))
	writeMask(t, "black.png", 64, 64, image.Rectangle{}, color.White, color.Black)
	writeMask(t, "other.png", 60, 64, image.Rect(0, 0, 9, 9), color.White, color.Black)
	writeMask(t, "dot.png", 64, 64, image.Rect(1, 1, 2, 2), color.White, color.Black)
	writePNG(t, "clear.png", image.NewNRGBA(image.Rect(0, 0, 64, 64)))
	files := list(t, ".")
	for name, want := range map[string]string{
		"empty.png": "is empty", "text.png": "is not a picture", "cut.png": "cannot be decoded", "bomb.png": "pixels", "folder.png": "folder", "nowhere.png": "does not exist",
	} {
		t.Run(name, func(t *testing.T) {
			sowgen(t, quick(t, "-o", "out.png", "--mask", name)...).refuses(t, exitFailed, files, name, want)
			sowgen(t, "generate", "--prompt", prompt, "--condition", name).refuses(t, exitFailed, files, name, want)
		})
	}
	sowgen(t, quick(t, "--mask", "black.png")...).refuses(t, exitFailed, files, "black.png", "keep")
	sowgen(t, quick(t, "--mask", "other.png")...).refuses(t, exitUsage, files, "other.png", "60x64", "64x64")
	sowgen(t, quick(t, "--mask", "dot.png", "--json")...).refuses(t, exitUsage, files, "--mask dot.png", "latent")
	sowgen(t, "generate", "--model", testdata(t, "models/sd21"), "--prompt", prompt, "--condition", "clear.png").refuses(t, exitUsage, files, "clear.png", "keep")
}

// bomb is a PNG of a few bytes that asks for 900 million pixels.
func bomb() []byte {
	chunk := func(kind string, data []byte) []byte {
		body := append([]byte(kind), data...)
		out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
		return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 30000), 30000)
	out := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 6, 0, 0, 0))...)
	return append(append(out, chunk("IDAT", nil)...), chunk("IEND", nil)...)
}

func TestBadPlans(t *testing.T) {
	workIn(t)
	for text, want := range map[string]string{
		"":                                       "plan",
		"[]":                                     "plan",
		"null":                                   "box",
		"{}":                                     "box [0 0 0 0]",
		`{"box": [0, 0, 2000, 500]}`:             "2000",
		`{"box": [500, 0, 0, 500]}`:              "[500 0 0 500]",
		`{"box": [0, 0, 500, 500], "x": 1}`:      `"x"`,
		`{"box": [0, 0, 500, 500]} {}`:           "more behind",
		`{"box": [0, 0, 500, 500], "task": "x"}`: "task",
		`{"box": [0, 0, 500, 500], "related": [{"box": [0, 0, 1, 1], "relation": 7}]}`: "relation 7",
		strings.Repeat("[", 1<<20-10): "plan",
		strings.Repeat(" ", 1<<20+1):  "1048576",
	} {
		t.Run(want, func(t *testing.T) {
			require.NoError(t, os.WriteFile("plan.json", []byte(text), 0o644))
			sowgen(t, quick(t, "--plan", "plan.json")...).refuses(t, exitFailed, []string{"plan.json"}, "plan.json", want)
		})
	}
}

// hostile are ways to break a model folder, and what the complaint must name.
var hostile = []struct {
	name  string
	file  string
	spoil func(data []byte) []byte // nil removes the file
	want  []string
}{
	{"no unet config", "unet/config.json", nil, []string{"unet/config.json"}},
	{"no weights", "vae/diffusion_pytorch_model.safetensors", nil, []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"no tokenizer", "tokenizer/vocab.json", nil, []string{"tokenizer"}},
	{"no scheduler", "scheduler/scheduler_config.json", nil, []string{"scheduler/scheduler_config.json"}},

	{"config is no JSON", "unet/config.json", become("hello"), []string{"unet/config.json"}},
	{"config is empty", "unet/config.json", become(""), []string{"unet/config.json"}},
	{"config is null", "vae/config.json", become("null"), []string{"vae/config.json", "null"}},
	{"config is deep", "vae/config.json", become(strings.Repeat(`{"a":`, 1000)), []string{"vae/config.json"}},
	{"config is endless", "vae/config.json", become(strings.Repeat(" ", 1<<20+1)), []string{"vae/config.json", "1048576"}},
	{"negative channels", "unet/config.json", set("block_out_channels", []int{-16, 32}), []string{"unet/config.json", "block_out_channels", "-16"}},
	{"zero channels", "unet/config.json", set("block_out_channels", []int{0, 0}), []string{"unet/config.json", "block_out_channels", "0"}},
	{"1e9 channels", "unet/config.json", set("block_out_channels", []int{1e9, 1e9}), []string{"unet/config.json", "block_out_channels", "1000000000"}},
	{"no blocks", "unet/config.json", set("block_out_channels", []int{}), []string{"unet/config.json", "block_out_channels"}},
	{"1e9 layers in the unet", "unet/config.json", set("layers_per_block", 1e9), []string{"unet/config.json", "layers_per_block", "1000000000"}},
	{"256 layers", "unet/config.json", set("layers_per_block", 256), []string{"unet"}},
	{"wide", "unet/config.json", set("cross_attention_dim", 32768), []string{"32768"}},
	{"1e9 layers in the text encoder", "text_encoder/config.json", set("num_hidden_layers", 1e9), []string{"text_encoder/config.json", "num_hidden_layers", "1000000000"}},
	{"negative layers", "text_encoder/config.json", set("num_hidden_layers", -1), []string{"text_encoder/config.json", "num_hidden_layers", "-1"}},
	{"1e9 layers in the vae", "vae/config.json", set("layers_per_block", 1e9), []string{"vae/config.json", "layers_per_block", "1000000000"}},
	{"no groups", "vae/config.json", set("norm_num_groups", 0), []string{"vae/config.json", "norm_num_groups", "0"}},
	{"heads that do not divide", "unet/config.json", set("attention_head_dim", 7), []string{"unet/config.json", "attention_head_dim", "7"}},
	{"heads are a word", "unet/config.json", set("attention_head_dim", "many"), []string{"unet/config.json", "many"}},
	{"unknown block", "unet/config.json", set("down_block_types", []string{"AttnDownBlock2D", "DownBlock2D"}), []string{"unet/config.json", "AttnDownBlock2D"}},
	{"not an SD unet", "unet/config.json", set("class_embed_type", "timestep"), []string{"unet/config.json", "class_embed_type", "timestep"}},
	{"huge sample", "unet/config.json", set("sample_size", 1e9), []string{"unet/config.json", "sample_size", "1000000000"}},
	{"fractional size", "vae/config.json", set("latent_channels", 4.5), []string{"vae/config.json", "latent_channels"}},
	{"other latents", "vae/config.json", set("latent_channels", 8), []string{"vae", "8"}},
	{"other text width", "unet/config.json", set("cross_attention_dim", 64), []string{"64", "32"}},
	{"unknown activation", "text_encoder/config.json", set("hidden_act", "relu"), []string{"text_encoder/config.json", "hidden_act", "relu"}},
	{"unknown prediction", "scheduler/scheduler_config.json", set("prediction_type", "sample"), []string{"scheduler/scheduler_config.json", "prediction_type", "sample"}},
	{"1e9 timesteps", "scheduler/scheduler_config.json", set("num_train_timesteps", 1e9), []string{"scheduler/scheduler_config.json", "num_train_timesteps", "1000000000"}},
	{"negative beta", "scheduler/scheduler_config.json", set("beta_start", -1), []string{"scheduler/scheduler_config.json", "beta_start", "-1"}},

	{"vocabulary is no JSON", "tokenizer/vocab.json", become("["), []string{"tokenizer/vocab.json"}},
	{"vocabulary of words", "tokenizer/vocab.json", become(`{"a": "b"}`), []string{"tokenizer/vocab.json"}},
	{"negative id", "tokenizer/vocab.json", become(`{"a": -1}`), []string{"tokenizer/vocab.json", "-1"}},
	{"huge id", "tokenizer/vocab.json", become(`{"a": 1000000000000}`), []string{"tokenizer/vocab.json", "1000000000000"}},
	{"an id twice", "tokenizer/vocab.json", become(`{"a": 0, "b": 0}`), []string{"tokenizer/vocab.json"}},
	{"empty vocabulary", "tokenizer/vocab.json", become(`{}`), []string{"tokenizer/"}},
	{"merge of nothing", "tokenizer/merges.txt", become("#version: 0.2\nzzz qqq\n"), []string{"tokenizer/merges.txt", "zzz"}},
	{"merge of one", "tokenizer/merges.txt", become("lonely\n"), []string{"tokenizer/merges.txt", "lonely"}},
	{"not UTF-8", "tokenizer/merges.txt", become("\xff\xfe\x00"), []string{"tokenizer/merges.txt", "UTF-8"}},
	{"unknown pad", "tokenizer/special_tokens_map.json", become(`{"pad_token": "nobody"}`), nil},

	{"defaults out of range", "sow.json", become(`{"steps": 0}`), []string{"sow.json", "steps 0"}},
	{"defaults misspelt", "sow.json", become(`{"stepz": 10}`), []string{"sow.json", "stepz"}},
	{"defaults of no task", "sow.json", become(`{"tasks": {"portrait": {}}}`), []string{"sow.json", "portrait", "style"}},
	{"a task's defaults out of range", "sow.json", become(`{"tasks": {"style": {"steps": 0}}}`), []string{"sow.json", "style", "steps 0"}},
	{"defaults of nothing", "sow.json", become(`x`), []string{"sow.json"}},

	{"empty weights", "vae/diffusion_pytorch_model.safetensors", become(""), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"cut off", "vae/diffusion_pytorch_model.safetensors", func(b []byte) []byte { return b[:len(b)-100] }, []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"cut off in the header", "vae/diffusion_pytorch_model.safetensors", func(b []byte) []byte { return b[:500] }, []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"more at the end", "vae/diffusion_pytorch_model.safetensors", func(b []byte) []byte { return append(b, 1, 2, 3, 4) }, []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"header of 2^63", "vae/diffusion_pytorch_model.safetensors", become("\xff\xff\xff\xff\xff\xff\xff\x7f{}"), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"header of 2^64", "vae/diffusion_pytorch_model.safetensors", become("\xff\xff\xff\xff\xff\xff\xff\xff{}"), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"no header", "vae/diffusion_pytorch_model.safetensors", become("\x00\x00\x00\x00\x00\x00\x00\x00"), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"a picture", "vae/diffusion_pytorch_model.safetensors", become("\x89PNG\r\n\x1a\n and more"), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"offsets outside", "vae/diffusion_pytorch_model.safetensors", header(`{"a": {"dtype": "F32", "shape": [4], "data_offsets": [1000000, 1000016]}}`, 16), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"offsets backwards", "vae/diffusion_pytorch_model.safetensors", header(`{"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}`, 16), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"offsets overlap", "vae/diffusion_pytorch_model.safetensors", header(`{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}}`, 24), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"a name twice", "vae/diffusion_pytorch_model.safetensors", header(`{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}`, 8), []string{"vae/diffusion_pytorch_model.safetensors", "a"}},
	{"name is not UTF-8", "vae/diffusion_pytorch_model.safetensors", header("{\"\xff\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]}}", 4), []string{"vae/diffusion_pytorch_model.safetensors", "UTF-8"}},
	{"shape overflows", "vae/diffusion_pytorch_model.safetensors", header(`{"a": {"dtype": "F32", "shape": [4294967296, 4294967296, 4], "data_offsets": [0, 4]}}`, 4), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"shape is negative", "vae/diffusion_pytorch_model.safetensors", header(`{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}`, 4), []string{"vae/diffusion_pytorch_model.safetensors"}},
	{"terminal commands in a name", "vae/diffusion_pytorch_model.safetensors", header(`{"\u001b[2J\nsowgen: fine": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}`, 4), []string{"vae"}},
	{"a tensor is missing", "vae/diffusion_pytorch_model.safetensors", rename("decoder.conv_in.bias", "decoder.conv_in.bios"), []string{"decoder.conv_in.bias"}},
	{"a network for inpainting", "unet/config.json", set("in_channels", 9), []string{"unet", "9"}},
	{"a tensor has another shape", "vae/config.json", set("block_out_channels", []int{8, 8, 16, 32}), []string{"vae", "16", "32"}},
	{"a tensor is NaN", "vae/diffusion_pytorch_model.safetensors", func(b []byte) []byte { return append(b[:len(b)-4], 0, 0, 0xc0, 0x7f) }, []string{"vae/diffusion_pytorch_model.safetensors", "NaN"}},
	{"a tensor is infinite", "vae/diffusion_pytorch_model.safetensors", func(b []byte) []byte { return append(b[:len(b)-4], 0, 0, 0x80, 0x7f) }, []string{"vae/diffusion_pytorch_model.safetensors", "Inf"}},
	{"numbers of another kind", "vae/diffusion_pytorch_model.safetensors", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"F32"`), []byte(`"I32"`)) }, []string{"I32"}},

	{"shard outside", index, shard("../../../../etc/passwd.safetensors"), []string{index, "passwd"}},
	{"shard at a root", index, shard("/etc/passwd"), []string{index, "passwd"}},
	{"shard is missing", index, shard("nowhere.safetensors"), []string{"nowhere.safetensors"}},
	{"shard is a folder", index, shard("."), []string{index}},
	{"shard has no such tensor", index, shard("diffusion_pytorch_model-00001-of-00005.safetensors"), []string{"00001-of-00005"}},
	{"index of nothing", index, become(`{"weight_map": {}}`), []string{index}},
	{"index is no JSON", index, become(`{`), []string{index}},
}

const index = "unet/diffusion_pytorch_model.safetensors.index.json"

func become(text string) func([]byte) []byte { return func([]byte) []byte { return []byte(text) } }

// set changes a key of a JSON object.
func set(key string, value any) func([]byte) []byte {
	return func(data []byte) []byte {
		var all map[string]any
		if err := json.Unmarshal(data, &all); err != nil {
			panic(err)
		}
		all[key] = value
		data, err := json.Marshal(all)
		if err != nil {
			panic(err)
		}
		return data
	}
}

// shard puts every tensor into another shard.
func shard(name string) func([]byte) []byte {
	return func(data []byte) []byte {
		var all struct {
			WeightMap map[string]string `json:"weight_map"`
		}
		if err := json.Unmarshal(data, &all); err != nil {
			panic(err)
		}
		for tensor := range all.WeightMap {
			all.WeightMap[tensor] = name
		}
		data, err := json.Marshal(all)
		if err != nil {
			panic(err)
		}
		return data
	}
}

// header is a safetensors file of the given header and so many bytes of data.
func header(text string, data int) func([]byte) []byte {
	return func([]byte) []byte {
		out := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
		return append(append(out, text...), make([]byte, data)...)
	}
}

// rename changes a name of the same length in a file.
func rename(from, to string) func([]byte) []byte {
	return func(data []byte) []byte { return bytes.Replace(data, []byte(from), []byte(to), 1) }
}

// TestHostileModels: generate and inspect name what is wrong in one line, and memory stays low.
func TestHostileModels(t *testing.T) {
	workIn(t)
	require.NoError(t, os.CopyFS("model", os.DirFS(testdata(t, "models/sd21"))))
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join("model", c.file)
			whole, err := os.ReadFile(file)
			if err == nil {
				defer os.WriteFile(file, whole, 0o644)
			} else {
				defer os.Remove(file) // it is new
			}
			if c.spoil == nil {
				require.NoError(t, os.Remove(file))
			} else {
				require.NoError(t, os.WriteFile(file, c.spoil(bytes.Clone(whole)), 0o644))
			}
			files := list(t, ".")
			if c.want == nil {
				c.want = []string{filepath.Dir(c.file)}
			}
			for _, args := range [][]string{
				{"generate", "--model", "model", "--prompt", prompt, "--condition", testdata(t, "condition.png"), "-o", "out.png"},
				{"inspect", "model"},
			} {
				cmd := program(t, args...)
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				assert.Error(t, cmd.Run(), args[0])
				// What only the numbers themselves can tell comes when they are read: after the first lines of progress.
				complaint := regexp.MustCompile(`(?m)^(up to|  \d % ).*\n`).ReplaceAllString(stderr.String(), "")
				outcome{cmd.ProcessState.ExitCode(), stdout.String(), complaint}.refuses(t, exitFailed, files, append(c.want, "model")...)
				assert.Less(t, peakMemory(cmd.ProcessState), int64(600<<20))
				if args[0] == "inspect" {
					assert.Contains(t, stdout.String(), "\nproblem: ")
				}
			}
		})
	}
	must(t, "inspect", "model") // all is well again
}
