package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

const prompt = "a girl with a red hat in a snowy forest"

// kinds are the tiny models of sow/testdata/models; gen_golden.py there made them and what diffusers makes of them.
var kinds = []string{"sd15", "sd21", "vpred"}

// readTensor reads a tensor of a safetensors file.
func readTensor(t testing.TB, file, name string) *tensor.Tensor {
	t.Helper()
	f, err := weights.OpenFile(file)
	require.NoError(t, err)
	defer f.Close()
	x, err := f.Tensor(name)
	require.NoError(t, err)
	return x
}

// quick is generate with a tiny model and few steps; further args may say otherwise.
func quick(t testing.TB, args ...string) []string {
	return append([]string{"generate", "--model", testdata(t, "models/sd21"), "--condition", testdata(t, "condition.png"), "--prompt", prompt,
		"--seed", "7", "--cycles", "1"}, args...)
}

// TestTextToImageIsDiffusers: the whole way from flags to a file gives StableDiffusionPipeline's latents.
func TestTextToImageIsDiffusers(t *testing.T) {
	workIn(t)
	for _, kind := range kinds {
		for _, c := range []struct{ seed, eta string }{{"3", "0"}, {"4", "1"}} {
			out := kind + c.eta
			must(t, "generate", "--method", "text", "--model", testdata(t, "models/"+kind), "--prompt", prompt, "--negative", "blurry", "--steps", "10",
				"--guidance", "7.5", "--eta", c.eta, "--seed", c.seed, "--size", "128x128", "-o", out+".png", "--save-latents", out+".safetensors")
			tensortest.CloseToStd(t, readTensor(t, out+".safetensors", "latents"),
				readTensor(t, testdata(t, "golden-"+kind+".safetensors"), "text2img/"+c.seed+"/"+c.eta), 1e-3)
		}
	}
}

// TestCOWIsTheReference: so do the flags for COW, both inversions.
func TestCOWIsTheReference(t *testing.T) {
	workIn(t)
	for _, kind := range kinds {
		for _, inversion := range []string{"aligned", "ref017"} {
			out := kind + inversion
			must(t, "generate", "--method", "cow", "--planner", "none", "--blend", "none", "--inversion", inversion, "--model", testdata(t, "models/"+kind),
				"--face", testdata(t, "condition.png"), "--box", "32,0,64,64", "--prompt", prompt, "--cycles", "3", "--seed", "5", "-o", out+".png",
				"--save-latents", out+".safetensors")
			golden := testdata(t, "golden-"+kind+".safetensors")
			tensortest.CloseToStd(t, readTensor(t, out+".safetensors", "latents"), readTensor(t, golden, "cow/"+inversion+"/latents"), 1e-2)
			tensortest.CloseToStd(t, readTensor(t, out+".safetensors", "image"), readTensor(t, golden, "cow/"+inversion+"/image"), 1e-2)
		}
	}
}

// TestBuiltin makes a picture from nothing but the program and an example.
func TestBuiltin(t *testing.T) {
	workIn(t)
	face := filepath.Join(packageDir, "../../examples/face.png")
	o := must(t, "generate", "--condition", face, "--prompt", prompt, "--seed", "1", "--cycles", "1", "--blend", "paste", "-o", "out.png")
	assert.Regexp(t, `^out\.png: 128x128, method sow, seed 1, .* s\nkept region: PSNR ∞ .*\n$`, o.stdout)
	img, err := picture.Read("out.png")
	require.NoError(t, err)
	assert.Equal(t, image.Pt(128, 128), img.Bounds().Size())
	assert.Equal(t, []string{"out.png"}, list(t, "."))
}

