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

var sourcePattern = regexp.MustCompile(`(?s)extern "C" __global__ void __launch_bounds__\((\d+)\)\s+(\w+)\((.*?)\)`)

// Outline is what the emulated driver reads of the PTX that would be made of a source: its entry points with their parameters and threads, without
// code. Bounds of threads must be numbers, and parameters what device.cuh names.
func Outline(path string) (string, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := Header(path, "in outline") + "\n.version 7.0\n.target sm_75\n.address_size 64\n"
	for _, m := range sourcePattern.FindAllStringSubmatch(string(source), -1) {
		var params []string
		for i, declaration := range strings.Split(m[3], ",") {
			kind := map[bool]string{true: "u64", false: "u32"}[strings.Contains(declaration, "*") || strings.Contains(declaration, "uint64 ")]
			if strings.HasPrefix(strings.TrimSpace(declaration), "float ") {
				kind = "f32"
			}
			params = append(params, fmt.Sprintf("\t.param .%s %s_param_%d", kind, m[2], i))
		}
		text += fmt.Sprintf("\n.visible .entry %s(\n%s\n)\n.maxntid %s, 1, 1\n{\n}\n", m[2], strings.Join(params, ",\n"), m[1])
	}
	return text, nil
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
