package experiment

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
)

// What the method must show on the built-in model (docs/method.md §4), on as few pictures as show it.

// shown runs the treatments of an experiment that keep keeps, on so many cases.
func shown(t *testing.T, e *Experiment, cases int, keep func(*treatment) bool) *Findings {
	t.Helper()
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for seconds, for minutes on plain Go kernels")
	}
	p, err := sow.Open(sow.Builtin)
	require.NoError(t, err)
	probe, err := eval.LoadProbe(builtin.Probe)
	require.NoError(t, err)
	lab := &Lab{Pipeline: p, Judge: &eval.Judge{Probe: probe}, Seed: 1, Cases: cases, Jobs: 2}
	some := *e
	some.design = func(ctx context.Context, lab *Lab) ([]treatment, error) {
		all, err := e.design(ctx, lab)
		return slices.DeleteFunc(all, func(t treatment) bool { return !keep(&t) }), err
	}
	var found *Findings
	some.judge = func(f *Findings) { e.judge(f); found = f }
	report, err := some.Run(context.Background(), lab, t.TempDir())
	require.NoError(t, err)
	for _, row := range report.Table.Rows {
		t.Log(row)
	}
	return found
}

func everything(*treatment) bool { return true }

func TestDiffusionInDiffusion(t *testing.T) {
	base := shown(t, didBase, 0, func(t *treatment) bool { return t.unit == projectPage || t.unit == "white left" })
	require.True(t, base.Holds(), "%v", base.Checks)
	for _, e := range []*Experiment{didEnhance, didSuppress} {
		f := shown(t, e, 0, func(t *treatment) bool { return t.unit == projectPage && slices.Contains(lateMeetings, t.arm[1]) })
		require.True(t, f.Holds(), "%v", f.Checks)
	}
}

// TestHalfHead: reading the kept half helps.
func TestHalfHead(t *testing.T) {
	f := shown(t, halfHead, 6, func(t *treatment) bool { return t.arm[0] == "none" || t.arm[0] == "target .5" })
	require.Greater(t, f.gain("unseen_psnr", []string{"target .5"}, []string{"none"}).Low, 0.0)
}

func TestInvertRoundTrip(t *testing.T) {
	unguided := []string{tripArm("aligned", 1), tripArm("ref017", 1)}
	f := shown(t, invertRoundTrip, 1, func(t *treatment) bool { return slices.Contains(unguided, t.arm[0]) })
	for _, steps := range []string{"10", "20", "50"} {
		require.Less(t, f.mean("rms", unguided[0], steps).Mean, f.mean("rms", unguided[1], steps).Mean)
	}
}

// TestAttentionMassMoves: the rules do to the attention what they say, at every site they reach.
func TestAttentionMassMoves(t *testing.T) {
	f := shown(t, attentionMap, 1, everything)
	require.True(t, f.Holds(), "%v", f.Checks)
}