// TestMaxMemory: what does not fit is refused in a line that says what would; where fewer prompts at a time fit, the picture is the same.
func TestMaxMemory(t *testing.T) {
	workIn(t)
	sowgen(t, quick(t, "--threads", "2", "--size", "512x512", "--max-memory", "72MB", "-o", "out.png")...).refuses(t, exitFailed, nil,
		"MB of memory, there is room for 72 MB: what fits is a picture of ")
	must(t, quick(t, "--threads", "2", "--max-memory", "72MB", "-o", "a.png")...)
	o := must(t, quick(t, "-o", "b.png")...)
	assert.Regexp(t, `^up to \d+\.\d MB of memory\n`, o.stderr)
	a, err := os.ReadFile("a.png")
	require.NoError(t, err)
	b, err := os.ReadFile("b.png")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(a, b))
}

// TestSameBytes: neither the number of threads nor chance changes a byte.
func TestSameBytes(t *testing.T) {
	workIn(t)
	var first []byte
	for i, threads := range []string{"1", "2", "2", "0"} {
		name := fmt.Sprintf("%d.png", i)
		must(t, quick(t, "--threads", threads, "-o", name)...)
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		if first == nil {
			first = data
		}
		require.True(t, bytes.Equal(first, data), "threads %s", threads)
	}
}

// texts reads what a picture carries.
func texts(t testing.TB, file string) map[string]string {
	t.Helper()
	all, err := picture.ReadTexts(file)
	require.NoError(t, err)
	m := map[string]string{}
	for _, text := range all {
		m[text.Key] = text.Text
	}
	return m
}

func TestParametersText(t *testing.T) {
	workIn(t)
	must(t, quick(t, "-o", "out.png", "--negative", "blurry")...)
	assert.Regexp(t, `^a girl with a red hat in a snowy forest
Negative prompt: blurry
Steps: 10, Sampler: DDIM, CFG scale: 7\.5, Seed: 7, Size: 128x128, Model: sd21, Method: sow, Version: \S*sowgen \S+$`, texts(t, "out.png")["parameters"])
}

func TestQuotedLikeA1111(t *testing.T) {
	assert.Equal(t, "plain", quoted("plain"))
	assert.Equal(t, `"a, \"b\": c"`, quoted(`a, "b": c`))
}

// TestRunCanBeRepeated makes a picture again from what the first one says about itself.
func TestRunCanBeRepeated(t *testing.T) {
	workIn(t)
	writeMask(t, "mask.png", 64, 64, image.Rect(0, 0, 48, 64), color.Black, color.White)
	must(t, quick(t, "-o", "first.png", "--mask", "mask.png", "--keep", "black", "--box", "40,8,64,64", "--blend", "feather", "--eta-cycle", "0.7",
		"--late-overwrite", "every", "--masked-guidance=false", "--target-mass", "0.5")...)

	record := texts(t, "first.png")["sow"]
	var r struct {
		Prompt     string
		Seed       uint64
		Width      int
		Height     int
		Params     map[string]any
		Conditions []inputCondition
		Plan       json.RawMessage
		Planner    string
	}
	require.NoError(t, json.Unmarshal([]byte(record), &r))
	c := r.Conditions[0]
	assert.Equal(t, "condition.png", c.File)
	assert.Len(t, c.SHA256, 64)
	assert.Equal(t, "mask.png", c.Mask.File)
	assert.Equal(t, "offline", r.Planner)
	assert.NotContains(t, record, packageDir, "folders are nobody's business")
	assert.NotContains(t, record, "seconds")

	require.NoError(t, os.WriteFile("plan.json", r.Plan, 0o644))
	args := []string{"generate", "--model", testdata(t, "models/sd21"), "--condition", testdata(t, c.File), "--mask", c.Mask.File, "--keep", c.Keep,
		"--prompt", r.Prompt, "--seed", fmt.Sprint(r.Seed), "--size", fmt.Sprintf("%dx%d", r.Width, r.Height), "--plan", "plan.json", "-o", "again.png",
		"--box", strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Box), " ", ","), "[]")}
	for name, value := range r.Params {
		args = append(args, fmt.Sprintf("--%s=%v", strings.ReplaceAll(name, "_", "-"), value))
	}
	must(t, args...)
	first, err := picture.Read("first.png")
	require.NoError(t, err)
	again, err := picture.Read("again.png")
	require.NoError(t, err)
	assert.Equal(t, first, again)
}

