package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEval writes the benchmark, measures two methods on three of its cases, goes on where it was, and says what was wrong.
func TestEval(t *testing.T) {
	workIn(t)
	require.Equal(t, "cases: 216 cases; sowgen eval cases measures the methods on them\n", must(t, "eval", "--make", "cases").stdout)
	tiny := []string{"eval", "cases", "--cases", "3", "--methods", "text,paste", "--model", testdata(t, "models/sd21"), "-o", "results"}
	o := must(t, tiny...)
	require.Contains(t, o.stdout, "all scenarios, 3 cases")
	require.Contains(t, o.stdout, "scenario style, 1 cases")
	require.Regexp(t, `kept, dB  +\S+ .*  60`, o.stdout)
	require.Contains(t, o.stdout, "55.00 %")
	require.Contains(t, o.stderr, "  0 %  pictures\n")
	for _, file := range []string{"index.html", "figures.csv", "report.json", "sheet.png", "pictures/text-000-normal.png", "pictures/paste-000-style.png"} {
		require.FileExists(t, "results/"+file)
	}
	before, err := os.Stat("results/pictures/text-000-normal.png")
	require.NoError(t, err)

	var table struct {
		Tables []struct {
			Scenario string
			Cases    int
			Methods  []string
			Means    map[string]map[string]struct{ Mean, Low, High float64 }
		}
	}
	o = must(t, append(tiny, "--json")...)
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &table))
	require.Empty(t, o.stderr)
	require.Len(t, table.Tables, 4)
	require.Equal(t, []string{"text", "paste"}, table.Tables[0].Methods)
	require.Equal(t, 60.0, table.Tables[0].Means["kept_psnr"]["paste"].Mean)
	after, err := os.Stat("results/pictures/text-000-normal.png")
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime(), "it was there already")
	must(t, append(tiny, "--seeds", "2")...)
	require.FileExists(t, "results/pictures/text-000-normal+2.png")
	again, err := os.Stat("results/pictures/text-000-normal.png")
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), again.ModTime(), "the first seed is the one that was there")
	o = must(t, append(tiny, "--scenarios", "style")...)
	require.Contains(t, o.stdout, "scenario style, 3 cases")
	require.NotContains(t, o.stdout, "all scenarios", "one table is enough")
}

