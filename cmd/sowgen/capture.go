package main

import (
	"bytes"
	"path/filepath"

	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/picture"
)

// captureFiles are the files that --capture leads to.
func (g *generate) captureFiles() (paths []string) {
	if g.capture == "" {
		return nil
	}
	for _, name := range []string{"masses.csv", "masses.png", "maps.png"} {
		paths = append(paths, filepath.Join(g.capture, name))
	}
	return paths
}

// captured adds what the attention did to the files to be written.
func (g *generate) captured(files []outputFile, c *capture.Capture) ([]outputFile, error) {
	paths := g.captureFiles()
	var table, masses, maps bytes.Buffer
	if err := c.WriteCSV(&table); err != nil {
		return nil, err
	}
	if err := picture.EncodePNG(&masses, c.DrawMasses(), nil); err != nil {
		return nil, err
	}
	if err := picture.EncodePNG(&maps, c.DrawMaps(), nil); err != nil {
		return nil, err
	}
	return append(files, outputFile{paths[0], table.Bytes()}, outputFile{paths[1], masses.Bytes()}, outputFile{paths[2], maps.Bytes()}), nil
}