// TestTwoFaces: the second mask and box are those of the second face, and auto stands for none.
func TestTwoFaces(t *testing.T) {
	workIn(t)
	writeMask(t, "mask.png", 64, 64, image.Rect(0, 0, 32, 64), color.White, color.Black)
	args := []string{"--face", testdata(t, "condition.png"), "--mask", "auto", "--mask", "mask.png", "--box", "auto", "--box", "64,64,64,64"}
	must(t, quick(t, append(args, "-o", "two.png", "--save-plan", "plan.json", "--blend", "paste")...)...)
	var r struct{ Conditions []inputCondition }
	require.NoError(t, json.Unmarshal([]byte(texts(t, "two.png")["sow"]), &r))
	require.Len(t, r.Conditions, 2)
	assert.Nil(t, r.Conditions[0].Mask)
	assert.Nil(t, r.Conditions[0].Box)
	assert.Equal(t, "mask.png", r.Conditions[1].Mask.File)
	assert.Equal(t, []int{64, 64, 64, 64}, r.Conditions[1].Box)
	img, err := picture.Read("two.png")
	require.NoError(t, err)
	condition, err := picture.Read(testdata(t, "condition.png"))
	require.NoError(t, err)
	assert.Equal(t, condition.At(40, 20), img.At(40, 20), "the first, whole, on the left")
	assert.Equal(t, condition.At(20, 20), img.At(84, 84), "the second's left half")
	assert.NotEqual(t, condition.At(40, 20), img.At(104, 84), "not its right")

	again := quick(t, append(args, "-o", "again.png", "--blend", "paste", "--plan", "plan.json")...)
	must(t, again...)
	other, err := picture.Read("again.png")
	require.NoError(t, err)
	assert.Equal(t, img, other)

	planned := must(t, append([]string{"plan", "--face", testdata(t, "condition.png"), "--prompt", "two boys", "-o", "plan.png"}, args...)...)
	p, err := plan.Parse([]byte(planned.stdout))
	require.NoError(t, err)
	assert.Len(t, p.Others, 1)

	before := list(t, ".")
	sowgen(t, quick(t, "--mask", "mask.png", "--mask", "mask.png", "-o", "no.png")...).refuses(t, exitUsage, before, "--mask", "want one for each --condition")
	sowgen(t, quick(t, "--face", testdata(t, "condition.png"), "--mask", "mask.png", "-o", "no.png")...).refuses(t, exitUsage, before, "--mask", "want one for each --condition")
	sowgen(t, quick(t, "--box", "auto", "--box", "0,0,8,8", "-o", "no.png")...).refuses(t, exitUsage, before, "--box")
	sowgen(t, quick(t, "--plan", "plan.json", "-o", "no.png")...).refuses(t, exitFailed, before, "the plan places 2 conditions, there are 1")
}

func writePNG(t testing.TB, name string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	require.NoError(t, os.WriteFile(name, b.Bytes(), 0o644))
}

// writeMask draws a rectangle.
func writeMask(t testing.TB, name string, w, h int, r image.Rectangle, inside, outside color.Color) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if img.Set(x, y, outside); image.Pt(x, y).In(r) {
				img.Set(x, y, inside)
			}
		}
	}
	writePNG(t, name, img)
}

