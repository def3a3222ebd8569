package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func inspectJSON(t *testing.T, path string) (in inspection) {
	t.Helper()
	o := must(t, "inspect", "--json", path)
	assert.Empty(t, o.stderr)
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &in))
	return in
}

func TestInspectModel(t *testing.T) {
	for kind, precision := range map[string]string{"sd15": "BF16", "sd21": "F32", "vpred": "F16"} {
		in := inspectJSON(t, testdata(t, "models/"+kind))
		assert.Equal(t, "model", in.Kind)
		assert.Empty(t, in.Problems)
		assert.Equal(t, 128, in.Defaults.Width)
		var names []string
		for _, c := range in.Components {
			names = append(names, c.Name)
			assert.True(t, c.OK)
			if len(c.Files) > 0 {
				assert.Equal(t, c.Parameters, c.Precision[precision], "%s %s", kind, c.Name)
				assert.Positive(t, c.Bytes)
			}
		}
		assert.Equal(t, []string{"tokenizer", "text_encoder", "scheduler", "unet", "vae"}, names)
	}
	in := inspectJSON(t, testdata(t, "models/sd21"))
	assert.Len(t, in.Components[3].Files, 5)
	assert.Equal(t, int64(203204), in.Components[3].Parameters)
	assert.Equal(t, 208, in.Components[3].Tensors)
}

func TestInspectText(t *testing.T) {
	o := must(t, "inspect", testdata(t, "models/sd21"))
	assert.Regexp(t, `(?m)^unet +203\.2 k +F32 +208 +5 +\d+\.\d kB *$`, o.stdout)
	assert.Regexp(t, `(?m)^total +306\.9 k `, o.stdout)
	assert.Contains(t, o.stdout, "\ndefaults: --size 128x128 --method sow --steps 10")
	assert.Regexp(t, `nothing is wrong\n$`, o.stdout)
	assert.Contains(t, must(t, "inspect", "builtin").stdout, "nothing is wrong")
}

func TestInspectParts(t *testing.T) {
	for path, want := range map[string][2]string{
		"models/sd21/unet":             {"component", "unet"},
		"models/sd15/text_encoder":     {"component", "text_encoder"},
		"models/vpred/vae":             {"component", "vae"},
		"models/sd21/tokenizer":        {"component", "tokenizer"},
		"models/sd21/scheduler":        {"component", "scheduler"},
		"golden-sd21.safetensors":      {"file", "golden-sd21.safetensors"},
		"models/sd21/unet/../../sd21/": {"model", "tokenizer"},
	} {
		in := inspectJSON(t, testdata(t, "")+"/"+path)
		assert.Equal(t, want, [2]string{in.Kind, in.Components[0].Name}, path)
		assert.True(t, in.Components[0].OK)
	}
}

// TestInspectTellsEverything: one broken part does not hide another.
func TestInspectTellsEverything(t *testing.T) {
	model := copyModel(t, "sd21")
	require.NoError(t, os.Remove(filepath.Join(model, "unet/config.json")))
	require.NoError(t, os.Truncate(filepath.Join(model, "vae/diffusion_pytorch_model.safetensors"), 1000))
	require.NoError(t, os.WriteFile(filepath.Join(model, "tokenizer/merges.txt"), []byte("lonely\n"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(model, "safety_checker"), 0o755))

	o := sowgen(t, "inspect", model)
	assert.Equal(t, exitFailed, o.code)
	assert.Regexp(t, `^sowgen: \S+: 3 problems; the first: .*lonely.*\n$`, o.stderr)
	assert.Equal(t, 3, strings.Count(o.stdout, "\nproblem: "))
	for _, want := range []string{"unet/config.json", "vae/diffusion_pytorch_model.safetensors", "tokenizer/merges.txt", "not used: safety_checker"} {
		assert.Contains(t, o.stdout, want)
	}
	assert.Regexp(t, `(?m)^unet +203\.2 k .*see below$`, o.stdout, "what can be read is told all the same")

	o = sowgen(t, "inspect", "--json", model)
	assert.Equal(t, exitFailed, o.code)
	var in inspection
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &in))
	assert.Len(t, in.Problems, 3)
	assert.Nil(t, in.Defaults)
	ok := map[string]bool{}
	for _, c := range in.Components {
		ok[c.Name] = c.OK
	}
	assert.Equal(t, map[string]bool{"tokenizer": false, "text_encoder": true, "scheduler": true, "unet": false, "vae": false}, ok)
}

func TestInspectRefuses(t *testing.T) {
	workIn(t)
	require.NoError(t, os.WriteFile("text.safetensors", []byte("hello, I am a text"), 0o644))
	require.NoError(t, os.Mkdir("empty", 0o755))
	files := list(t, ".")
	sowgen(t, "inspect", "nowhere").refuses(t, exitFailed, files, "nowhere")
	sowgen(t, "inspect", "empty").refuses(t, exitFailed, files, "empty", "model folder")
	sowgen(t, "inspect", "text.safetensors").refuses(t, exitFailed, files, "text.safetensors")
	sowgen(t, "inspect", "").refuses(t, exitUsage, files, "PATH")
}

func TestShort(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0 k", 865_910_724: "865.9 M", 3_463_726_504: "3.5 G", 5_000_000_000_000: "5000.0 G"} {
		assert.Equal(t, want, short(n, ""))
	}
	assert.Equal(t, "17 B", short(17, "B"))
	assert.Equal(t, "1.5 kB", short(1500, "B"))
}
