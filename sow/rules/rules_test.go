package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// everything is a program that says all there is to say.
const everything = `{
  "regions": {
    "hat": {"box": [0, 250, 120, 750]},
    "face": {"minus": ["condition.1", "hat"]},
    "rest": {"complement": {"union": ["face", "related.body", {"mask": "m.png"}]}}
  },
  "rules": [
    {"query": "related", "key": "source", "target": 0.3},
    {"query": "rest", "key": "face", "block": true, "layer": "up_blocks.*", "strength": [[5, 0], [7, 1]]},
    {"query": "related.1", "key": "hat", "enhance": 0.5, "bias": -1, "resolution": [16, 64], "heads": [0, 1], "phases": ["cycle", "final"]},
    {"query": "canvas", "key": "background", "suppress": 1, "scale": 2.5, "node": 6, "timestep": [1, 601], "cycle": [1, 3], "roles": ["text"], "strength": 0.5},
    {"query": "hat", "key": "hat", "plain": true}
  ]
}`

func mask(string) (*image.Gray, error) {
	m := image.NewGray(image.Rect(0, 0, 4, 4))
	m.SetGray(0, 0, color.Gray{255})
	return m, nil
}

// TestReadsWhatItWrites: a program survives JSON.
func TestReadsWhatItWrites(t *testing.T) {
	p, err := Parse([]byte(everything), mask)
	require.NoError(t, err)
	require.Len(t, p.Rules, 5)
	require.Equal(t, &Window{6, 6}, p.Rules[3].Node)
	require.Equal(t, Strength{{5, 0}, {7, 1}}, p.Rules[1].Strength)
	written, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, everything, string(written))

	var refused Program
	require.ErrorContains(t, json.Unmarshal(written, &refused), "mask")
	require.NoError(t, json.Unmarshal([]byte(`{"rules": []}`), &refused))
}

