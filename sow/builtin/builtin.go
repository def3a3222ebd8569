// Package builtin carries a small Stable Diffusion inside the binary: 128×128 pictures of drawn people in drawn places, trained from
// procedural pictures by the recipe in the folder train. It shows the method at work without a download; it is no photographic model.
package builtin

import (
	"embed"
	"io/fs"
)

//go:embed model
var files embed.FS

//go:embed probe
var probe embed.FS

// Model is the model's folder in the diffusers layout.
var Model fs.FS = sub(files, "model")

// Probe is the folder of the attribute classifier that was trained on the same pictures.
var Probe fs.FS = sub(probe, "probe")

func sub(fsys fs.FS, dir string) fs.FS {
	s, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // an invalid name: impossible for the constants above
	}
	return s
}
