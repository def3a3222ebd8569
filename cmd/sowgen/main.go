// Command sowgen keeps a given picture, a face as a rule, and grows a whole, coherent picture around it from a text.
//
//	sowgen generate --condition face.png --prompt "a girl with a red hat in a snowy forest" -o out.png
//	sowgen inspect DIR        what is in a model folder, and what is wrong with it
//	sowgen forward …          one component of a model on given tensors
//	sowgen experiment …       the experiments of docs/method.md, made again
//	sowgen bench              how fast this machine is, kernel by kernel and network by network
//	sowgen version
//
// Progress, warnings and errors go to stderr, results to stdout. The exit code is 0, or 2 for a wrong command line, 130 when
// interrupted, 1 for everything else; an error is one line that names the file or flag, the value and the way out.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on the default is back: a second Ctrl-C kills at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
