package random

import (
	"io"
	"io/fs"
	"path"
	"time"
)

// folder is a file system of files that can be read at an offset, by path. It cannot be listed.
type folder map[string]content

// content is a file's; nil for a folder.
type content struct {
	io.ReaderAt
	size int64
}

// add puts a file and the folders above it there.
func (f folder) add(name string, c content) {
	f[name] = c
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		f[dir] = content{}
		if dir == "." {
			return
		}
	}
}

// Open implements fs.FS.
func (f folder) Open(name string) (fs.File, error) {
	c, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if c.ReaderAt == nil {
		return directory{name}, nil
	}
	return &file{io.NewSectionReader(c, 0, c.size), name}, nil
}

// file is an open file.
type file struct {
	*io.SectionReader
	name string
}

func (f *file) Stat() (fs.FileInfo, error) { return info{f.name, f.Size()}, nil }
func (f *file) Close() error               { return nil }

type directory struct{ name string }

func (d directory) Stat() (fs.FileInfo, error) { return info{d.name, -1}, nil }
func (d directory) Close() error               { return nil }

func (d directory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

// info is about a file or, if its size is negative, a folder.
type info struct {
	name string
	size int64
}

func (i info) Name() string       { return path.Base(i.name) }
func (i info) Size() int64        { return max(i.size, 0) }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.size < 0 }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
