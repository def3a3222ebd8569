// Command nvcc compiles the kernels to PTX and puts the registers and the shared memory that they take into docs/cuda.md; it fails if a kernel
// spills registers. Those in notes it compiles only to see that they do not either:
//
//	go generate ./kernels/cuda
//
// The compiler is NVIDIA's, in the versions below, from the Python package index; it is installed into the user's cache folder, never into
// this repository. It wants pip and a C++ compiler. On a machine where it cannot be had the committed PTX stays as it is, and a sentence
// says so: nobody needs it but who changes a kernel.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/sowgen/sowgen/kernels/cuda/internal/ptx"
	"github.com/sowgen/sowgen/kernels/cuda/internal/wheels"
)

// packages is the compiler. Its version is part of what makes two runs give the same bytes.
var packages = []string{
	"nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88", "nvidia-cuda-crt==13.0.88", "nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cccl==13.0.85",
}

// targets are the architectures that PTX is made for; the driver compiles it for newer ones. For the second there is a file only where it
// differs from the first.
var targets = []string{"75", "80"}

// version is the PTX version that the files claim: that of CUDA 11.0, so that drivers from 450 on take them. ptxas checks that they use nothing
// newer: here for the first target, in resources for later ones.
const version = ".version 7.0"

func main() {
	bin, err := install()
	if err != nil {
		fmt.Printf("kernels/cuda: the PTX is left as it is, because its compiler cannot be had here: %v\n", err)
		return
	}
	err = compileAll(bin)
	if err == nil {
		err = resources(bin)
	}
	if err == nil {
		err = notes(bin)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels/cuda:", err)
		os.Exit(1)
	}
}

// install returns the compiler's bin folder.
func install() (string, error) {
	if _, err := exec.LookPath("g++"); err != nil {
		return "", errors.New("nvcc wants g++")
	}
	folder, err := wheels.Install(packages...)
	return filepath.Join(folder, "nvidia", "cu13", "bin"), err
}

// compileAll makes every PTX file anew and removes those that no source makes any more.
func compileAll(bin string) error {
	sources, err := filepath.Glob("*.cu")
	if err != nil {
		return err
	}
	stale, err := filepath.Glob("ptx/*.ptx")
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	failed := make([]error, len(sources))
	var all sync.WaitGroup
	for i, source := range sources {
		all.Go(func() { failed[i] = compileTargets(bin, source) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// compileTargets makes a source's PTX files and lets ptxas look at the first.
func compileTargets(bin, source string) error {
	var first []byte
	for _, target := range targets {
		text, err := compile(bin, source, target)
		if err != nil {
			return err
		}
		if first == nil {
			first = text
		} else if bytes.Equal(bytes.ReplaceAll(text, []byte("sm_"+target), []byte("sm_"+targets[0])), first) {
			continue
		}
		path := filepath.Join("ptx", strings.TrimSuffix(source, ".cu")+".sm_"+target+".ptx")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return run(filepath.Join(bin, "ptxas"), "-arch=sm_"+targets[0], "-o", os.DevNull, filepath.Join("ptx", strings.TrimSuffix(source, ".cu")+".sm_"+targets[0]+".ptx"))
}

var (
	preamble    = regexp.MustCompile(`(?s)^.*?(\.version)`)
	versionLine = regexp.MustCompile(`(?m)^\.version .*$`)
)

// compile returns the PTX of a source for a target.
func compile(bin, source, target string) ([]byte, error) {
	digest, err := ptx.Digest(source)
	if err != nil {
		return nil, err
	}
	out, err := os.CreateTemp("", "*.ptx")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	out.Close()
	if err := run(filepath.Join(bin, "nvcc"), "-ptx", "-std=c++17", "-arch=compute_"+target, "-o", out.Name(), source); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return nil, err
	}
	text = preamble.ReplaceAll(text, []byte("$1"))
	text = versionLine.ReplaceAll(text, []byte(version))
	return append([]byte(ptx.Header(source, digest)+"\n"), text...), nil
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}
