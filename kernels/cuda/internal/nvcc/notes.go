package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// notes has the sources in notes compiled for the newest target. Nobody keeps what comes of it, but they must compile, and spill no registers.
func notes(bin string) error {
	sources, err := filepath.Glob("notes/*.cu")
	if err != nil {
		return err
	}
	failed := make([]error, len(sources))
	var all sync.WaitGroup
	for i, source := range sources {
		all.Go(func() { failed[i] = note(bin, source) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func note(bin, source string) error {
	target := targets[len(targets)-1]
	text, err := compile(bin, source, target)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "*.ptx")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(text); err != nil {
		return err
	}
	file.Close()
	a := askFile(bin, file.Name(), "sm_"+target)
	for kernel, u := range a.used {
		if u.spills > 0 {
			a.err = errors.Join(a.err, fmt.Errorf("%s: %s spills %d bytes of registers", source, kernel, u.spills))
		}
	}
	return a.err
}
