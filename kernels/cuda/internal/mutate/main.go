// Command mutate says whether the tests of the CUDA kernels would miss a barrier, a boundary guard or a term of a rule:
//
//	make cuda-mutants
//
// It takes them out of the sources one at a time, runs what covers the kernel on the emulated driver, and prints for each whether a test
// failed. It fails if one did not, unless equivalent.go says why nobody could tell. What a mutant makes endless is found by the processor time
// that it takes; if a busy machine kept it from that, the mutant is undecided, which is a failure, too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

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
	counts := map[outcome]int{}
	var failures []error
	next := make(chan mutant)
	for range atATime {
		group.Go(func() {
			for m := range next {
				v, err := l.try(m)
				mu.Lock()
				if err != nil {
					failures = append(failures, fmt.Errorf("%v: %w", m, err))
				} else {
					counts[v.outcome]++
					fmt.Printf("%v %v%s\n", v.outcome, m, v.by)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range chosen {
		next <- m
		mu.Lock()
		broken := len(failures) > 0
		mu.Unlock()
		if broken {
			break
		}
	}
	close(next)
	group.Wait()
	fmt.Printf("%d of %d mutants caught, %d survived, %d undecided; equivalent.go has %d more that nobody could tell\n",
		counts[caught], len(chosen), counts[survived], counts[undecided], equal)
	if missed := counts[survived] + counts[undecided]; missed > 0 {
		failures = append(failures, fmt.Errorf("%d mutants were not caught", missed))
	}
	return errors.Join(failures...)
}
