package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sowgen/sowgen/kernels/cuda"
	"github.com/sowgen/sowgen/kernels/cuda/internal/section"
)

// gpu is what a multiprocessor has, by NVIDIA's tuning guides.
type gpu struct {
	name              string
	arch              string // whose code is looked at; the RTX 4090's, sm_89, takes much the same as sm_80's
	threads, blocks   int    // at a time
	shared, perBlock  int    // bytes altogether, and that each block takes besides its own
	registers, warpBy int    // 32-bit registers, and in what portions a warp has them
}

var gpus = []gpu{
	{"A100", "sm_80", 2048, 32, 164 << 10, 1 << 10, 65536, 256},
	{"RTX 4090", "sm_80", 1536, 24, 100 << 10, 1 << 10, 65536, 256},
	{"H100", "sm_90", 2048, 32, 228 << 10, 1 << 10, 65536, 256},
}

var archs = []string{"sm_80", "sm_90"}

// usage is what a kernel takes on an architecture.
type usage struct{ registers, shared, spills int }

// held is how many blocks of that many threads a multiprocessor holds.
func (g gpu) held(u usage, threads int) int {
	warps := (threads + 31) / 32
	perWarp := (u.registers*32 + g.warpBy - 1) / g.warpBy * g.warpBy
	return min(g.blocks, g.threads/(32*warps), g.registers/(perWarp*warps), g.shared/(u.shared+g.perBlock))
}

var (
	entryLine    = regexp.MustCompile(`Compiling entry function '(\w+)'`)
	spillLine    = regexp.MustCompile(`(\d+) bytes spill stores, (\d+) bytes spill loads`)
	usedLine     = regexp.MustCompile(`Used (\d+) registers`)
	smemLine     = regexp.MustCompile(`(\d+) bytes smem`)
	threadsLine  = regexp.MustCompile(`(?s)\.entry (\w+)\(.*?\.maxntid (\d+)`)
	kernelsOrder = regexp.MustCompile(`\.entry (\w+)\(`)
)

// resources asks ptxas what every kernel takes, writes the table in docs/cuda.md, and fails on any spill.
func resources(bin string) error {
	var table strings.Builder
	fmt.Fprint(&table, "| kernel | threads | shared memory |")
	for _, arch := range archs {
		fmt.Fprintf(&table, " registers %s |", arch)
	}
	for _, g := range gpus {
		fmt.Fprintf(&table, " %s: blocks, occupancy |", g.name)
	}
	fmt.Fprintf(&table, "\n|---|--:|--:|%s\n", strings.Repeat("--:|", len(archs)+len(gpus)))
	var spilled []string
	modules := cuda.Modules()
	asked := make([]answer, len(modules)*len(archs))
	var all sync.WaitGroup
	for i := range asked {
		all.Go(func() { asked[i] = ask(bin, modules[i/len(archs)], archs[i%len(archs)]) })
	}
	all.Wait()
	for i := range modules {
		used := map[string]map[string]usage{} // by architecture and kernel
		var text string
		for j, arch := range archs {
			a := asked[i*len(archs)+j]
			if a.err != nil {
				return a.err
			}
			used[arch], text = a.used, a.text
			for kernel, u := range used[arch] {
				if u.spills > 0 {
					spilled = append(spilled, fmt.Sprintf("%s on %s: %d bytes", kernel, arch, u.spills))
				}
			}
		}
		threads := map[string]int{}
		for _, m := range threadsLine.FindAllStringSubmatch(text, -1) {
			threads[m[1]], _ = strconv.Atoi(m[2])
		}
		for _, m := range kernelsOrder.FindAllStringSubmatch(text, -1) {
			kernel := m[1]
			fmt.Fprintf(&table, "| %s | %d | %d |", kernel, threads[kernel], used[archs[0]][kernel].shared)
			for _, arch := range archs {
				fmt.Fprintf(&table, " %d |", used[arch][kernel].registers)
			}
			for _, g := range gpus {
				held := g.held(used[g.arch][kernel], threads[kernel])
				fmt.Fprintf(&table, " %d, %.0f %% |", held, 100*float64(held*threads[kernel])/float64(g.threads))
			}
			fmt.Fprintln(&table)
		}
	}
	if err := section.Write("../../docs/cuda.md", "resources", table.String()); err != nil {
		return err
	}
	if len(spilled) > 0 {
		return fmt.Errorf("registers are spilled:\n%s", strings.Join(spilled, "\n"))
	}
	return nil
}

// answer is what the kernels of a module take on an architecture, and the module's PTX there.
type answer struct {
	used map[string]usage // by kernel
	text string
	err  error
}

// ask asks ptxas about a module.
func ask(bin, module, arch string) answer {
	path := filepath.Join("ptx", module+".sm_80.ptx")
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join("ptx", module+".sm_75.ptx")
	}
	return askFile(bin, path, arch)
}

// askFile asks it about a PTX file.
func askFile(bin, path, arch string) answer {
	text, err := os.ReadFile(path)
	if err != nil {
		return answer{err: err}
	}
	out, err := exec.Command(filepath.Join(bin, "ptxas"), "-v", "-arch="+arch, "-o", os.DevNull, path).CombinedOutput()
	if err != nil {
		return answer{err: fmt.Errorf("ptxas %s: %w\n%s", path, err, out)}
	}
	used := map[string]usage{}
	kernel := ""
	for line := range strings.Lines(string(out)) {
		u := used[kernel]
		if m := entryLine.FindStringSubmatch(line); m != nil {
			kernel = m[1]
			u = usage{}
		}
		if m := spillLine.FindStringSubmatch(line); m != nil {
			stores, _ := strconv.Atoi(m[1])
			loads, _ := strconv.Atoi(m[2])
			u.spills += stores + loads
		}
		if m := usedLine.FindStringSubmatch(line); m != nil {
			u.registers, _ = strconv.Atoi(m[1])
			if m := smemLine.FindStringSubmatch(line); m != nil {
				u.shared, _ = strconv.Atoi(m[1])
			}
		}
		if kernel != "" {
			used[kernel] = u
		}
	}
	return answer{used, string(text), nil}
}
