package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
)

// TestMain lets the test binary be the program itself, for what can only be seen from outside: signals, memory, the environment.
func TestMain(m *testing.M) {
	if os.Getenv("SOWGEN_TEST_AS_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// program is the command as a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "SOWGEN_TEST_AS_PROGRAM=1", "GOTRACEBACK=")
	return cmd
}

// outcome is what a command line came to.
type outcome struct {
	code           int
	stdout, stderr string
}

func sowgen(t testing.TB, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// must is sowgen for what has to go well.
func must(t testing.TB, args ...string) outcome {
	t.Helper()
	o := sowgen(t, args...)
	require.Zero(t, o.code, "sowgen %s\n%s", strings.Join(args, " "), o.stderr)
	return o
}

// refuses checks that o is one line of complaint that says all of want, and that only the files in before are in the working directory.
func (o outcome) refuses(t testing.TB, code int, before []string, want ...string) {
	t.Helper()
	assert.Equal(t, code, o.code, o.stderr)
	assert.Equal(t, 1, strings.Count(o.stderr, "\n"), o.stderr)
	assert.Regexp(t, `^sowgen: .*\n$`, o.stderr)
	assert.NotContains(t, o.stderr, "goroutine")
	assert.NotContains(t, o.stderr, "this is a bug")
	for _, w := range want {
		assert.Contains(t, o.stderr, w)
	}
	assert.Equal(t, before, list(t, "."), "files")
}

// list is the files below dir.
func list(t testing.TB, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// testdata is an absolute path into sow/testdata: tests work in folders of their own.
func testdata(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(packageDir, "../../sow/testdata", name)
}

// packageDir is where the tests start.
var packageDir = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// workIn makes an empty folder the working directory.
func workIn(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Cleanup(func() { kernels.SetThreads(0) })
}

func Example() {
	args := []string{"generate", "--method", "text", "--prompt", "a boat on a lake", "--steps", "0"}
	fmt.Println(run(context.Background(), args, os.Stdout, os.Stdout))
	// Output:
	// sowgen: --steps 0: want 1 … 999
	// 2
}

func TestVersion(t *testing.T) {
	o := must(t, "version")
	assert.Regexp(t, `^sowgen \S+\ngo1\.\S+ .*kernels \w+\n$`, o.stdout)
	assert.Empty(t, o.stderr)
}

func TestHelpTeaches(t *testing.T) {
	root := must(t)
	for _, command := range []string{"generate", "face", "inspect", "forward", "bench", "experiment", "eval", "version", "completion"} {
		assert.Contains(t, root.stdout, command)
		help := must(t, command, "--help")
		assert.Contains(t, help.stdout, "sowgen "+command, command)
		assert.Empty(t, help.stderr)
	}
	help := must(t, "generate", "--help").stdout
	// The names that other tools rely on.
	for _, flag := range strings.Fields(`prompt negative suppress diverse condition face mask face-mask face-index keep box task method model size steps cycles guidance eta
		eta-cycle eta-final replace back late inversion start overwrite seed planner plan blend late-overwrite threads max-memory output save-latents save-plan json force`) {
		assert.Contains(t, help, "--"+flag)
	}
	assert.Contains(t, help, "(default 7.5)")
	assert.Contains(t, help, "-o, --output")
}

func TestCompletion(t *testing.T) {
	assert.Contains(t, must(t, "completion", "bash").stdout, "__complete")
	assert.Contains(t, must(t, "__complete", "generate", "--method", "").stdout, "sow\ncow\ntext\n")
	assert.Contains(t, must(t, "__complete", "forward", "--component", "vae").stdout, "vae_decoder")
}

func TestWrongCommands(t *testing.T) {
	workIn(t)
	for _, c := range []struct {
		args string
		want string
	}{
		{"bogus", `unknown command "bogus"`},
		{"generat", "generate"},
		{"--bogus", "--bogus: sowgen --help"},
		{"version extra", `"extra"`},
		{"generate --bogus", "--bogus: sowgen generate --help"},
		{"generate -x", "'x' in -x"},
		{"inspect", "PATH"},
		{"inspect a b", "PATH"},
		{"generate --steps", "--steps: want a value after it (N)"},
		{"forward", "--component is missing"},
		{"forward --component unet", "--input is missing"},
		{"forward --component unet --input a", "--output is missing"},
		{"forward --component bogus", `--component "bogus": want text_encoder, unet, vae_decoder or vae_encoder`},
	} {
		t.Run(c.args, func(t *testing.T) {
			sowgen(t, strings.Fields(c.args)...).refuses(t, exitUsage, nil, c.want)
		})
	}
}

// panicking is a writer with a bug.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("index out of range") }

func TestPanicIsOneLine(t *testing.T) {
	t.Setenv("GOTRACEBACK", "")
	var stderr bytes.Buffer
	assert.Equal(t, exitFailed, run(context.Background(), []string{"version"}, panicking{}, &stderr))
	assert.Equal(t, "sowgen: index out of range: this is a bug of sowgen: please report it with what GOTRACEBACK=all shows\n", stderr.String())
	t.Setenv("GOTRACEBACK", "all")
	assert.Panics(t, func() { run(context.Background(), []string{"version"}, panicking{}, &stderr) })
}

// full is a writer on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestStdoutFails(t *testing.T) {
	var stderr bytes.Buffer
	assert.Equal(t, exitFailed, run(context.Background(), []string{"version"}, full{}, &stderr))
	assert.Contains(t, stderr.String(), "sowgen: ")
}

func TestUnknownKernelsAreRefused(t *testing.T) {
	cmd := program(t, "version")
	cmd.Env = append(cmd.Env, "SOWGEN_KERNELS=bogus")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, exitUsage, cmd.ProcessState.ExitCode())
	outcome{exitUsage, "", string(out)}.refuses(t, exitUsage, list(t, "."), "bogus")
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\r\n\n  c":    "a b c",
		"tab\there":        "tab here",
		"\x1b[31mred":      `\x1b[31mred`,
		"\xff bad":         `\xff bad`,
		"face ünïcode 顔 …": "face ünïcode 顔 …",
		"\u202e":           `\u202e`,
		"\ufffd":           "\ufffd",
	} {
		assert.Equal(t, want, oneLine(in))
	}
	assert.LessOrEqual(t, len(oneLine(strings.Repeat("ä", 5000))), maxLine+len(" …"))
}
