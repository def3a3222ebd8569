package cuda

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed ptx/*.ptx
var files embed.FS

// PTX is the code of a module for a GPU of the given compute capability, 75 for 7.5. It fails for modules that do not exist and for GPUs
// older than 7.5, which have no tensor cores that we use.
func PTX(module string, capability int) (string, error) {
	for _, target := range []int{80, 75} {
		if capability < target {
			continue
		}
		if text, err := files.ReadFile(fmt.Sprintf("ptx/%s.sm_%d.ptx", module, target)); err == nil {
			return string(text), nil
		}
	}
	return "", fmt.Errorf("cuda: no code of %q for compute capability %d.%d; 7.5 is the least", module, capability/10, capability%10)
}

// Modules returns the names of all modules.
func Modules() []string {
	var names []string
	entries, _ := files.ReadDir("ptx")
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".sm_75.ptx"); ok {
			names = append(names, name)
		}
	}
	return names
}
