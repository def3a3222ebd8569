// Package ptx reads what the launches must agree with: the entry points of a PTX file, and which sources it was made from.
package ptx

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Entry is an entry point: a kernel and the types of its parameters, as .param names them.
type Entry struct {
	Name   string
	Params []string // u64, u32, f32 …
}

var (
	entryPattern = regexp.MustCompile(`(?s)\.entry\s+(\w+)\s*\((.*?)\)`)
	paramPattern = regexp.MustCompile(`\.param\s+\.(\w+)\s`)
)

// Entries returns the entry points of a PTX file.
func Entries(text string) []Entry {
	var entries []Entry
	for _, m := range entryPattern.FindAllStringSubmatch(text, -1) {
		e := Entry{Name: m[1]}
		for _, p := range paramPattern.FindAllStringSubmatch(m[2], -1) {
			e.Params = append(e.Params, p[1])
		}
		entries = append(entries, e)
	}
	return entries
}

var includePattern = regexp.MustCompile(`(?m)^#include "(.*)"`)

// Digest is a hash of a source file and of all that it includes, which lie in the same folder.
func Digest(path string) (string, error) {
	h := sha256.New()
	seen := map[string]bool{}
	var add func(path string) error
	add = func(path string) error {
		if seen[path] {
			return nil
		}
		seen[path] = true
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(path), len(text))
		io.Copy(h, strings.NewReader(string(text)))
		for _, m := range includePattern.FindAllStringSubmatch(string(text), -1) {
			if err := add(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(path); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16]), nil
}

// Header is the first line of a PTX file of ours.
func Header(source, digest string) string {
	return fmt.Sprintf("// Code generated from %s (sources %s) by go generate ./kernels/cuda. DO NOT EDIT.\n", filepath.Base(source), digest)
}