func TestJSONReport(t *testing.T) {
	workIn(t)
	o := must(t, quick(t, "--json", "-o", "out.png", "--save-latents", "l.safetensors")...)
	assert.Empty(t, o.stderr, "no progress")
	var r struct {
		Output, Latents, Prompt, Method, Model, Version string
		Precision                                       tensor.Precision
		Seed                                            uint64
		Width, Height                                   int
		Params                                          map[string]any
		Kept                                            map[string]float64
		Conditions                                      []inputCondition
		Placed                                          [][4]int
		Memory                                          map[string]int64
		Evaluations                                     map[string]int
		Seconds                                         map[string]float64
		TotalSeconds                                    float64 `json:"total_seconds"`
		Plan                                            plan.Plan
		Warnings                                        []string
	}
	d := json.NewDecoder(strings.NewReader(o.stdout))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r), o.stdout)
	assert.Equal(t, "out.png", r.Output)
	assert.Equal(t, "l.safetensors", r.Latents)
	assert.Equal(t, "sow", r.Method)
	assert.Equal(t, tensor.F32, r.Precision)
	assert.Equal(t, uint64(7), r.Seed)
	assert.Equal(t, 128, r.Width)
	assert.Equal(t, prompt, r.Plan.Prompt)
	assert.Equal(t, 1.0, r.Params["cycles"])
	assert.Contains(t, r.Kept, "psnr")
	assert.Equal(t, 8, r.Evaluations["cycle"])
	assert.Empty(t, r.Warnings)
}

// TestPrecision: mixed gives another picture, and not very much another one.
func TestPrecision(t *testing.T) {
	workIn(t)
	must(t, quick(t, "-o", "f32.png", "--save-latents", "f32.safetensors")...)
	o := must(t, quick(t, "-o", "mixed.png", "--save-latents", "mixed.safetensors", "--precision", "mixed", "--json")...)
	assert.Contains(t, o.stdout, `"precision": "mixed"`)
	want, got := readTensor(t, "f32.safetensors", "latents"), readTensor(t, "mixed.safetensors", "latents")
	assert.NotEqual(t, tensor.Floats(want), tensor.Floats(got))
	tensortest.CloseToStd(t, got, want, 0.25)
}

func TestWarningsAreShown(t *testing.T) {
	workIn(t)
	o := must(t, quick(t, "--json", "-o", "out.png", "--box", "33,1,64,64")...)
	assert.Equal(t, "sowgen: warning: box 33,1,64,64 moved to 32,0,64,64: it snaps to multiples of 8 pixels\n", o.stderr)
	assert.Contains(t, o.stdout, "moved to 32,0,64,64")
	o = must(t, quick(t, "--json", "-o", "2.png", "--method", "cow", "--eta", "0.5", "--target-mass", "0.5")...)
	assert.Equal(t, "sowgen: warning: no effect with method cow: --eta, --target-mass\n", o.stderr)
	o = must(t, quick(t, "--json", "-o", "5.png", "--method", "inpaint", "--target-mass", "0.5")...)
	assert.Equal(t, "sowgen: warning: no effect with method inpaint: --cycles, --target-mass\n", o.stderr)
	assert.Contains(t, o.stdout, `"negative": ""`)
	o = must(t, quick(t, "--json", "-o", "3.png", "--planner", "none")...)
	assert.Equal(t, "sowgen: warning: without a plan nothing takes after the condition: method sow then does what cow does\n", o.stderr)
	o = must(t, quick(t, "--json", "-o", "4.png", "--method", "cow", "--planner", "none", "--blend", "none")...)
	assert.Empty(t, o.stderr)
}

func TestForce(t *testing.T) {
	workIn(t)
	before := []byte("precious")
	for _, name := range []string{"out.png", "l.safetensors", "p.json"} {
		require.NoError(t, os.WriteFile(name, before, 0o644))
	}
	files := list(t, ".")
	sowgen(t, quick(t, "-o", "out.png")...).refuses(t, exitFailed, files, "out.png", "--force")
	sowgen(t, quick(t, "-o", "new.png", "--save-latents", "l.safetensors")...).refuses(t, exitFailed, files, "l.safetensors", "--force")
	sowgen(t, quick(t, "-o", "new.png", "--save-plan", "p.json")...).refuses(t, exitFailed, files, "p.json", "--force")
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, before, data)
	}
	must(t, quick(t, "--force", "-o", "out.png", "--save-latents", "l.safetensors", "--save-plan", "p.json")...)
	_, err := picture.Read("out.png")
	assert.NoError(t, err)
	assert.Equal(t, tensor.Shape{1, 4, 16, 16}, readTensor(t, "l.safetensors", "latents").Shape())
	assert.Equal(t, tensor.Shape{1, 3, 128, 128}, readTensor(t, "l.safetensors", "image").Shape())
	_, err = plan.ReadFile("p.json")
	assert.NoError(t, err)
	assert.Equal(t, files, list(t, "."))
}