// TestErrors: what is wrong is said with its place, its value and the way out.
func TestErrors(t *testing.T) {
	rule := func(more string) string { return `{"rules": [{"query": "related", "key": "condition", ` + more + `}]}` }
	region := func(r string) string { return `{"regions": {"hat": ` + r + `}, "rules": []}` }
	for program, want := range map[string]string{
		`{`:                                                 "it is not JSON",
		`[]`:                                                `[]: want an object`,
		`{"rules": []} {}`:                                  "there is more behind the closing brace",
		`{"rule": []}`:                                      `"rule": no such key: want regions, rules`,
		`{"rules": {}}`:                                     `rules {}: want a list`,
		rule(`"block": false`):                              `rules[0].block false: want true, or leave it out`,
		rule(`"alpha": 1`):                                  `rules[0] "alpha": no such key: want bias, block`,
		rule(`"heads": [0]`):                                "rules[0]: nothing to do: want one of enhance",
		rule(`"enhance": 2`):                                "rules[0].enhance 2: want 0 … 1",
		rule(`"enhance": "much"`):                           `rules[0].enhance "much": want a number`,
		rule(`"target": 1`):                                 "rules[0].target 1: want above 0, at most 0.99",
		rule(`"scale": 0`):                                  "rules[0].scale 0: want a number above 0; block",
		rule(`"scale": 1, "bias": 1`):                       "rules[0]: bias and scale are the same thing",
		rule(`"block": true, "bias":1`):                     "rules[0]: block and plain stand alone",
		rule(`"enhance":1,"suppress":1`):                    "rules[0]: enhance and suppress contradict",
		rule(`"bias": 1, "heads": []`):                      "rules[0].heads []: an empty list would never hold",
		rule(`"bias": 1, "heads": [-1]`):                    "rules[0].heads[0] -1: want the number of a head",
		rule(`"bias": 1, "phases": ["cycles"]`):             `rules[0].phases[0] "cycles": want invert, cycle or final`,
		rule(`"bias": 1, "roles": ["positive"]`):            `rules[0].roles[0] "positive": want negative, text`,
		rule(`"bias": 1, "layer": "up_blocks.["`):           `rules[0].layer "up_blocks.[": want a pattern`,
		rule(`"bias": 1, "cycle": 0`):                       "rules[0].cycle [0 0]: want a number or [from, to], from 1 on",
		rule(`"bias": 1, "node": [7, 5]`):                   "rules[0].node [7 5]: want",
		rule(`"bias": 1, "node": [7]`):                      "rules[0].node [7]: want a number or [from, to]",
		rule(`"bias": 1, "node": 1.5`):                      "rules[0].node 1.5: want a whole number",
		rule(`"bias": 1, "strength": [[7, 1], [5, 0]]`):     "rules[0].strength[1] 5: want the nodes in rising order",
		rule(`"bias": 1, "strength": 2`):                    "rules[0].strength[0] [0 2]: want",
		rule(`"bias": 1, "strength": []`):                   "rules[0].strength []: want a number, or a list",
		`{"rules": [{"query": "sky", "key": "hat"}]}`:       `rules[0].query "sky": no region is called so: want condition, related, source, background, canvas, or one of your own`,
		`{"rules": [{"key": "condition", "bias": 1}]}`:      "rules[0].query: want a name, or one of box",
		region(`{"box": [0, 0, 1]}`):                        "regions.hat.box [0,0,1]: want [ymin",
		region(`{"box": [500, 0, 0, 1000]}`):                "regions.hat.box [500 0 0 1000]: want [ymin",
		region(`{"mask": "m.png"}`):                         `regions.hat.mask "m.png": a mask can only be named in a file`,
		region(`{"union": []}`):                             "regions.hat.union 0: want 1 … 64 regions",
		region(`{"union": ["hat"]}`):                        `regions.hat.union[0] "hat": the region is made of itself`,
		region(`{"box": [0,0,1,1], "mask": "m"}`):           "regions.hat",
		region(`"condition.0"`):                             `regions.hat "condition.0": want condition.1`,
		`{"regions": {"source": "condition"}, "rules": []}`: `regions "source": every run has a region of that name`,
		`{"regions": {"a.b": "condition"}, "rules": []}`:    `regions "a.b": want a name of at most 40 letters`,
		region(strings.Repeat(`{"complement": `, 100) + `"related"` + strings.Repeat("}", 100)): "too deep",
	} {
		_, err := Parse([]byte(program), nil)
		var wrong *Error
		require.True(t, errors.As(err, &wrong), "%s: %v", program, err)
		require.ErrorContains(t, err, want)
	}
	// In Go the same things can be wrong.
	deep := Condition
	for range 100 {
		deep = Complement(deep)
	}
	for _, r := range []Region{{}, Union(), Painted(nil), deep, Named("sky")} {
		require.Error(t, (&Program{Rules: []Rule{{Query: r, Key: Condition, Bias: 1}}}).Validate(), "%v", r)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.json")
	_, err := ReadFile(file)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte(`{"regions": {"hat": {"mask": "hat.png"}}, "rules": []}`), 0o600))
	_, err = ReadFile(file)
	require.ErrorContains(t, err, file+": regions.hat.mask \"hat.png\": ")
	require.ErrorContains(t, err, filepath.Join(dir, "hat.png"))
}

// scene is a face at the middle of the top of an 8×8 canvas, its left half the source of the body below; arms left and right of it.
func scene() *Scene {
	s := &Scene{Height: 8, Width: 8}
	cells := func(inside func(y, x int) bool) []bool {
		c := make([]bool, 64)
		for i := range c {
			c[i] = inside(i/8, i%8)
		}
		return c
	}
	face := cells(func(y, x int) bool { return y < 4 && x >= 2 && x < 6 })
	s.Conditions = [][]bool{face}
	s.Related = []Grown{
		{Label: "body", Relation: 1, Cells: cells(func(y, x int) bool { return y >= 4 && x >= 2 && x < 6 }), Source: cells(func(y, x int) bool { return y < 4 && x >= 2 && x < 4 })},
		{Label: "arms", Relation: 0.5, Cells: cells(func(y, x int) bool { return y >= 4 && (x < 1 || x > 6) }), Source: face},
	}
	return s
}

