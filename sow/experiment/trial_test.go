package experiment_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/eval/benchmark"
	"github.com/sowgen/sowgen/sow/experiment"
	"github.com/sowgen/sowgen/sow/plan"
)

// TestTrials: trials give the same whether they run one after the other or two at a time, and a half head is measured by the half withheld.
func TestTrials(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for seconds, for minutes on plain Go kernels")
	}
	p, err := sow.Open(sow.Builtin)
	require.NoError(t, err)
	probe, err := eval.LoadProbe(builtin.Probe)
	require.NoError(t, err)
	judge := &eval.Judge{Probe: probe}
	cases, err := benchmark.Cases()
	require.NoError(t, err)

	params := p.Defaults
	params.Cycles = 1
	half := cases[3].LeftHalf()
	trials := []experiment.Trial{
		{Case: cases[0], Params: params.As(sow.SOW), Planner: plan.Offline{}, Seed: 1, Masses: true},
		{Case: cases[1], Params: params.As(sow.Text), Planner: plan.Offline{}, Seed: 2},
		{Case: &half, Params: params.As(sow.COW), Seed: 3},
	}
	alone, together := make([]eval.Figures, len(trials)), make([]eval.Figures, len(trials))
	pixels := make([][]uint8, len(trials))
	for i, trial := range trials {
		img, f, err := trial.Run(context.Background(), p, judge)
		require.NoError(t, err)
		alone[i], pixels[i] = f, img.Pix
	}
	var work sync.WaitGroup
	for i, trial := range trials {
		work.Go(func() {
			img, f, err := trial.Run(context.Background(), p, judge)
			if assert.NoError(t, err) {
				together[i] = f
				assert.Equal(t, pixels[i], img.Pix)
			}
		})
	}
	work.Wait()
	for i := range trials {
		for _, f := range []eval.Figures{alone[i], together[i]} {
			require.Positive(t, f["seconds"])
			delete(f, "seconds")
		}
		require.Equal(t, alone[i], together[i])
	}
	require.Greater(t, alone[0]["kept_psnr"], alone[1]["kept_psnr"]+5)
	require.InDelta(t, 0.3, alone[0]["related_mass"], 0.2)
	require.NotContains(t, alone[1], "related_mass")
	require.NotContains(t, alone[0], "unseen_psnr")
	require.Positive(t, alone[2]["unseen_psnr"])
}
