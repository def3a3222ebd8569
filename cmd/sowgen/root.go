package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2   // the command line is wrong
	exitInterrupted = 130 // as shells have it for SIGINT
)

// app is one execution of the program.
type app struct {
	stdout, stderr io.Writer
	kept           string // what is left of a run that is interrupted; "": nothing
	started        bool   // a command's own work has begun: before that every error is one of usage
}

// run carries out a command line and returns the exit code. When ctx ends, a run stops within one step and leaves no file.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	a := &app{stdout: stdout, stderr: stderr}
	defer func() {
		if os.Getenv("GOTRACEBACK") != "" {
			return // a panic goes on and shows where it happened
		}
		if r := recover(); r != nil {
			a.complain("%v: this is a bug of sowgen: please report it with what GOTRACEBACK=all shows", r)
			code = exitFailed
		}
	}()
	err := a.execute(ctx, args)
	var wrong *usageError
	var param *sow.ParamError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		if a.kept == "" {
			a.kept = "nothing was written"
		}
		a.complain("interrupted; %s", a.kept)
		return exitInterrupted
	case !a.started, errors.As(err, &wrong), errors.As(err, &param):
		code = exitUsage
	default:
		code = exitFailed
	}
	a.complain("%s", message(err))
	return code
}

func (a *app) execute(ctx context.Context, args []string) error {
	root := a.root()
	root.SetArgs(append([]string{}, args...)) // never nil, which would mean os.Args
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return root.ExecuteContext(ctx)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sowgen",
		Short: "Keep a face, grow a whole picture around it from a text",
		Long: `sowgen keeps a given picture, a face as a rule, and lets Stable Diffusion grow a whole, coherent picture around
it from a text. No training: cyclic one-way diffusion (COW, arXiv 2306.08247) and its planned form (SOW,
arXiv 2411.19182). A small demonstration model is built in; any Stable Diffusion 1.x or 2.x folder in the
diffusers layout can take its place.`,
		Example: `  sowgen generate --condition examples/face.png --prompt "a girl with a red hat in a snowy forest" -o out.png
  sowgen generate --method text --prompt "a boat on a lake" --seed 7 -o boat.png
  sowgen inspect path/to/stable-diffusion-2-1-base`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.generateCommand(), a.planCommand(), a.faceCommand(), a.rulesCommand(), a.inspectCommand(), a.forwardCommand(), a.benchCommand(), a.experimentCommand(), a.evalCommand(), a.versionCommand())
	return root
}

// work wraps what a command does.
func (a *app) work(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.started = true
		if err := kernels.CheckOverride(); err != nil {
			return &usageError{err.Error()}
		}
		return f(cmd, args)
	}
}

// unlessDone returns what f returns, or ctx's error as soon as ctx ends: for work that cannot be told to stop, as the program ends then.
func unlessDone[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value  T
		err    error
		failed any // what f panicked with
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() { o.failed = recover(); done <- o }()
		o.value, o.err = f()
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case o := <-done:
		if o.failed != nil {
			panic(o.failed)
		}
		return o.value, o.err
	}
}

// complain prints one line.
func (a *app) complain(format string, args ...any) {
	fmt.Fprintf(a.stderr, "sowgen: %s\n", oneLine(fmt.Sprintf(format, args...)))
}

// usageError is a command line that cannot be carried out.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// wrongFlag says what is wrong with the value of a flag and what would be right.
func wrongFlag(name string, value any, want string) error {
	return &usageError{fmt.Sprintf("--%s %v: %s", name, value, want)}
}

// flagError rephrases pflag's errors, which speak of Go's parser, as ours.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &missing):
		kind, _ := pflag.UnquoteUsage(missing.GetFlag())
		return &usageError{fmt.Sprintf("--%s: want a value after it (%s)", missing.GetFlag().Name, kind)}
	case !errors.As(err, &invalid):
		return fmt.Errorf("%w: %s --help lists the flags", err, cmd.CommandPath())
	}
	f := invalid.GetFlag()
	want := errors.Unwrap(invalid).Error()
	switch f.Value.Type() {
	case "int":
		want = "want a whole number"
	case "float64":
		want = "want a number"
	case "bool":
		want = "want true or false"
	}
	if f.DefValue != "" {
		want += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return wrongFlag(f.Name, strconv.Quote(invalid.GetValue()), want)
}

// message is the text of an error without the library's own prefix, for "sowgen: " stands before it already.
func message(err error) string {
	text := err.Error()
	for _, prefix := range []string{"sow: ", "picture: ", "rules: ", "weights: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// maxLine bounds a message, in bytes: a hostile file may hold long names.
const maxLine = 2000

// oneLine makes text safe to print in a line: names in hostile files may hold line breaks and terminal commands.
func oneLine(text string) string {
	var b strings.Builder
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for i, r := range field {
			switch {
			case r == utf8.RuneError && !strings.HasPrefix(field[i:], string(utf8.RuneError)):
				fmt.Fprintf(&b, `\x%02x`, field[i])
			case r == '\t':
				b.WriteByte(' ')
			case unicode.IsPrint(r):
				b.WriteRune(r)
			default:
				b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			}
		}
	}
	if b.Len() > maxLine {
		return strings.ToValidUTF8(b.String()[:maxLine], "") + " …"
	}
	return b.String()
}