// TestOutputsComeTogether: when one file cannot be written at the end, no other is.
func TestOutputsComeTogether(t *testing.T) {
	workIn(t)
	err := writeAll([]outputFile{{"a.png", []byte("a")}, {"nowhere/b.json", []byte("b")}}, false)
	assert.ErrorContains(t, err, "nowhere/b.json")
	assert.NotContains(t, err.Error(), "a.png")
	assert.Empty(t, list(t, "."))
	require.NoError(t, writeAll([]outputFile{{"a.png", []byte("a")}, {"b.json", []byte("b")}}, false))
	assert.Equal(t, []string{"a.png", "b.json"}, list(t, "."))
}

// TestPlan: a plan that was written, edited and given back is carried out.
func TestPlan(t *testing.T) {
	workIn(t)
	must(t, quick(t, "-o", "first.png", "--save-plan", "plan.json")...)
	p, err := plan.ReadFile("plan.json")
	require.NoError(t, err)
	p.Prompt, p.Box = "a boy at the sea", plan.Box{500, 0, 1000, 500}
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("plan.json", text, 0o644))
	o := must(t, quick(t, "-o", "second.png", "--plan", "plan.json", "--blend", "paste")...)
	assert.Contains(t, o.stderr, "sowgen: warning: the prompt is that of plan.json")
	assert.Contains(t, texts(t, "second.png")["parameters"], "a boy at the sea\n")
	img, err := picture.Read("second.png")
	require.NoError(t, err)
	condition, err := picture.Read(testdata(t, "condition.png"))
	require.NoError(t, err)
	assert.Equal(t, condition.At(10, 20), img.At(10, 64+20))
	// The plan's prompt may stand for --prompt.
	must(t, "generate", "--model", testdata(t, "models/sd21"), "--condition", testdata(t, "condition.png"), "--plan", "plan.json", "--cycles", "0", "-o", "third.png")
}

func TestDefaults(t *testing.T) {
	workIn(t)
	// A random seed is told, and names the file.
	o := must(t, "generate", "--model", testdata(t, "models/sd21"), "--method", "text", "--prompt", "", "--steps", "1", "--json")
	var r struct {
		Output string
		Seed   uint64
		Params struct{ Negative string }
	}
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &r))
	assert.Equal(t, fmt.Sprintf("sowgen-%d.png", r.Seed), r.Output)
	assert.Equal(t, []string{r.Output}, list(t, "."))
	assert.Empty(t, r.Params.Negative, "plain text-to-image")
	o = must(t, "generate", "--model", testdata(t, "models/sd21"), "--method", "text", "--prompt", "", "--steps", "1", "--json", "--seed", "-1")
	again := r
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &again))
	assert.NotEqual(t, r.Seed, again.Seed)
	// The largest seed there is.
	must(t, "generate", "--model", testdata(t, "models/sd21"), "--method", "text", "--prompt", "", "--steps", "1", "--seed", "18446744073709551615")

	// A model's own numbers, and a flag that overrides one of them.
	model := copyModel(t, "sd21")
	require.NoError(t, os.WriteFile(filepath.Join(model, "sow.json"), []byte(`{"steps": 20, "guidance": 2, "size": [64, 96]}`), 0o644))
	o = must(t, "generate", "--model", model, "--prompt", prompt, "--condition", testdata(t, "condition.png"), "--cycles", "0", "--guidance", "3", "--json", "-o", "m.png")
	var m struct {
		Width, Height int
		Params        struct {
			Steps    int
			Guidance float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &m))
	assert.Equal(t, []any{64, 96, 20, 3.0}, []any{m.Width, m.Height, m.Params.Steps, m.Params.Guidance})
}

