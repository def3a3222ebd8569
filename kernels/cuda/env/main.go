// Command env prints, for a shell, what building with -tags cuda needs in the environment:
//
//	eval "$(go run ./kernels/cuda/env)"
//	go build -tags cuda ./cmd/sowgen
//
// That is where cuda.h lies, which comes from the Python package index into the user's cache folder, and an empty library that satisfies
// gorgonia.org/cu's wish for -lcuda: the driver itself is looked for when the program runs (driver.c). With -emulate it also builds the
// emulated driver and has it found in place of NVIDIA's.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sowgen/sowgen/kernels/cuda/emu"
	"github.com/sowgen/sowgen/kernels/cuda/internal/wheels"
)

func main() {
	emulate := flag.Bool("emulate", false, "run on the emulated driver")
	checks := flag.Bool("checks", true, "have the emulated driver look at every access of every kernel")
	kernels := flag.String("kernels", emu.Source(), "the folder of the kernels that the emulated driver runs")
	flag.Parse()
	if err := run(*emulate, *checks, *kernels); err != nil {
		fmt.Fprintln(os.Stderr, "kernels/cuda/env:", err)
		os.Exit(1)
	}
}

func run(emulate, checks bool, kernels string) error {
	include, err := wheels.Headers()
	if err != nil {
		return err
	}
	empty := filepath.Join(include, "..", "..", "..", "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(empty, "libcuda.a"), []byte("!<arch>\n"), 0o644); err != nil {
		return err
	}
	fmt.Printf("export CGO_ENABLED=1 CGO_CFLAGS='-g -O2 -I%s' CGO_LDFLAGS='-g -O2 -L%s'\n", include, empty)
	if !emulate {
		return nil
	}
	driver, err := emu.Build(include, checks, kernels, emu.Notes(), emu.Faulty())
	if err != nil {
		return err
	}
	fmt.Printf("export LD_LIBRARY_PATH='%s'\n", driver)
	return nil
}
