package plan_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
)

// scripted is a model that gives its answers one after the other; an answer that begins with "!" is an error.
type scripted struct {
	answers []string
	asked   []plan.Question
}

func (m *scripted) Name() string { return "scripted" }

func (m *scripted) Ask(_ context.Context, q plan.Question) (string, error) {
	m.asked = append(m.asked, q)
	if len(m.answers) == 0 {
		return "", errors.New("nothing left to say")
	}
	a := m.answers[0]
	m.answers = m.answers[1:]
	if why, ok := strings.CutPrefix(a, "!"); ok {
		return "", errors.New(why)
	}
	return a, nil
}

const fine = `{"prompt": "a girl with a red hat", "task": "style", "box": [100, 200, 500, 600], "related": [
	{"label": "body", "box": [500, 100, 1000, 900], "relation": 1, "source_box": [500, 0, 1000, 1000]},
	{"label": "hat", "box": [0, 200, 150, 600], "relation": 0.25, "source_box": [0, 0, 0, 0]}]}`

var input = plan.Input{Prompt: "a girl, far away", Width: 512, Height: 512, Face: plan.Whole}

func ExampleVision() {
	model := &scripted{answers: []string{fine}} // sow/plan/gemini and sow/plan/openai have real ones
	planner := &plan.Vision{Model: model, Stages: plan.AllStages}
	p, err := planner.Plan(context.Background(), input)
	fmt.Println(p.Prompt, p.Task, p.Box, err)
	for _, r := range p.Related {
		fmt.Println(r.Label, r.Box, r.Relation)
	}
	// Output:
	// a girl with a red hat style [100 200 500 600] <nil>
	// body [500 100 1000 900] 1
	// hat [0 200 150 600] 0.25
}

// TestStages: each stage that is off has the rules' answer and is not asked for.
func TestStages(t *testing.T) {
	rules, err := plan.Offline{}.Plan(t.Context(), input)
	require.NoError(t, err)
	whole, err := (&plan.Vision{Model: &scripted{answers: []string{fine}}, Stages: plan.AllStages}).Plan(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, &plan.Box{300, 200, 500, 600}, whole.Related[0].Source, "of the picture, at its place on the canvas")
	require.Nil(t, whole.Related[1].Source)
	for _, list := range []string{"none", "prompt", "place", "refine", "prompt,place", "prompt,refine", "place,refine", "prompt,place,refine"} {
		stages, err := plan.ParseStages(list)
		require.NoError(t, err)
		require.Equal(t, list, stages.String())
		m := &scripted{answers: []string{fine}}
		p, err := (&plan.Vision{Model: m, Stages: stages}).Plan(t.Context(), input)
		require.NoError(t, err)
		require.Empty(t, p.Warnings)
		want := rules
		if stages.Prompt {
			want.Prompt, want.Task = whole.Prompt, whole.Task
		}
		if stages.Place {
			want.Box = whole.Box
		}
		require.Equal(t, want.Prompt, p.Prompt, list)
		require.Equal(t, want.Task, p.Task, list)
		require.Equal(t, want.Box, p.Box, list)
		switch {
		case stages.Refine:
			require.Len(t, p.Related, 2)
			require.Equal(t, "hat", p.Related[1].Label)
		case stages.Place:
			require.Equal(t, plan.Box{500, 0, 1000, 1000}, p.Related[0].Box, "the rules' regions, around the model's place")
		default:
			require.Equal(t, rules.Related, p.Related)
		}
		if list == "none" {
			require.Empty(t, m.asked)
			continue
		}
		for name, on := range map[string]bool{"prompt": stages.Prompt, "task": stages.Prompt, "box": stages.Place, "related": stages.Refine} {
			_, asked := m.asked[0].Schema.Properties[name]
			require.Equal(t, on, asked, "%s: %s", list, name)
			require.Equal(t, on, strings.Contains(m.asked[0].System, `"`+name+`": `) && name != "box" || on && name == "box", "%s: %s", list, name)
		}
		require.Equal(t, !stages.Place, strings.Contains(m.asked[0].Text, "[0, 313, 375, 688]"), "where it goes, if that is settled")
	}
	for _, list := range []string{"", "prompt,", "all", "Prompt", "none,prompt"} {
		_, err := plan.ParseStages(list)
		require.Error(t, err, list)
	}
	// The user's box stands.
	in := input
	in.Box = &plan.Box{0, 0, 300, 300}
	p, err := (&plan.Vision{Model: &scripted{answers: []string{fine}}, Stages: plan.AllStages}).Plan(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, *in.Box, p.Box)
	require.Equal(t, &plan.Box{150, 0, 300, 300}, p.Related[0].Source)
}

