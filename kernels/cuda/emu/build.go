// Package emu builds a driver that emulates a GPU on the CPU, for tests: a libcuda.so.1 that takes our PTX and runs the sources that it was
// made from, compiled by the C++ compiler at hand with every thread a fiber and every access checked. driver.cc says what can be
// injected, docs/cuda.md what this proves and what it does not.
package emu

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/sowgen/sowgen/kernels/cuda/internal/ptx"
)

// Source is the folder of the kernels, kernels/cuda, Notes that of the versions that came before them, and Faulty that of kernels that do what the
// emulator has to notice.
func Source() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(file))
}
func Notes() string  { return filepath.Join(Source(), "notes") }
func Faulty() string { return filepath.Join(Source(), "emu", "testdata") }

// common is how everything is compiled: for this machine, with the floating-point rules of CUDA's compiler.
var common = []string{"-std=c++17", "-O2", "-march=native", "-fno-strict-aliasing", "-fPIC", "-shared", "-Wall"}

// ofKernels is how kernels are compiled besides. What one does not use of its headers is not its fault.
var ofKernels = []string{
	"-fvisibility=hidden", "-fno-gnu-unique", "-fno-exceptions", "-Wno-unused-function", "-Wno-unused-variable", "-Wno-unknown-pragmas",
}

// checked has every access looked at: see checks.cc.
var checked = []string{
	"-fsanitize=kernel-address,alignment", "--param", "asan-instrumentation-with-call-threshold=0", "--param", "asan-globals=0", "--param", "asan-stack=0",
}

// Build returns the folder of a driver that runs the kernels of the given folders, with their PTX in ptx below them if there is any; include is where
// cuda.h lies. It is in the user's cache folder, and what has not changed is not compiled again, wherever it lies. Without checks it is several times
// as fast, and a kernel that goes astray is not noticed, or kills the program.
func Build(include string, checks bool, sources ...string) (folder string, err error) {
	return build(include, checks, Part{}, sources)
}

// Part is a kernel file that stands for the one of its name, of which only some kernels are compiled, to be run a little.
type Part struct {
	File    string
	Kernels *regexp.Regexp // what their names match
}

// BuildPart is [Build], with every check, for a part.
func BuildPart(include string, part Part, sources ...string) (folder string, err error) {
	return build(include, true, part, sources)
}