func compile(t *testing.T, rules string, watch ...Region) *Compiled {
	t.Helper()
	p, err := Parse([]byte(rules), mask)
	require.NoError(t, err)
	c, err := Compile(p, scene(), []unet.Site{fine, coarse}, watch...)
	require.NoError(t, err)
	return c
}

var (
	fine   = unet.Site{Name: "up_blocks.1.attentions.0.transformer_blocks.0.attn1", Height: 8, Width: 8, Heads: 2}
	coarse = unet.Site{Name: "mid_block.attentions.0.transformer_blocks.0.attn1", Height: 4, Width: 4, Heads: 4}
	now    = Moment{Phase: Cycle, Cycle: 1, Node: 6, Timestep: 501, Roles: []Role{Negative, Text}}
)

// between returns the rule that the token at one cell of an 8×8 grid has for reading another, for a head of the batch.
func between(r *tensor.Regions, head, query, key int) tensor.Rule {
	table := r.Rules
	if len(r.PerHead) > 0 {
		table = r.PerHead[head%len(r.PerHead)]
	}
	return table[r.Labels[query]][r.Labels[key]]
}

// Cells of the scene.
const (
	source, otherHalf = 2, 5 // of the face
	body, arms        = 4*8 + 3, 4 * 8
	sky               = 0
)

// TestRelatedReadsItsSource: each planned box reads its own source, with its own relation.
func TestRelatedReadsItsSource(t *testing.T) {
	c := compile(t, `{"rules": [{"query": "related", "key": "source", "target": 0.4}]}`)
	r := c.At(now)(fine)
	require.NoError(t, r.Validate())
	require.InDelta(t, 0.4, between(r, 0, body, source).Target, 1e-6)
	require.Zero(t, between(r, 0, body, otherHalf))
	require.InDelta(t, 0.2, between(r, 0, arms, source).Target+between(r, 0, arms, otherHalf).Target, 1e-6)
	require.Zero(t, between(r, 0, sky, source))
	require.Nil(t, c.At(now)(coarse), "the smallest grid is left alone")
	require.Nil(t, c.At(Moment{Phase: Final, Node: 3, Roles: now.Roles}), "and so is the final phase")
	require.Same(t, r, c.At(now)(fine), "made once")
}

func TestLastRuleHolds(t *testing.T) {
	c := compile(t, `{"rules": [
		{"query": "canvas", "key": "condition", "block": true},
		{"query": "related", "key": "condition", "bias": 1},
		{"query": "related.arms", "key": "condition", "plain": true}]}`)
	r := c.At(now)(fine)
	require.True(t, between(r, 0, sky, source).Block)
	require.Equal(t, tensor.Rule{Beta: 1}, between(r, 0, body, source))
	require.Zero(t, between(r, 0, arms, source))
	require.False(t, between(r, 0, source, source).Block && between(r, 0, source, sky).Block)
}