// TestNeck: a model's neck is known by its name however it is written, and lies over the body; of more than three conditions none has one.
func TestNeck(t *testing.T) {
	answer := strings.Replace(fine, `"related": [`, `"related": [{"label": "Neck", "box": [400, 300, 600, 500], "relation": 1, "source_box": [300, 300, 700, 700]},`, 1)
	for count, want := range map[int]string{1: "body hat neck", 3: "body hat neck", 4: "body hat"} {
		in := input
		in.Number, in.Count = 1, count
		p, err := (&plan.Vision{Model: &scripted{answers: []string{answer}}, Stages: plan.AllStages}).Plan(t.Context(), in)
		require.NoError(t, err)
		require.Empty(t, p.Warnings)
		var labels []string
		for _, r := range p.Related {
			labels = append(labels, r.Label)
		}
		require.Equal(t, want, strings.Join(labels, " "))
		if count < 4 {
			require.NotNil(t, p.Related[2].Source)
		}
	}
}

// TestOneOfSeveral: of several conditions none is placed by the model, and only the first one's answer has a caption.
func TestOneOfSeveral(t *testing.T) {
	for number, caption := range map[int]string{1: "a girl with a red hat", 2: input.Prompt} {
		model := &scripted{answers: []string{fine}}
		in := input
		in.Number, in.Count = number, 2
		p, err := (&plan.Vision{Model: model, Stages: plan.AllStages}).Plan(context.Background(), in)
		require.NoError(t, err)
		rules, err := plan.Offline{}.Plan(context.Background(), in)
		require.NoError(t, err)
		require.Equal(t, rules.Box, p.Box)
		require.Equal(t, caption, p.Prompt)
		require.Len(t, p.Related, 2)
		require.Contains(t, model.asked[0].Text, fmt.Sprintf("number %d of 2", number))
	}
}

// TestRepair: the fault is quoted once; then what is usable is used, and the rules stand in for the rest.
func TestRepair(t *testing.T) {
	bad := strings.Replace(fine, "[100, 200, 500, 600]", `"the middle"`, 1)
	rules, err := plan.Offline{}.Plan(t.Context(), input)
	require.NoError(t, err)

	m := &scripted{answers: []string{bad, fine}}
	p, err := (&plan.Vision{Model: m, Stages: plan.AllStages}).Plan(t.Context(), input)
	require.NoError(t, err)
	require.Empty(t, p.Warnings)
	require.Equal(t, plan.Box{100, 200, 500, 600}, p.Box)
	require.Contains(t, m.asked[1].Text, "box: want [ymin, xmin, ymax, xmax], four numbers")
	require.Contains(t, m.asked[1].Text, "a girl with a red hat", "and its own words")

	for name, answers := range map[string][]string{"twice": {bad, bad}, "then silent": {bad}} {
		cache := plan.Cache(t.TempDir())
		p, err = (&plan.Vision{Model: &scripted{answers: answers}, Stages: plan.AllStages, Cache: cache}).Plan(t.Context(), input)
		require.NoError(t, err, name)
		require.Len(t, p.Warnings, 1, name)
		require.Contains(t, p.Warnings[0], "box: want", name)
		require.Equal(t, rules.Box, p.Box, name)
		require.Equal(t, "a girl with a red hat", p.Prompt, name)
		require.Len(t, p.Related, 2, name)
		files, err := os.ReadDir(string(cache))
		require.NoError(t, err)
		require.Empty(t, files, "what the rules mended is not kept")
	}

	p, err = (&plan.Vision{Model: &scripted{answers: []string{"!it\nis\x1b[31m down"}}, Stages: plan.AllStages}).Plan(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, []string{"scripted did not plan (it is [31m down); the offline rules did"}, p.Warnings)
	p.Warnings = nil
	require.Equal(t, rules, p)
}

