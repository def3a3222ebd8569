// Command mutate says whether the tests of the CUDA kernels would miss a barrier, a boundary guard or a term of a rule:
//
//	make cuda-mutants
//
// It takes them out of the sources one at a time, runs what covers the kernel on the emulated driver, and prints for each whether a test
// failed. It fails if one did not, unless equivalent.go says why nobody could tell.
package main

import (
	"context"
	"errors"
	"flag"
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

// patience is how long a part of the tests may take: several times what it does without a mutant. One that makes a loop endless is caught by it, and
// said to be, for a busy machine may be to blame.
const patience = 3 * time.Minute

func main() {
	only := flag.String("only", "", "the mutants whose line of the report matches this expression; all by default")
	every := flag.Int("every", 1, "one in so many of them, for a sample")
	at := flag.Int("j", 2, "how many at a time")
	list := flag.Bool("list", false, "print the mutants and run none")
	flag.Parse()
	if err := run(*only, *every, *at, *list); err != nil {
		fmt.Fprintln(os.Stderr, "kernels/cuda/internal/mutate:", err)
		os.Exit(1)
	}
}

func (m mutant) String() string {
	with := m.with
	if with == "" || with == ";" {
		with = "nothing"
	}
	return fmt.Sprintf("%s:%d: %s: %s → %s", m.file, m.line, m.kind, strings.Join(strings.Fields(m.was), " "), with)
}

// mutants returns those of all sources, and how many of them equivalent.go has.
func mutants() (all []mutant, equal int, err error) {
	paths, err := sources()
	if err != nil {
		return nil, 0, err
	}
	used := map[equivalent]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, 0, err
		}
		for _, m := range sites(filepath.Base(path), string(text)) {
			if e, ok := m.equivalent(string(text)); ok {
				used[e] = true
				equal++
				continue
			}
			all = append(all, m)
		}
	}
	for _, e := range equivalents {
		if !used[e] {
			return nil, 0, fmt.Errorf("equivalent.go: %s has no %q → %s in a line with %q", e.file, e.was, e.with, e.line)
		}
	}
	return all, equal, nil
}

func run(only string, every, atATime int, list bool) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, equal, err := mutants()
	if err != nil {
		return err
	}
	var chosen []mutant
	for i, n := 0, 0; i < len(all); i++ {
		if pattern.MatchString(all[i].String()) {
			if n++; n%every == 0 {
				chosen = append(chosen, all[i])
			}
		}
	}
	if list {
		for _, m := range chosen {
			fmt.Println(m)
		}
		return nil
	}
	l, err := newLaboratory()
	if err != nil {
		return err
	}
	defer os.RemoveAll(l.folder)
	var group sync.WaitGroup
	var mu sync.Mutex
	caught, survived := 0, 0
	var failures []error
	next := make(chan mutant)
	for range atATime {
		group.Go(func() {
			for m := range next {
				begin := time.Now()
				by, err := l.try(m)
				mu.Lock()
				switch {
				case err != nil:
					failures = append(failures, fmt.Errorf("%v: %w", m, err))
				case by == "":
					survived++
					fmt.Printf("SURVIVED %v (%.0f s)\n", m, time.Since(begin).Seconds())
				default:
					caught++
					fmt.Printf("caught %v, by %s (%.0f s)\n", m, by, time.Since(begin).Seconds())
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range chosen {
		next <- m
	}
	close(next)
	group.Wait()
	fmt.Printf("%d of %d mutants caught; equivalent.go has %d more that nobody could tell\n", caught, len(chosen), equal)
	if survived > 0 {
		failures = append(failures, fmt.Errorf("%d mutants survived", survived))
	}
	return errors.Join(failures...)
}

// laboratory is where mutants are built and run.
type laboratory struct {
	include, folder, root string
}

func newLaboratory() (l laboratory, err error) {
	l.root = filepath.Dir(filepath.Dir(emu.Source()))
	if l.include, err = wheels.Headers(); err != nil {
		return l, err
	}
	if l.folder, err = os.MkdirTemp("", "mutants-"); err != nil {
		return l, err
	}
	for _, tests := range []string{kernelTests, suiteTests} {
		build := exec.Command("go", "test", "-c", "-tags", "cuda", "-o", l.binary(tests), "./"+tests)
		build.Dir = l.root
		build.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-g -O2 -I"+l.include, "CGO_LDFLAGS=-L"+filepath.Join(l.include, "..", "..", "..", "empty"))
		if out, err := build.CombinedOutput(); err != nil {
			return l, fmt.Errorf("the tests of %s (go run ./kernels/cuda/env prepares what they want): %w\n%s", tests, err, out)
		}
	}
	driver, err := emu.Build(l.include, true, emu.Source(), emu.Faulty())
	if err != nil {
		return l, err
	}
	// What a mutant fails has to pass without it, else it says nothing.
	quick := check{"", kernelTests, "TestEmulator|TestFormats"}
	if failed, out := l.fails(driver, quick); failed {
		return l, fmt.Errorf("the tests fail without any mutant:\n%s", out)
	}
	return l, nil
}

func (l laboratory) binary(tests string) string {
	return filepath.Join(l.folder, filepath.Base(tests)+".test")
}

// try builds a mutant and returns the check that fails with it, or "".
func (l laboratory) try(m mutant) (string, error) {
	folder, err := os.MkdirTemp(l.folder, "")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
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
	parts, err := checks(m.file)
	if err != nil {
		return "", err
	}
	for _, c := range parts {
		driver, err := emu.Build(l.include, true, emu.Source(), emu.Faulty(), filepath.Join(folder, c.kernel+".cu"))
		if err != nil {
			return "", err
		}
		begin := time.Now()
		if failed, _ := l.fails(driver, c); failed {
			if time.Since(begin) >= patience {
				return c.run + ", which does not end", nil
			}
			return c.run, nil
		}
	}
	return "", nil
}

// fails says whether a part of the tests fails on a driver, and what they printed.
func (l laboratory) fails(driver string, c check) (bool, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	test := exec.CommandContext(ctx, l.binary(c.tests), "-test.failfast", "-test.run", "^"+strings.ReplaceAll(c.run, "/", "$/")) //nolint:gosec
	test.Dir = filepath.Join(l.root, c.tests)
	test.Env = append(os.Environ(), "LD_LIBRARY_PATH="+driver)
	out, err := test.CombinedOutput()
	return err != nil, out
}
