package sow

import (
	"context"
	"encoding/json"
	"image"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// TestTasksOfSowJSON: a model may have its own numbers for a task, and a mistake in them is named.
func TestTasksOfSowJSON(t *testing.T) {
	normal := DefaultParams()
	normal.LateOverwrite, normal.Blend = Every, picture.BlendFeather
	tasks, err := tasksOf(normal, map[plan.Task]json.RawMessage{plan.Style: json.RawMessage(`{"guidance": 3, "late": 0.45}`)}, 8)
	require.NoError(t, err)
	require.Len(t, tasks, 2)
	for task, p := range tasks {
		require.Equal(t, Once, p.LateOverwrite, task)
		require.Equal(t, picture.BlendNone, p.Blend, task)
	}
	require.Equal(t, 3.0, tasks[plan.Style].Guidance)
	require.Equal(t, 0.45, tasks[plan.Style].Late)
	require.Equal(t, normal.Guidance, tasks[plan.Attribute].Guidance)
	for _, wrong := range []struct {
		task plan.Task
		said string
		want string
	}{
		{"portrait", `{}`, `"portrait": want attribute or style`},
		{plan.Style, `{"late": 2}`, "style: sow: late 2"},
		{plan.Style, `{"latest": 0.5}`, "latest"},
		{plan.Attribute, `{"back": 0.6}`, "attribute: sow: late, replace, back"},
	} {
		_, err := tasksOf(normal, map[plan.Task]json.RawMessage{wrong.task: json.RawMessage(wrong.said)}, 8)
		require.ErrorContains(t, err, wrong.want)
	}
}

// TestTaskDecides: the plan's task, or the request's over it, says which numbers are used; given ones stand.
func TestTaskDecides(t *testing.T) {
	p, err := Open("testdata/models/sd21")
	require.NoError(t, err)
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	painting := Request{Prompt: "a watercolour painting of a boy", Conditions: []Condition{{Picture: condition}}, Planner: plan.Offline{}}
	for name, c := range map[string]struct {
		change func(*Request)
		task   plan.Task
		want   Params
	}{
		"planned":     {func(r *Request) {}, plan.Style, p.For(plan.Style)},
		"asked for":   {func(r *Request) { r.Task = plan.Attribute }, plan.Attribute, p.For(plan.Attribute)},
		"normal":      {func(r *Request) { r.Task = plan.Normal }, plan.Normal, p.Defaults},
		"no plan":     {func(r *Request) { r.Planner = nil }, plan.Normal, p.Defaults},
		"given":       {func(r *Request) { r.Params = &p.Defaults }, plan.Style, p.Defaults},
		"by the user": {func(r *Request) { r.ParamsFor = func(plan.Task) Params { return p.Defaults } }, plan.Style, p.Defaults},
	} {
		req := painting
		c.change(&req)
		r, err := p.newRun(context.Background(), req)
		require.NoError(t, err, name)
		require.Equal(t, c.task, r.plan.Task, name)
		require.Equal(t, c.want, r.report.Params, name)
		_, _, late := c.want.nodes()
		require.Equal(t, late, r.late, name)
	}
	// What a task's numbers say of method and size comes too late to count.
	req := painting
	req.ParamsFor = func(task plan.Task) Params {
		params := p.For(task)
		if task == plan.Style {
			params = params.As(Text)
			params.Width = 4096
		}
		return params
	}
	r, err := p.newRun(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, []any{SOW, p.Defaults.Width}, []any{r.Method, r.Width})
	req.ParamsFor = func(task plan.Task) Params {
		params := p.For(task)
		if task == plan.Style {
			params.Guidance = -1
		}
		return params
	}
	_, err = p.newRun(context.Background(), req)
	require.ErrorContains(t, err, "guidance -1")
}

// TestAttributeTask: with the task's numbers a face gets glasses, where the normal ones keep it as it was; what was not to change stays.
func TestAttributeTask(t *testing.T) {
	p, cases, probe := taskCases(t)
	for task, want := range map[plan.Task]int{plan.Normal: 0, plan.Attribute: len(cases)} {
		done, same := 0, 0
		others := []string{"kind", "hair", "hat", "scene"}
		for i, c := range cases {
			c.prompt = strings.Replace(c.prompt, " wearing", " and glasses wearing", 1)
			answers, err := probe.Read(generate(t, p, c, uint64(i), func(params *Params) { *params = p.For(task) }).Image)
			require.NoError(t, err)
			if answers["glasses"] == "yes" {
				done++
			}
			for _, other := range others {
				if answers[other] == c.attributes[other] {
					same++
				}
			}
		}
		t.Logf("%s: glasses on %d of %d, the rest as it was in %d of %d", task, done, len(cases), same, len(cases)*len(others))
		require.Equal(t, want, done, task)
		require.GreaterOrEqual(t, same*4, len(cases)*len(others)*3, task)
	}
}

// TestStyleTask: with the task's numbers a coloured face becomes part of a pencil sketch, where the normal ones keep its colours.
func TestStyleTask(t *testing.T) {
	p, cases, probe := taskCases(t)
	colours := map[plan.Task]float64{}
	for _, task := range []plan.Task{plan.Normal, plan.Style} {
		sketches := 0
		for i, c := range cases {
			c.prompt = "a pencil sketch of " + c.prompt
			r := generate(t, p, c, uint64(i), func(params *Params) { *params = p.For(task) })
			colours[task] += colourOf(r.Image, r.Report.Placed[0], c.mask) / float64(len(cases))
			answers, err := probe.Read(r.Image)
			require.NoError(t, err)
			if answers["style"] == "pencil" {
				sketches++
			}
		}
		t.Logf("%s: %d of %d are sketches, colour of the face %.0f", task, sketches, len(cases), colours[task])
		require.True(t, task == plan.Normal || sketches == len(cases))
	}
	require.Less(t, colours[plan.Style], colours[plan.Normal]/2)
}

// taskCases is the built-in model, heads without a hat and glasses, and what reads pictures.
func taskCases(t *testing.T) (*Pipeline, []heldOut, *eval.Probe) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for seconds, for minutes on plain Go kernels")
	}
	p, err := Open(Builtin)
	require.NoError(t, err)
	probe, err := eval.LoadProbe(builtin.Probe)
	require.NoError(t, err)
	var cases []heldOut
	for _, c := range heldOutCases(t) {
		if c.attributes["glasses"] == "no" && c.attributes["hat"] == "none" && len(cases) < 3 {
			cases = append(cases, c)
		}
	}
	return p, cases, probe
}

// colourOf is how far, on average, the largest and the smallest of red, green and blue lie apart where mask keeps a picture at place.
func colourOf(img *image.NRGBA, place [4]int, mask *image.Gray) float64 {
	sum, n := 0, 0
	mask = picture.ResizeMask(mask, place[2], place[3])
	for y := range place[3] {
		for x := range place[2] {
			if mask.GrayAt(x, y).Y >= 128 {
				c := img.NRGBAAt(place[0]+x, place[1]+y)
				sum += int(max(c.R, c.G, c.B) - min(c.R, c.G, c.B))
				n++
			}
		}
	}
	return float64(sum) / float64(n)
}