// TestAnswers: what is out of bounds is clamped, what is wrong is refused.
func TestAnswers(t *testing.T) {
	many := strings.Repeat("tree ", 60)
	for reply, fault := range map[string]string{
		``:          "no JSON object",
		`sorry`:     "no JSON object",
		fine[:90]:   "cut off",
		`{"a": }`:   "not JSON",
		`{"box":1}`: "prompt: want a text; box: want [ymin",
		strings.Replace(fine, `"a girl with a red hat"`, `""`, 1):                                                   "not empty",
		strings.Replace(fine, `"a girl with a red hat"`, `"\u0007 \n"`, 1):                                          "not empty",
		strings.Replace(fine, `"a girl with a red hat"`, `7`, 1):                                                    "prompt: want a text",
		strings.Replace(fine, `a girl with a red hat`, many, 1):                                                     "too long",
		strings.Replace(fine, `"style"`, `"photo"`, 1):                                                              "task: want normal",
		strings.Replace(fine, `100, 200, 500, 600`, `100, 200, 500`, 1):                                             "box: want [ymin",
		strings.Replace(fine, `100, 200, 500, 600`, `100, 200, 100, 600`, 1):                                        "box: [100, 200, 100, 600] is empty",
		strings.Replace(fine, `100, 200, 500, 600`, `100, 200, 1e999, 600`, 1):                                      "box: want [ymin",
		strings.Replace(fine, `100, 200, 500, 600`, `2000, 2000, 3000, 3000`, 1):                                    "is empty",
		strings.Replace(fine, `"label": "body"`, `"label": ""`, 1):                                                  "entry 0: want a label",
		strings.Replace(fine, `"relation": 1`, `"relation": "much"`, 1):                                             "want a list of objects",
		strings.Replace(fine, `"relation": 1,`, ``, 1):                                                              "relation: want a number",
		strings.Replace(fine, `[500, 100, 1000, 900]`, `[]`, 1):                                                     "entry 0 (body): box",
		strings.Replace(fine, `[500, 0, 1000, 1000]`, `[500, 0, 400, 1000]`, 1):                                     "source_box",
		strings.Replace(fine, `"related": [`, `"related": null, "x": [`, 1):                                         "related: want a list",
		strings.Replace(fine, `"related": [`, `"related": [`+six(`{"label":"x","box":[0,0,9,9],"relation":1},`), 1): "8 entries: want at most 6",
	} {
		p, err := (&plan.Vision{Model: &scripted{answers: []string{reply, reply}}, Stages: plan.AllStages}).Plan(t.Context(), input)
		require.NoError(t, err)
		require.Len(t, p.Warnings, 1, reply)
		require.Contains(t, p.Warnings[0], fault)
		require.NoError(t, p.Validate())
	}
	for box, want := range map[string]plan.Box{
		`[-100, 199.6, 500.2, 2000]`: {0, 200, 500, 1000},
		`[500, 500, 510, 510]`:       {443, 443, 568, 568}, // grown to the smallest
		`[990, 0, 1000, 10]`:         {875, 0, 1000, 125},
		` [0,0,1000,1000] `:          plan.Whole,
	} {
		p, err := (&plan.Vision{Model: &scripted{answers: []string{strings.Replace(fine, `[100, 200, 500, 600]`, box, 1)}}, Stages: plan.AllStages}).Plan(t.Context(), input)
		require.NoError(t, err)
		require.Empty(t, p.Warnings, box)
		require.Equal(t, want, p.Box, box)
	}
	// A tokenizer's word counts.
	in := input
	in.Fits = func(caption string) bool { return len(caption) < 10 }
	p, err := (&plan.Vision{Model: &scripted{answers: []string{fine, strings.Replace(fine, "a girl with a red hat", "a girl", 1)}}, Stages: plan.AllStages}).Plan(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, "a girl", p.Prompt)
}