func TestSelectors(t *testing.T) {
	for _, test := range []struct {
		more  string
		site  unet.Site
		when  Moment
		holds bool
	}{
		{`"layer": "up_blocks.*"`, fine, now, true},
		{`"layer": "up_blocks.1"`, fine, now, true},
		{`"layer": "up_blocks"`, fine, now, true},
		{`"layer": "up_blocks.1.attentions.0.transformer_blocks.0.attn1"`, fine, now, true},
		{`"layer": "up_block"`, fine, now, false},
		{`"layer": "mid_block"`, coarse, now, true},
		{`"resolution": 4`, coarse, now, true},
		{`"resolution": [5, 8]`, coarse, now, false},
		{`"resolution": [5, 8]`, fine, now, true},
		{`"heads": [5]`, fine, now, false},
		{`"phases": ["final"]`, fine, now, false},
		{`"phases": ["final"]`, fine, Moment{Phase: Final, Node: 1, Roles: now.Roles}, true},
		{`"node": [6, 7]`, fine, now, true},
		{`"node": [1, 5]`, fine, now, false},
		{`"timestep": 501`, fine, now, true},
		{`"timestep": [0, 500]`, fine, now, false},
		{`"cycle": [2, 9]`, fine, now, false},
		{`"roles": ["suppress"]`, fine, now, false},
		{`"strength": [[5, 0], [6, 0], [7, 1]]`, fine, now, false},
	} {
		c := compile(t, `{"rules": [{"query": "background", "key": "condition", "bias": 1, `+test.more+`}]}`)
		at := c.At(test.when)
		require.Equal(t, test.holds, at != nil && at(test.site) != nil, test.more)
	}
}

// TestHeadsAndRoles: a rule for some heads, or for some prompts, leaves the others alone.
func TestHeadsAndRoles(t *testing.T) {
	c := compile(t, `{"rules": [{"query": "background", "key": "condition", "bias": 1, "heads": [1]}]}`)
	r := c.At(now)(fine)
	require.Len(t, r.PerHead, 2)
	require.Zero(t, between(r, 0, sky, source))
	require.Equal(t, tensor.Rule{Beta: 1}, between(r, 1, sky, source))

	c = compile(t, `{"rules": [{"query": "background", "key": "condition", "bias": 1, "heads": [1], "roles": ["text"]}]}`)
	r = c.At(now)(fine)
	require.Len(t, r.PerHead, 4)
	for head := range 4 {
		require.Equal(t, head == 3, between(r, head, sky, source) == tensor.Rule{Beta: 1})
	}
}

// TestStrength: what each operation does at half strength.
func TestStrength(t *testing.T) {
	for op, want := range map[string]tensor.Rule{
		`"enhance": 0.5`:             {Alpha: 0.25},
		`"suppress": 1, "target": 1`: {},
		`"suppress": 1`:              {Alpha: -0.5},
		`"bias": 3`:                  {Beta: 1.5},
		`"scale": 4`:                 {Beta: 0.6931472},
		`"target": 0.5`:              {Target: 0.25},
		`"block": true`:              {Beta: -0.6931472},
	} {
		if want == (tensor.Rule{}) {
			continue
		}
		c := compile(t, `{"rules": [{"query": "background", "key": "condition", `+op+`, "strength": [[5, 0], [7, 1]]}]}`)
		require.Equal(t, want, between(c.At(now)(fine), 0, sky, source), op)
	}
	s := Strength{{5, 0}, {7, 1}, {9, 0.5}}
	for node, want := range map[int]float64{0: 0, 5: 0, 6: 0.5, 7: 1, 8: 0.75, 9: 0.5, 20: 0.5} {
		require.InDelta(t, want, s.At(node), 1e-12)
	}
}

// TestRegionAlgebra: a program's own regions are the sets that they say.
func TestRegionAlgebra(t *testing.T) {
	p, err := Parse([]byte(everything), mask)
	require.NoError(t, err)
	s := scene()
	for region, want := range map[string]string{
		"hat":          "..####..",
		"condition":    "..####..",
		"condition.2":  "........",
		"background":   "##....##",
		"canvas":       "########",
		"related.hat":  "........",
		"rest":         "########",
		"face":         "........",
		"source":       "..##....",
		"related.body": "........",
	} {
		row := ""
		for _, is := range s.cells(p, Named(region), s.Related[0].Source)[:8] {
			row += map[bool]string{true: "#", false: "."}[is]
		}
		if region == "rest" { // the mask's one white quarter is the upper left
			want = "..######"
		}
		require.Equal(t, want, row, region)
	}
}

