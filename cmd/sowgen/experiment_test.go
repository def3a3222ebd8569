package main

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
)

func TestExperimentRefuses(t *testing.T) {
	workIn(t)
	require.Contains(t, must(t, "experiment", "list").stdout, "did-base\n")
	require.Contains(t, must(t, "__complete", "experiment", "").stdout, "did-base\n")
	before := list(t, ".")
	sowgen(t, "experiment").refuses(t, exitUsage, before, "want all, or some of did-base")
	sowgen(t, "experiment", "did-bass").refuses(t, exitUsage, before, `"did-bass"`, "did-base")
	sowgen(t, "experiment", "did-base", "--cases", "-1").refuses(t, exitUsage, before, "--cases -1")
	sowgen(t, "experiment", "did-base", "--jobs", "-1").refuses(t, exitUsage, before, "--jobs -1")
	sowgen(t, "experiment", "did-base", "-o", "").refuses(t, exitUsage, before, "--output")
	sowgen(t, "experiment", "did-base", "--model", "nowhere").refuses(t, exitFailed, before, "nowhere")
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	sowgen(t, "experiment", "did-base", "-o", "file").refuses(t, exitFailed, list(t, "."), "want a folder")
}

// stopper is a terminal whose user presses Ctrl-C when it is told how long the rest takes: some is finished then.
type stopper struct {
	bytes.Buffer
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(" left")) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// TestExperimentIsInterrupted: what is finished is kept, and the program says where.
func TestExperimentIsInterrupted(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model")
	}
	workIn(t)
	defer kernels.SetThreads(kernels.Threads())
	ctx, stop := context.WithCancel(context.Background())
	var stdout bytes.Buffer
	stderr := &stopper{stop: stop}
	require.Equal(t, exitInterrupted, run(ctx, []string{"experiment", "did-base", "-o", "here"}, &stdout, stderr))
	require.Contains(t, stderr.String(), "interrupted; what is finished is kept in here")
	require.NotEmpty(t, list(t, "here/did-base/pictures"))
	require.Empty(t, stdout.String())
}