func six(s string) string { return strings.Repeat(s, 6) }

// TestPlaceKeepsProportions: the box that a model chose gets the picture's proportions, with its area, its middle and its upper edge.
func TestPlaceKeepsProportions(t *testing.T) {
	in := plan.Input{Prompt: "x", Width: 1000, Height: 500, Face: plan.Whole, Picture: image.NewGray(image.Rect(5, 5, 105, 205))} // 1:2
	p, err := (&plan.Vision{Model: &scripted{answers: []string{fine}}, Stages: plan.AllStages}).Plan(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, plan.Box{100, 300, 900, 500}, p.Box) // 200 px wide, 400 px high, as much as 400×200
	require.Equal(t, &plan.Box{500, 300, 900, 500}, p.Related[0].Source)
}

// TestPictureIsSmall: at most 512 on a side, in its proportions, grey where it is transparent.
func TestPictureIsSmall(t *testing.T) {
	big := image.NewNRGBA(image.Rect(0, 0, 1500, 30))
	for i := range big.Pix[:len(big.Pix)/2] {
		big.Pix[i] = 255
	}
	m := &scripted{answers: []string{fine}}
	in := input
	in.Picture = big
	_, err := (&plan.Vision{Model: m, Stages: plan.AllStages}).Plan(t.Context(), in)
	require.NoError(t, err)
	img, err := jpeg.Decode(bytes.NewReader(m.asked[0].Picture))
	require.NoError(t, err)
	require.Equal(t, image.Pt(512, 10), img.Bounds().Size())
	require.Greater(t, color.GrayModel.Convert(img.At(100, 1)).(color.Gray).Y, uint8(245))
	require.InDelta(t, 128, color.GrayModel.Convert(img.At(100, 8)).(color.Gray).Y, 6)
	require.Contains(t, m.asked[0].Text, "width to height 50.00")

	in.Picture = image.NewGray(image.Rectangle{})
	_, err = (&plan.Vision{Model: m, Stages: plan.AllStages}).Plan(t.Context(), in)
	require.ErrorContains(t, err, "empty")
}

