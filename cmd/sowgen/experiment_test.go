package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// TestExperimentIsInterrupted: what is finished is kept, and the program says where.
func TestExperimentIsInterrupted(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model")
	}
	workIn(t)
	defer kernels.SetThreads(kernels.Threads())
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { // the user presses Ctrl-C when something is finished
		for ctx.Err() == nil {
			if finished, _ := filepath.Glob("here/did-base/pictures/*.png"); len(finished) > 0 {
				stop()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitInterrupted, run(ctx, []string{"experiment", "did-base", "-o", "here"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "interrupted; what is finished is kept in here")
	require.NotEmpty(t, list(t, "here/did-base/pictures"))
	require.Empty(t, stdout.String())
}
