package sow

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/sowgen/sowgen/"

// TestLayering holds who may import whom (ARCHITECTURE.md): each package only those named for it.
func TestLayering(t *testing.T) {
	allowed := map[string][]string{
		"kernels":          {"kernels/"},
		"tensor":           {"kernels", "kernels/cuda"}, // the latter with -tags cuda
		"nn":               {"nn/weights", "tensor"},
		"internal/bounded": {},
		"nn/config":        {"internal/bounded"},
		"nn/weights":       {"kernels", "tensor"},
		"clip":             {"internal/bounded", "nn", "nn/config", "nn/weights", "tensor"},
		"unet":             {"nn", "nn/config", "nn/weights", "tensor"},
		"vae":              {"nn", "nn/config", "nn/weights", "tensor"},
		"sampler":          {"nn/config", "tensor"},
		"sow/builtin":      {},
		"sow/picture":      {"tensor"},
		"sow/plan":         {"internal/bounded"},
		"sow/random":       {"clip", "kernels", "nn/weights", "unet", "vae"},

		"sow/face": {"nn", "nn/weights", "sow/picture", "tensor"},

		"sow/plan/internal/remote": {},
		"sow/plan/gemini":          {"sow/plan", "sow/plan/internal/remote"},
		"sow/plan/openai":          {"sow/plan", "sow/plan/internal/remote"},
		"sow/plan/sketch":          {"sow/plan"},
		"sow/capture":              {},
		"sow/rules":                {"internal/bounded", "sow/picture", "sow/plan", "tensor", "unet"},

		"sow/experiment": {"kernels", "sampler", "sow", "sow/builtin", "sow/capture", "sow/eval", "sow/eval/benchmark", "sow/face", "sow/picture", "sow/plan", "sow/rules", "tensor"},

		"sow/eval": {"internal/bounded", "clip", "nn", "nn/config", "nn/weights", "sow/picture", "tensor"},

		"sow/eval/benchmark": {"sow/eval", "sow/picture"},

		"sow": {"clip", "internal/bounded", "nn/weights", "sampler", "sow/builtin", "sow/capture", "sow/picture", "sow/plan", "sow/rules", "tensor", "unet", "vae"},
	}
	for pkg, want := range allowed {
		for _, dep := range list(t, `{{join .Imports "\n"}}`, module+pkg) {
			if inside, ok := strings.CutPrefix(dep, module); ok {
				ok := slices.ContainsFunc(want, func(w string) bool { return inside == w || strings.HasSuffix(w, "/") && strings.HasPrefix(inside, w) })
				require.True(t, ok, "%s must not import %s", pkg, inside)
			}
		}
	}
}

// TestLibraryStaysLight holds that who imports sow does not get the command line's dependencies, nor a server's or a cloud client's.
func TestLibraryStaysLight(t *testing.T) {
	for _, dep := range list(t, `{{join .Deps "\n"}}`, module+"sow") {
		for _, heavy := range []string{"spf13", "vbauerster", "esimov/pigo", "nats-io", "danielgtaylor/huma", "generative-ai-go", "google.golang.org/genai", "gonum.org/v1/plot", "testify", "runtime/cgo"} {
			// net brings cgo on its own where a C compiler is at hand; ours must not.
			require.NotContains(t, dep, heavy)
		}
	}
}

func list(t *testing.T, format, pkg string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", format, pkg)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}