// TestCache: the same question is asked once; another is not answered from it.
func TestCache(t *testing.T) {
	dir := plan.Cache(filepath.Join(t.TempDir(), "made", "when", "needed"))
	in := input
	in.Picture = image.NewGray(image.Rect(0, 0, 8, 8))
	ask := func(in plan.Input, stages plan.Stages) (plan.Plan, int) {
		m := &scripted{answers: []string{fine}}
		p, err := (&plan.Vision{Model: m, Stages: stages, Cache: dir}).Plan(t.Context(), in)
		require.NoError(t, err)
		require.Empty(t, p.Warnings)
		return p, len(m.asked)
	}
	first, n := ask(in, plan.AllStages)
	require.Equal(t, 1, n)
	again, n := ask(in, plan.AllStages)
	require.Zero(t, n)
	require.Equal(t, first, again)

	files, err := os.ReadDir(string(dir))
	require.NoError(t, err)
	require.Len(t, files, 1)
	path := filepath.Join(string(dir), files[0].Name())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "what one asked for is one's own business")

	for name, change := range map[string]func(*plan.Input){
		"prompt":  func(in *plan.Input) { in.Prompt += "!" },
		"canvas":  func(in *plan.Input) { in.Width = 768 },
		"face":    func(in *plan.Input) { in.Face = plan.Box{1, 1, 999, 999} },
		"picture": func(in *plan.Input) { g := image.NewGray(image.Rect(0, 0, 8, 8)); g.Pix[0] = 255; in.Picture = g },
		"box":     func(in *plan.Input) { in.Box = &plan.Box{0, 0, 500, 500} },
	} {
		changed := in
		change(&changed)
		_, n = ask(changed, plan.AllStages)
		require.Equal(t, 1, n, name)
	}
	_, n = ask(in, plan.Stages{Place: true})
	require.Equal(t, 1, n, "other stages")
	tight := in
	tight.Fits = func(caption string) bool { return len(caption) < 5 }
	m := &scripted{answers: []string{strings.Replace(fine, "a girl with a red hat", "girl", 1)}}
	p, err := (&plan.Vision{Model: m, Stages: plan.AllStages, Cache: dir}).Plan(t.Context(), tight)
	require.NoError(t, err)
	require.Equal(t, "girl", p.Prompt, "another model's tokenizer may not take what was kept")

	// A damaged file counts as none and is replaced.
	require.NoError(t, os.WriteFile(path, []byte(`{"box": [0`), 0o600))
	_, n = ask(in, plan.AllStages)
	require.Equal(t, 1, n)
	_, n = ask(in, plan.AllStages)
	require.Zero(t, n)

	// A folder that cannot be made costs the plan nothing.
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	p, err = (&plan.Vision{Model: &scripted{answers: []string{fine}}, Stages: plan.AllStages, Cache: plan.Cache(blocked)}).Plan(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, first.Box, p.Box)
	require.Contains(t, p.Warnings[0], "not kept for next time")

	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	if c, err := plan.DefaultCache(); err == nil && c != "" && os.PathSeparator == '/' && strings.HasPrefix(string(c), "/somewhere") {
		require.Equal(t, plan.Cache("/somewhere/sowgen/plans"), c)
	}
}

// TestTimeout: a model that hangs costs the time that was given, and the rules plan; the end of the caller's context is an error.
func TestTimeout(t *testing.T) {
	p, err := (&plan.Vision{Model: hanging{}, Stages: plan.AllStages, Timeout: 10 * time.Millisecond}).Plan(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, []string{"hanging did not plan (no answer within 10ms); the offline rules did"}, p.Warnings)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = (&plan.Vision{Model: hanging{}, Stages: plan.AllStages}).Plan(ctx, input)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

type hanging struct{}

func (hanging) Name() string { return "hanging" }
func (hanging) Ask(ctx context.Context, _ plan.Question) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// TestPromptVersion: who changes a text that is sent raises PromptVersion, which kept plans depend on and reports name.
func TestPromptVersion(t *testing.T) {
	files, err := filepath.Glob("prompts/*.txt")
	require.NoError(t, err)
	require.Len(t, files, 4)
	sum := sha256.New()
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		sum.Write(data)
	}
	recorded := map[int]string{1: "3948e52796f1e334", 2: "b16e89e4d7776ed1"}
	require.Equal(t, recorded[plan.PromptVersion], hex.EncodeToString(sum.Sum(nil))[:16], "raise plan.PromptVersion and record the hash here")
}

func FuzzVision(f *testing.F) {
	f.Add(fine)
	f.Add(`{"prompt": "x", "task": "normal", "box": [0, 0, 1, 1], "related": [{"label": "\u202e", "box": [1e30, 0, 5, 5], "relation": -7}]}`)
	f.Add("```json\n{}\n```")
	f.Fuzz(func(t *testing.T, reply string) {
		in := input
		in.Picture = image.NewGray(image.Rect(0, 0, 3, 2))
		p, err := (&plan.Vision{Model: &scripted{answers: []string{reply, reply}}, Stages: plan.AllStages}).Plan(t.Context(), in)
		require.NoError(t, err)
		require.NoError(t, p.Validate())
	})
}