func build(include string, checks bool, part Part, sources []string) (folder string, err error) {
	if _, err := exec.LookPath("g++"); err != nil {
		return "", errors.New("the emulated driver wants g++")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	b := builder{filepath.Join(cache, "sowgen", "emulator"), filepath.Join(Source(), "emu"), include, ofKernels}
	if checks {
		b.flags = append(b.flags[:len(b.flags):len(b.flags)], checked...)
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return "", err
	}
	driver, err := b.driver()
	if err != nil {
		return "", err
	}
	var kernels []string
	for _, source := range sources {
		found, err := filepath.Glob(filepath.Join(source, "*.cu"))
		if err != nil {
			return "", err
		}
		kernels = append(kernels, found...)
	}
	libraries, faults := make([]string, len(kernels)), make([]error, len(kernels))
	var group sync.WaitGroup
	for i, path := range kernels {
		b, of := b, every
		if filepath.Base(path) == filepath.Base(part.File) {
			path, of = part.File, part.Kernels
			b.flags = append(b.flags[:len(b.flags):len(b.flags)], "-O1")
		}
		group.Go(func() { libraries[i], faults[i] = b.kernels(path, of, driver) })
	}
	group.Wait()
	if err := errors.Join(faults...); err != nil {
		return "", err
	}
	folder = filepath.Join(b.cache, fmt.Sprintf("%x", sha256.Sum256([]byte(driver+strings.Join(libraries, "")))))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	if err := link(driver, filepath.Join(folder, "libcuda.so.1")); err != nil {
		return "", err
	}
	for i, path := range kernels {
		if err := link(libraries[i], filepath.Join(folder, strings.TrimSuffix(filepath.Base(path), ".cu")+".so")); err != nil {
			return "", err
		}
	}
	return folder, nil
}

var every = regexp.MustCompile("")

type builder struct {
	cache, emu, include string
	flags               []string // of the kernels
}

func (b builder) driver() (string, error) {
	args := append([]string{"-Wl,-soname,libcuda.so.1", "-I" + b.include}, common...)
	content := ""
	for _, name := range []string{"cuda_on_cpu.h", "entry.h", "machine.h", "driver.cc", "memory.cc", "fibers.cc", "checks.cc"} {
		text, err := os.ReadFile(filepath.Join(b.emu, name))
		if err != nil {
			return "", err
		}
		content += string(text)
		if strings.HasSuffix(name, ".cc") {
			args = append(args, filepath.Join(b.emu, name))
		}
	}
	return b.compile(content, append(args, "-ldl"))
}

// kernels compiles those of one source that match to a library of its own, whose shared memory is its .bss.
func (b builder) kernels(path string, of *regexp.Regexp, driver string) (string, error) {
	digest, err := ptx.Digest(path)
	if err != nil {
		return "", err
	}
	names := map[string]bool{}
	unit := fmt.Sprintf("#define KERNEL_FILE\n#include \"cuda_on_cpu.h\"\n#include %q\n#include \"entry.h\"\nstatic const Entry entries[] = {\n", filepath.Base(path))
	count := 0
	texts, err := filepath.Glob(filepath.Join(filepath.Dir(path), "ptx", strings.TrimSuffix(filepath.Base(path), ".cu")+".sm_*.ptx"))
	if err != nil {
		return "", err
	}
	var compiled []string
	for _, text := range texts {
		data, err := os.ReadFile(text)
		if err != nil {
			return "", err
		}
		compiled = append(compiled, string(data))
	}
	if len(texts) == 0 {
		outline, err := ptx.Outline(path)
		if err != nil {
			return "", err
		}
		compiled = append(compiled, outline)
	}
	for _, text := range compiled {
		for _, e := range ptx.Entries(text) {
			if !names[e.Name] {
				names[e.Name] = true
				entry := "LEFT_OUT"
				if of.MatchString(e.Name) {
					entry = "ENTRY"
				}
				unit += entry + "(" + e.Name + "),\n"
				count++
			}
		}
	}
	unit += fmt.Sprintf("};\nextern \"C\" __attribute__((visibility(\"default\"))) const Object object = {entries, %d, __bss_start, _end, dynamic_shared_bytes};\n", count)
	content := unit + digest
	for _, name := range []string{"cuda_on_cpu.h", "entry.h"} {
		text, err := os.ReadFile(filepath.Join(b.emu, name))
		if err != nil {
			return "", err
		}
		content += string(text)
	}
	file, err := os.CreateTemp("", "*.cc")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(unit); err != nil {
		return "", err
	}
	file.Close()
	args := append([]string{"-I" + b.emu, "-I" + filepath.Dir(path), file.Name(), driver}, common...)
	return b.compile(content, append(args, b.flags...))
}

// compiler is what the C++ compiler says of itself.
var compiler = sync.OnceValues(func() ([]byte, error) { return exec.Command("g++", "-v").CombinedOutput() })

// compile returns a library made of content, by the arguments.
func (b builder) compile(content string, args []string) (string, error) {
	version, err := compiler()
	if err != nil {
		return "", err
	}
	flags := append(append([]string{}, common...), b.flags...)
	path := filepath.Join(b.cache, fmt.Sprintf("%x.so", sha256.Sum256([]byte(content+string(version)+strings.Join(flags, " ")))))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unfinished, err := os.CreateTemp(b.cache, "unfinished-")
	if err != nil {
		return "", err
	}
	defer os.Remove(unfinished.Name())
	unfinished.Close()
	if out, err := exec.Command("g++", append(args, "-o", unfinished.Name())...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("g++ %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return path, os.Rename(unfinished.Name(), path)
}

// link gives a file another name, which it may have already.
func link(from, to string) error {
	if err := os.Symlink(from, to); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
