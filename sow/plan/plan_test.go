package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
)

func ExampleOffline() {
	p, err := plan.Offline{}.Plan(context.Background(), plan.Input{
		Prompt: "A close-up of a woman on the left, in a city", Width: 512, Height: 512, Face: plan.Whole,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Task, p.Box)
	for _, r := range p.Related {
		fmt.Println(r.Label, r.Box)
	}
	// Output:
	// normal [0 0 625 625]
	// body [625 0 1000 1000]
	// hair and shoulders [0 0 625 1000]
	// neck [312 125 703 500]
}

func TestOfflinePlaces(t *testing.T) {
	for prompt, want := range map[string]plan.Box{
		"a girl in a forest":               {0, 250, 500, 750},
		"a girl on the right, in a forest": {0, 450, 500, 950},
		"A girl, on the LEFT":              {0, 50, 500, 550},
		"a girl far away":                  {0, 313, 375, 688},
		"full-body picture of a girl":      {0, 313, 375, 688},
		"an upright girl":                  {0, 250, 500, 750}, // not "right"
		"a farmer":                         {0, 250, 500, 750}, // not "far"
		"":                                 {0, 250, 500, 750},
		"portrait of a girl to the right of a boy": {0, 375, 625, 1000},
	} {
		p, err := plan.Offline{}.Plan(context.Background(), plan.Input{Prompt: prompt, Width: 512, Height: 512, Face: plan.Whole})
		require.NoError(t, err)
		require.Equal(t, want, p.Box, prompt)
		require.Equal(t, prompt, p.Prompt)
		require.NoError(t, p.Validate())
	}
	for prompt, want := range map[string]plan.Task{
		"a boy with glasses in a city": plan.Normal, "an old man": plan.Normal, "a painter's room": plan.Normal, "a boy, pencil in hand, at school": plan.Style,
		"the same boy, glasses added": plan.Attribute, "her hair dyed pink": plan.Attribute, "Make him older": plan.Attribute, "a girl in the style of a comic, hat removed": plan.Style,
	} {
		p, err := plan.Offline{}.Plan(context.Background(), plan.Input{Prompt: prompt, Face: plan.Whole})
		require.NoError(t, err)
		require.Equal(t, want, p.Task, prompt)
	}
	p, err := plan.Offline{}.Plan(context.Background(), plan.Input{Prompt: "a watercolour painting of a boy", Box: &plan.Whole, Face: plan.Whole})
	require.NoError(t, err)
	require.Equal(t, plan.Style, p.Task)
	require.Equal(t, plan.Whole, p.Box, "the user's place stands")
	require.Len(t, p.Related, 1, "nothing is below a condition that fills the canvas")
}

// TestOfflineGrowsFromTheFace: what is related lies around the kept part, not around the whole box.
func TestOfflineGrowsFromTheFace(t *testing.T) {
	p, err := plan.Offline{}.Plan(context.Background(), plan.Input{Prompt: "a boy", Face: plan.Box{200, 400, 800, 600}})
	require.NoError(t, err)
	require.Equal(t, []plan.Related{
		{Label: "body", Box: plan.Box{400, 0, 1000, 1000}, Relation: 1},
		{Label: "hair and shoulders", Box: plan.Box{100, 300, 400, 700}, Relation: 1},
		{Label: "neck", Box: plan.Box{250, 470, 485, 530}, Relation: 1, Source: &plan.Box{212, 470, 375, 530}},
	}, p.Related)
}

func TestReadFileRoundTrip(t *testing.T) {
	source := plan.Box{0, 250, 300, 750}
	want := plan.Plan{Prompt: "a boy", Task: plan.Attribute, Box: plan.Box{0, 250, 500, 750}, Related: []plan.Related{
		{Label: "body", Box: plan.Box{500, 0, 1000, 1000}, Relation: 0.5, Source: &source},
	}}
	data, err := json.Marshal(want)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	got, err := plan.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, &want, got)

	replayed, err := plan.Replay{Recorded: plan.Plan{Box: plan.Whole}}.Plan(context.Background(), plan.Input{Prompt: "mine"})
	require.NoError(t, err)
	require.Equal(t, "mine", replayed.Prompt)
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  "plan",
		`null`:                              "box",
		`[]`:                                "plan",
		`{"box": [0, 0, 10]}`:               "box",
		`{"box": [0, 0, 10, 10, 10]}`:       "box",
		`{"box": [0, 0, 1001, 10]}`:         "box",
		`{"box": [10, 0, 10, 10]}`:          "box",
		`{"box": [0, 0, 1e99, 10]}`:         "plan",
		`{"box": [0,0,9,9], "boxx": 1}`:     "boxx",
		`{"box": [0,0,9,9]} {}`:             "more",
		`{"box": [0,0,9,9], "task": "sad"}`: "sad",
		`{"box": [0,0,9,9], "related": [{"label": "x", "box": [0,0,9,9], "relation": 2}]}`:                                  "relation 2",
		`{"box": [0,0,9,9], "related": [{"label": "x", "box": [0,0,0,9], "relation": 1}]}`:                                  "box",
		`{"box": [0,0,9,9], "related": [{"label": "x", "box": [0,0,9,9], "relation": 1, "source_box": [5, 5, 5, 6]}]}`:      "source_box",
		`{"box": [0,0,9,9], "related": [` + strings.Repeat(`{"box": [0,0,9,9], "relation": 1},`, 6) + `{"box":[0,0,9,9]}]}`: "7 related",
	} {
		_, err := plan.Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	_, err := plan.ReadFile(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"prompt": "a boy", "task": "normal", "box": [0, 250, 500, 750], "related": [{"label": "body", "box": [500, 0, 1000, 1000], "relation": 1}]}`))
	f.Add([]byte(`{"box": [0, 0, 1, 1], "related": [{"source_box": [1, 2, 3, 4]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := plan.Parse(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		require.NoError(t, err)
		back, err := plan.Parse(again)
		require.NoError(t, err)
		require.Equal(t, p, back)
	})
}

// TestSideBySide: several conditions stand next to each other, each with what grows out of it in a column of its own.
func TestSideBySide(t *testing.T) {
	for number, want := range map[int][2]int{1: {0, 333}, 2: {333, 666}, 3: {666, 1000}} {
		p, err := plan.Offline{}.Plan(context.Background(), plan.Input{Prompt: "three boys", Face: plan.Whole, Number: number, Count: 3})
		require.NoError(t, err)
		require.NoError(t, p.Validate())
		for _, b := range []plan.Box{p.Box, p.Related[0].Box, p.Related[1].Box} {
			require.InDelta(t, want[0], b[1], 2)
			require.InDelta(t, want[1], b[3], 2)
		}
		require.Len(t, p.Related, 3)
	}
	p, err := plan.Offline{}.Plan(context.Background(), plan.Input{Prompt: "four boys", Face: plan.Whole, Number: 1, Count: 4})
	require.NoError(t, err)
	require.Len(t, p.Related, 2, "four necks are more than the attention tells apart")
}

func TestOthers(t *testing.T) {
	p, err := plan.Parse([]byte(`{"prompt": "two", "box": [0, 0, 500, 500], "others": [{"box": [0, 500, 500, 1000], "related": [{"label": "body", "box": [500, 500, 1000, 1000], "relation": 1}]}]}`))
	require.NoError(t, err)
	require.Len(t, p.Places(), 2)
	second, err := plan.Replay{Recorded: *p}.Plan(context.Background(), plan.Input{Number: 2, Count: 2})
	require.NoError(t, err)
	require.Equal(t, p.Others[0], plan.Place{Box: second.Box, Related: second.Related})
	_, err = plan.Replay{Recorded: *p}.Plan(context.Background(), plan.Input{})
	require.ErrorContains(t, err, "the plan places 2 conditions, there are 1")
	_, err = plan.Parse([]byte(`{"box": [0, 0, 500, 500], "others": [{"box": [0, 500, 500, 1000], "related": [{"label": "body", "box": [1000, 500, 0, 1000]}]}]}`))
	require.ErrorContains(t, err, "others 0: related 0 (body): box")
	_, err = plan.Parse([]byte(`{"box": [0, 0, 500, 500], "others": [{}]}`))
	require.ErrorContains(t, err, "others 0: box")
}
