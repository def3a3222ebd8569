package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sowgen/sowgen/kernels/cuda/emu"
	"github.com/sowgen/sowgen/kernels/cuda/internal/wheels"
)

// outcome is what becomes of a mutant.
type outcome string

const (
	caught    outcome = "caught"
	survived  outcome = "SURVIVED"
	undecided outcome = "UNDECIDED"
)

// verdict is an outcome and what brought it about, in words that follow the mutant's.
type verdict struct {
	outcome
	by string
}

// A part of the tests that takes endless times the processor time that it takes without a mutant, and a little more, is said not to end. How long it
// takes by the clock says nothing on a busy machine: after patience it is given up, undecided.
const (
	endless  = 10
	patience = 15 * time.Minute
)

// laboratory is where mutants are built and run.
type laboratory struct {
	include, folder, root string

	mu    sync.Mutex
	costs map[check]func() (time.Duration, error)
}

func newLaboratory() (*laboratory, error) {
	l := &laboratory{root: filepath.Dir(filepath.Dir(emu.Source())), costs: map[check]func() (time.Duration, error){}}
	var err error
	if l.include, err = wheels.Headers(); err != nil {
		return nil, err
	}
	if l.folder, err = os.MkdirTemp("", "mutants-"); err != nil {
		return nil, err
	}
	for _, tests := range []string{kernelTests, suiteTests} {
		build := exec.Command("go", "test", "-c", "-tags", "cuda", "-o", l.binary(tests), "./"+tests)
		build.Dir = l.root
		build.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-g -O2 -I"+l.include, "CGO_LDFLAGS=-L"+filepath.Join(l.include, "..", "..", "..", "empty"))
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("the tests of %s (go run ./kernels/cuda/env prepares what they want): %w\n%s", tests, err, out)
		}
	}
	return l, nil
}

func (l *laboratory) binary(tests string) string {
	return filepath.Join(l.folder, filepath.Base(tests)+".test")
}

// try runs the checks of a mutant's source until one fails.
func (l *laboratory) try(m mutant) (verdict, error) {
	folder, err := l.sourcesWith(m)
	if err != nil {
		return verdict{}, err
	}
	defer os.RemoveAll(folder)
	parts, err := checks(m.file)
	if err != nil {
		return verdict{}, err
	}
	for _, c := range parts {
		cost, err := l.cost(c)
		if err != nil {
			return verdict{}, err
		}
		driver, err := l.build(folder, c)
		if err != nil {
			return verdict{}, err
		}
		limit := (endless * cost).Truncate(time.Second) + 5*time.Second
		switch r := l.run(driver, c, limit); {
		case r.late:
			return verdict{undecided, fmt.Sprintf(": %s has not ended after %v", c.run, patience)}, nil
		case r.processor >= limit:
			return verdict{caught, fmt.Sprintf(", by %s, which does not end in %v of the processor; without it, in %.1fs", c.run, limit, cost.Seconds())}, nil
		case r.failed:
			return verdict{caught, fmt.Sprintf(", by %s (%.1fs)", c.run, r.processor.Seconds())}, nil
		}
	}
	return verdict{survived, ""}, nil
}

// sourcesWith returns a folder of the sources in which one is the mutant.
func (l *laboratory) sourcesWith(m mutant) (string, error) {
	folder, err := os.MkdirTemp(l.folder, "")
	if err != nil {
		return "", err
	}
	paths, err := sources()
	if err != nil {
		return "", err
	}
	for _, path := range append(paths, filepath.Join(emu.Source(), "ptx")) {
		if filepath.Base(path) != m.file {
			if err := os.Symlink(path, filepath.Join(folder, filepath.Base(path))); err != nil {
				return "", err
			}
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(folder, m.file), []byte(string(text[:m.from])+m.with+string(text[m.to:])), 0o644); err != nil {
			return "", err
		}
	}
	return folder, nil
}

// build returns the folder of a driver that runs a check's kernels as a folder has them.
func (l *laboratory) build(folder string, c check) (string, error) {
	kernels, err := regexp.Compile(c.kernels)
	if err != nil {
		return "", err
	}
	return emu.BuildPart(l.include, emu.Part{File: filepath.Join(folder, c.source+".cu"), Kernels: kernels}, emu.Source(), emu.Faulty())
}

// cost is the processor time of a check without a mutant. It has to pass, else it says nothing about mutants.
func (l *laboratory) cost(c check) (time.Duration, error) {
	l.mu.Lock()
	once, ok := l.costs[c]
	if !ok {
		once = sync.OnceValues(func() (time.Duration, error) {
			driver, err := l.build(emu.Source(), c)
			if err != nil {
				return 0, err
			}
			r := l.run(driver, c, time.Hour)
			switch {
			case r.failed || r.late:
				return 0, fmt.Errorf("%s does not pass without any mutant:\n%s", c.run, r.printed)
			case strings.Contains(string(r.printed), "no tests to run"):
				return 0, fmt.Errorf("%s has no test %s", c.tests, c.run)
			}
			return r.processor, nil
		})
		l.costs[c] = once
	}
	l.mu.Unlock()
	return once()
}

// trial is how a check went.
type trial struct {
	failed, late bool
	processor    time.Duration // that it took
	printed      []byte
}

// run runs a check on a driver, with at most limit of the processor.
func (l *laboratory) run(driver string, c check, limit time.Duration) trial {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	test := exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf(`ulimit -t %d && exec "$0" "$@"`, int(limit.Seconds())), //nolint:gosec
		l.binary(c.tests), "-test.failfast", "-test.run", "^"+strings.ReplaceAll(c.run, "/", "$/"))
	test.Dir = filepath.Join(l.root, c.tests)
	test.Env = append(os.Environ(), "LD_LIBRARY_PATH="+driver)
	out, err := test.CombinedOutput()
	return trial{err != nil, ctx.Err() != nil, test.ProcessState.UserTime() + test.ProcessState.SystemTime(), out}
}