// TestTaskFlag: a task brings its own numbers, flags given stand above them, and a box may be the whole canvas.
func TestTaskFlag(t *testing.T) {
	workIn(t)
	type report struct {
		Params     struct{ Late, Guidance float64 }
		Plan       plan.Plan
		Placed     [][4]int
		Conditions []inputCondition
	}
	made := func(args ...string) (r report) {
		t.Helper()
		o := must(t, quick(t, append([]string{"--mask", "auto", "--json", "--force", "-o", "out.png", "--guidance", "3"}, args...)...)...)
		require.NoError(t, json.Unmarshal([]byte(o.stdout), &r))
		assert.Equal(t, 3.0, r.Params.Guidance)
		return r
	}
	r := made()
	assert.Equal(t, plan.Normal, r.Plan.Task)
	assert.Equal(t, 0.4, r.Params.Late)
	r = made("--task", "attribute", "--box", "whole")
	assert.Equal(t, plan.Attribute, r.Plan.Task)
	assert.Equal(t, 0.6, r.Params.Late)
	assert.Equal(t, [][4]int{{0, 0, 128, 128}}, r.Placed)
	assert.Equal(t, []int{0, 0, 128, 128}, r.Conditions[0].Box)
	r = made("--task", "attribute", "--late", "0.5", "--save-plan", "plan.json")
	assert.Equal(t, 0.5, r.Params.Late)
	r = made("--plan", "plan.json")
	assert.Equal(t, 0.6, r.Params.Late, "the plan's task counts")
	o := must(t, quick(t, "--mask", "auto", "--force", "-o", "out.png", "--prompt", "a painting of a boy")...)
	assert.Contains(t, o.stderr, "note: task style, as planned")
	o = must(t, "plan", "--face", testdata(t, "condition.png"), "--mask", "auto", "--prompt", "a boy", "--task", "style", "--box", "whole", "--size", "256x128")
	p, err := plan.Parse([]byte(o.stdout))
	require.NoError(t, err)
	assert.Equal(t, plan.Style, p.Task)
	assert.Equal(t, plan.Whole, p.Box)
}

// copyModel copies a tiny model so that a test may break it.
func copyModel(t testing.TB, kind string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), kind)
	require.NoError(t, os.CopyFS(dir, os.DirFS(testdata(t, "models/"+kind))))
	return dir
}

// cutter cancels when it is told that the cycles have begun.
type cutter struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (c *cutter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("cycle 1/")) {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

func TestInterrupted(t *testing.T) {
	workIn(t)
	ctx, cancel := context.WithCancel(t.Context())
	stderr := &cutter{cancel: cancel}
	var stdout bytes.Buffer
	code := run(ctx, quick(t, "-o", "out.png", "--save-latents", "l.safetensors", "--save-plan", "p.json", "--cycles", "10000"), &stdout, stderr)
	assert.Equal(t, exitInterrupted, code)
	assert.Empty(t, stdout.String())
	assert.Regexp(t, `\nsowgen: interrupted; nothing was written\n$`, stderr.String())
	assert.NotContains(t, stderr.String(), "cycle 2/", "stops within a step")
	assert.Empty(t, list(t, "."))

	// Before it began.
	code = run(ctx, quick(t, "-o", "out.png"), &stdout, &stdout)
	assert.Equal(t, exitInterrupted, code)
	assert.Empty(t, list(t, "."))
}

// TestSignal: Ctrl-C, as a terminal sends it.
func TestSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send it there")
	}
	workIn(t)
	cmd := program(t, quick(t, "-o", "out.png", "--cycles", "10000")...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	var last string
	for lines.Scan() {
		if last = lines.Text(); strings.Contains(last, "cycle 3/") {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	assert.Error(t, cmd.Wait())
	assert.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode())
	assert.Equal(t, "sowgen: interrupted; nothing was written", last)
	assert.Empty(t, list(t, "."))
}
