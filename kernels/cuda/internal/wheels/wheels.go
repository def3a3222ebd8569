// Package wheels gets the parts of NVIDIA's toolkit that building needs from the Python package index, in exact versions, into the user's
// cache folder, never into this repository.
package wheels

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Headers returns the folder of cuda.h. gorgonia.org/cu wants that of CUDA 12.
func Headers() (string, error) {
	folder, err := Install("nvidia-cuda-runtime-cu12==12.9.79")
	return filepath.Join(folder, "nvidia", "cuda_runtime", "include"), err
}

// Install returns the folder in which the packages, each "name==version", are unpacked. It wants pip, the first time also the index.
func Install(packages ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "sowgen", strings.ReplaceAll(packages[0], "==", "-"))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(folder), "unfinished-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	pip := exec.Command("python3", append([]string{"-m", "pip", "install", "--quiet", "--no-deps", "--target", unfinished}, packages...)...)
	if out, err := pip.CombinedOutput(); err != nil {
		return "", fmt.Errorf("pip: %w\n%s", err, out)
	}
	return folder, os.Rename(unfinished, folder)
}
