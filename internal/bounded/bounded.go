// Package bounded reads files that people and other programs write, and that are small if they are what they should be: one that is not
// neither fills the memory nor is cut off unseen.
package bounded

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile reads a file of at most most bytes. Errors are of type [*fs.PathError]; that of a larger file tells that it is not what is expected, as
// "a plan".
func ReadFile(name string, most int64, what string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return read(f, name, most, what)
}

// ReadFS is [ReadFile] of a file in fsys.
func ReadFS(fsys fs.FS, name string, most int64, what string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	return read(f, name, most, what)
}

func read(f io.ReadCloser, name string, most int64, what string) ([]byte, error) {
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("over %d bytes: not %s", most, what)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