// TestEvalCLIP: a CLIP reads pictures of any world, that in the model's folder or the one that is named, and its memory counts.
func TestEvalCLIP(t *testing.T) {
	workIn(t)
	cases, clips := filepath.Join(t.TempDir(), "own"), filepath.Join(packageDir, "../../clip/testdata/dual")
	require.NoError(t, os.Mkdir(cases, 0o777))
	face, err := os.ReadFile(filepath.Join(packageDir, "../../examples/face.png"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(cases, "face.png"), face, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(cases, "prompts.csv"), []byte("picture,prompt\nface.png,a girl\nface.png,a boy in a city\n"), 0o600))
	model := copyModel(t, "sd21")
	run := []string{"eval", cases, "--methods", "text,paste", "--model", model, "-o", "results"}
	figures := func() string {
		data, err := os.ReadFile("results/figures.csv")
		require.NoError(t, err)
		return string(data)
	}

	o := must(t, run...)
	require.NotContains(t, o.stdout, "CLIP")
	require.NotContains(t, o.stdout, "probe", "nothing is known that it could be asked for")
	memory := regexp.MustCompile(`(?m)^ +MB +(\S+)`)
	without, err := strconv.ParseFloat(memory.FindStringSubmatch(o.stdout)[1], 64)
	require.NoError(t, err)

	require.NoError(t, os.CopyFS(filepath.Join(model, "clip_model"), os.DirFS(filepath.Join(clips, "gelu"))))
	o = must(t, run...)
	require.Regexp(t, `text agreement \(CLIP\)  +\S+`, o.stdout)
	require.Contains(t, o.stdout, "100·max(cos, 0) by the CLIP in "+filepath.Join(model, "clip_model"))
	require.Contains(t, figures(), ",clip_text,")
	models := figures()

	o = must(t, append(run, "--clip", filepath.Join(clips, "quick"))...)
	require.Contains(t, o.stdout, "by the CLIP in "+filepath.Join(clips, "quick"))
	require.NotEqual(t, models, figures(), "another CLIP, other figures")
	with, err := strconv.ParseFloat(memory.FindStringSubmatch(o.stdout)[1], 64)
	require.NoError(t, err)
	require.InDelta(t, 0.6, with-without, 0.3, "megabytes of the CLIP")

	in := inspectJSON(t, model)
	require.Equal(t, "clip_model", in.Components[5].Name)
	require.True(t, in.Components[5].OK)
	require.Empty(t, in.Unused)
	require.Equal(t, "clip_model", inspectJSON(t, filepath.Join(clips, "gelu")).Components[0].Name)

	require.NoError(t, os.WriteFile(filepath.Join(model, "clip_model/preprocessor_config.json"), []byte(`{"resample": 0}`), 0o600))
	before := list(t, ".")
	sowgen(t, run...).refuses(t, exitFailed, before, "clip_model/preprocessor_config.json", `"resample": 0 is not supported, only 3`)
	require.Contains(t, sowgen(t, "inspect", model).stderr, `clip_model/preprocessor_config.json: "resample": 0`)
	sowgen(t, append(run, "--clip", "nowhere")...).refuses(t, exitFailed, before, "--clip nowhere: ", "want the folder of a CLIP")
	sowgen(t, append(run, "--clip", filepath.Join(cases, "face.png"))...).refuses(t, exitFailed, before, "not a file")
	sowgen(t, append(run, "--clip", cases)...).refuses(t, exitFailed, before, "CLIP "+cases, "config.json")
}

func TestEvalRefuses(t *testing.T) {
	workIn(t)
	require.NoError(t, os.MkdirAll("empty", 0o777))
	require.NoError(t, os.MkdirAll("bad", 0o777))
	require.NoError(t, os.WriteFile("bad/prompts.csv", []byte("picture,prompt\nface.png,a\n"), 0o600))
	before := list(t, ".")
	sowgen(t, "eval").refuses(t, exitUsage, before, "want the DIR of the cases")
	sowgen(t, "eval", "a", "b").refuses(t, exitUsage, before, "want the DIR of the cases")
	sowgen(t, "eval", "a", "--make", "b").refuses(t, exitUsage, before, "want the DIR of the cases")
	sowgen(t, "eval", "nowhere").refuses(t, exitFailed, before, "nowhere", "want a folder of cases, or builtin")
	sowgen(t, "eval", "bad/prompts.csv").refuses(t, exitFailed, before, "not a file")
	sowgen(t, "eval", "empty").refuses(t, exitFailed, before, "empty/prompts.csv: there is no such file")
	sowgen(t, "eval", "bad").refuses(t, exitFailed, before, "bad/prompts.csv:2:", "face.png")
	sowgen(t, "eval", "--make", "bad").refuses(t, exitUsage, before, "--make bad", "empty")
	sowgen(t, "eval", "builtin", "--methods", "sow,img2img").refuses(t, exitUsage, before, "--methods sow,img2img", "sow, cow, text, paste, inpaint")
	sowgen(t, "eval", "builtin", "--methods", "sow,sow").refuses(t, exitUsage, before, "each once")
	sowgen(t, "eval", "builtin", "--scenarios", "odd").refuses(t, exitUsage, before, "--scenarios odd", "normal, attribute, style")
	sowgen(t, "eval", "builtin", "--cases", "-1").refuses(t, exitUsage, before, "--cases -1")
	sowgen(t, "eval", "builtin", "--seeds", "0").refuses(t, exitUsage, before, "--seeds 0", "want 1")
	sowgen(t, "eval", "builtin", "--jobs", "999").refuses(t, exitUsage, before, "--jobs 999")
	sowgen(t, "eval", "builtin", "-o", "").refuses(t, exitUsage, before, "--output")
}
