package experiment

import (
	"context"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/plan"
)

// TestDesigns: every experiment has the arms that its factors tell apart, every picture a name of its own, and every change of what it is made
// from another key.
func TestDesigns(t *testing.T) {
	defaults, err := sow.Defaults(builtin.Model)
	require.NoError(t, err)
	lab := &Lab{Pipeline: &sow.Pipeline{Model: sow.Builtin, Defaults: defaults}, Cases: 3}
	for _, e := range All() {
		all, err := e.design(context.Background(), lab)
		require.NoError(t, err, e.Name)
		known, err := e.keys(lab, all)
		require.NoError(t, err)
		called, seen, keys := names(all), map[string]bool{}, map[string]bool{}
		for i, treatment := range all {
			require.Len(t, treatment.arm, len(e.factors), e.Name)
			require.False(t, seen[called[i]] || keys[known[i]], "%s: %s", e.Name, called[i])
			seen[called[i]], keys[known[i]] = true, true
		}
		require.NotEmpty(t, seen, e.Name)
	}

	// What a trial is made from is all in its key.
	cases, err := lab.cases(2, normal)
	require.NoError(t, err)
	key := func(c *eval.Case, change func(*sow.Params), planner plan.Planner) string {
		params := defaults
		change(&params)
		trial := lab.trial([]string{"arm"}, c, params, planner)
		trial.unit = "case"
		keys, err := cycles.keys(lab, []treatment{trial})
		require.NoError(t, err)
		return keys[0]
	}
	same := func(*sow.Params) {}
	base := key(cases[0], same, plan.Offline{})
	require.Equal(t, base, key(cases[0], same, plan.Offline{}))
	others := *cases[0]
	others.Picture = image.NewNRGBA(others.Picture.Rect)
	others.Digest()
	for _, other := range []string{
		key(cases[1], same, plan.Offline{}), key(&others, same, plan.Offline{}), key(cases[0], func(p *sow.Params) { p.TargetMass = 0.4 }, plan.Offline{}),
		key(cases[0], same, plan.Replay{}), key(cases[0], same, plan.Replay{Recorded: plan.Plan{Prompt: "a boy"}}),
	} {
		require.NotEqual(t, base, other)
	}
}

// TestSeeing: each stage that is on decides what it is for, and nothing else.
func TestSeeing(t *testing.T) {
	in := plan.Input{Prompt: "a girl on the left", Width: 128, Height: 128, Face: plan.Box{0, 0, 1000, 1000}}
	planned := func(stages plan.Stages) plan.Plan {
		p, err := seeing{"a girl with red hair", plan.Box{250, 250, 750, 750}, stages}.Plan(context.Background(), in)
		require.NoError(t, err)
		return p
	}
	all := planned(plan.AllStages)
	require.Equal(t, "a girl with red hair", all.Prompt)
	require.Equal(t, plan.Box{0, 50, 500, 550}, all.Box)
	require.Equal(t, "body", all.Related[0].Label)
	require.Equal(t, &plan.Box{125, 175, 375, 425}, all.Related[0].Source)

	none := planned(plan.Stages{})
	require.Equal(t, in.Prompt, none.Prompt)
	require.Equal(t, plan.Box{0, 250, 500, 750}, none.Box)
	require.Nil(t, none.Related[0].Source)
}

func TestStanding(t *testing.T) {
	f := newFindings(&Experiment{factors: []string{"arm"}}, flatLab(), []Observation{
		{Arm: []string{"a"}, Unit: "1", Figures: eval.Figures{"kept_psnr": 20, "grey": 0}}, {Arm: []string{"b"}, Unit: "1", Figures: eval.Figures{"kept_psnr": 22, "grey": 0}},
		{Arm: []string{"a"}, Unit: "2", Figures: eval.Figures{"kept_psnr": 30, "grey": 0.5}}, {Arm: []string{"b"}, Unit: "2", Figures: eval.Figures{"kept_psnr": 32, "grey": 0}},
	})
	f.standing()
	require.Greater(t, f.mean("standing", "b").Mean, f.mean("standing", "a").Mean)
	require.InDelta(t, 0, f.mean("standing", "a").Mean+f.mean("standing", "b").Mean, 1e-12)
	require.True(t, within(f.gain("grey", []string{"a"}, []string{"b"})))
}

func TestSkinBox(t *testing.T) {
	cases, err := flatLab().cases(1)
	require.NoError(t, err)
	box := skinBox(cases[0])
	require.Less(t, box[0], box[2])
	require.Greater(t, box[2]-box[0], 300)
	require.Equal(t, "a woman wearing a red shirt on a beach by day", withoutLooks(cases[0].Prompt))
	require.Equal(t, "a boat", withoutLooks("a boat"))
}