// TestTooManyParts: the canvas can be cut into so many parts only.
func TestTooManyParts(t *testing.T) {
	p := &Program{}
	for i := range 5 {
		p.Rules = append(p.Rules, Rule{Query: Box(plan.Box{0, 125 * i, 1000, 125*i + 375}), Key: Box(plan.Box{125 * i, 0, 125*i + 375, 1000}), Bias: 1})
	}
	require.NoError(t, p.Validate())
	_, err := Compile(p, scene(), []unet.Site{fine, coarse})
	require.ErrorContains(t, err, "want at most 16")
}

// TestNothingToReadReadsItself: a region whose every key is blocked, or not on the grid, is left its own.
func TestNothingToReadReadsItself(t *testing.T) {
	c := compile(t, `{"rules": [{"query": "background", "key": "canvas", "block": true}]}`)
	r := c.At(now)(fine)
	require.False(t, between(r, 0, sky, sky).Block)
	require.True(t, between(r, 0, sky, source).Block)
}

// TestExplain: which sites a program touches, when, with which rule; and which rules nothing is about.
func TestExplain(t *testing.T) {
	p, err := Parse([]byte(`{"rules": [
		{"query": "related", "key": "source", "target": 0.3, "strength": [[6, 1], [8, 0]]},
		{"query": "related.hat", "key": {"complement": "condition"}, "suppress": 1, "bias": 2, "layer": "mid_block", "phases": ["final"], "roles": ["text"]},
		{"query": "background", "key": {"union": ["condition", {"box": [0, 0, 10, 10]}]}, "block": true, "heads": [0, 2], "node": 9}]}`), nil)
	require.NoError(t, err)
	moments := []Moment{{Phase: Cycle, Cycle: 1, Node: 7}, {Phase: Cycle, Cycle: 1, Node: 6}, {Phase: Cycle, Cycle: 2, Node: 7}, {Phase: Final, Node: 5}}
	for i := range moments {
		moments[i].Roles = now.Roles
	}
	e := Explain(p, []unet.Site{fine, coarse}, moments)
	require.Equal(t, []string{
		"related reads source: target 0.3",
		"related.hat reads all but condition: suppress 1, bias 2; prompts text",
		"background reads (condition or box [0 0 10 10]): block; heads 0, 2",
	}, e.Rules)
	require.Equal(t, [][]string{{"cycles 1 … 2: nodes 7 (0.5), 6"}, {"final: nodes 5"}, nil}, e.When)
	require.Equal(t, []Explained{{fine, []int{0}}, {coarse, []int{1}}}, e.Sites)

	c, err := Compile(p, scene(), []unet.Site{fine, coarse})
	require.NoError(t, err)
	require.Equal(t, []int{1}, c.Idle())
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte(`{"rules": [{"query": {"minus": ["canvas", {"box": [0, 0, 500, 500]}]}, "key": "related.2", "scale": 1e4, "strength": [[1, 0.5], [2, 1]]}]}`))
	f.Add([]byte(`{"regions": {"a": "b", "b": {"complement": "a"}}, "rules": []}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data, mask)
		if err != nil {
			var wrong *Error
			require.True(t, errors.As(err, &wrong), "%T: %v", err, err)
			return
		}
		c, err := Compile(p, scene(), []unet.Site{fine, coarse})
		if err != nil {
			return
		}
		for _, site := range []unet.Site{fine, coarse} {
			for _, phase := range phases {
				m := now
				m.Phase = phase
				if at := c.At(m); at != nil {
					if r := at(site); r != nil {
						require.NoError(t, r.Validate())
					}
				}
			}
		}
		written, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := Parse(written, mask)
		require.NoError(t, err, "%s", written)
		require.Equal(t, fmt.Sprintf("%+v", len(p.Rules)), fmt.Sprintf("%+v", len(again.Rules)))
	})
}
