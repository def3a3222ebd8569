package picture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes the file at path out of what write writes. It goes to a temporary file in the same folder, which is renamed when it is
// complete: whatever fails, there is no half-written file, and a file that was there before is whole. An existing file is refused unless
// force is set; what is not a regular file (a folder, a device) always is. The error is an [*Error] about path.
func WriteFile(path string, force bool, write func(io.Writer) error) (err error) {
	target, err := checkOutput(path, force)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(target), ".sowgen-*.tmp")
	if err != nil {
		return outputError(path, err)
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	buffer := bufio.NewWriter(tmp)
	err = write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close(), os.Chmod(tmp.Name(), 0o644))
	if err != nil {
		return outputError(path, err)
	}
	if force {
		err = os.Rename(tmp.Name(), target)
	} else {
		err = renameNew(tmp.Name(), target)
	}
	if err != nil {
		return outputError(path, err)
	}
	return nil
}

// renameNew renames unless the target has come to exist in the meantime, as far as the file system can tell: a hard link refuses an
// existing name, a rename does not, and some file systems have no links.
func renameNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// CheckOutput tells before a long run whether [WriteFile] could write path, by the same rules and with the same errors.
func CheckOutput(path string, force bool) error {
	target, err := checkOutput(path, force)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(target), ".sowgen-*.tmp")
	if err != nil {
		return outputError(path, err)
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// checkOutput returns the file to write: path, or what it links to.
func checkOutput(path string, force bool) (target string, err error) {
	if path == "" {
		return "", &Error{Path: `""`, Reason: "is not a file name", Fix: "name the file to write"}
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Error{Path: path, Reason: fmt.Sprintf("the folder %s does not exist", dir), Fix: "create it or write elsewhere", Err: err}
	case err != nil:
		return "", outputError(path, err)
	case !info.IsDir():
		return "", &Error{Path: path, Reason: dir + " is not a folder", Fix: "write elsewhere"}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	case err != nil:
		return "", outputError(path, err)
	case info.IsDir():
		return "", &Error{Path: path, Reason: "is a folder", Fix: "name a file in it"}
	case !info.Mode().IsRegular():
		return "", &Error{Path: path, Reason: "is a device or a pipe, not a file", Fix: "name a file"}
	case !force:
		return "", outputError(path, fs.ErrExist)
	}
	return filepath.EvalSymlinks(path)
}

func outputError(path string, err error) error {
	e := &Error{Path: path, Reason: err.Error(), Err: err}
	var sys *fs.PathError
	switch {
	case errors.Is(err, fs.ErrExist):
		e.Reason, e.Fix = "exists already", "give --force to replace it, or another name"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Fix = "may not be written", "change the permissions of its folder or write elsewhere"
	case errors.As(err, &sys):
		e.Reason = sys.Err.Error()
	}
	return e
}
