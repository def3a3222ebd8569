// Package picture reads, writes, resizes, blends and compares pictures.
//
// A picture is an [image.NRGBA] whose bounds start at (0, 0); a mask is an [image.Gray] of the same kind with 255 where the condition
// is kept and 0 where it is not. Colours are taken as sRGB bytes as they stand: no gamma, no colour profile.
//
// Every file that comes in is treated as hostile: its size, its number of pixels and the memory that decoding it takes are bounded
// before anything is decoded. Every file that goes out is complete or absent.
package picture

import "fmt"

// Error says what is wrong with one picture file and what to do about it, in one line.
type Error struct {
	Path   string // the file, as it was given
	Reason string // what is wrong, with the value
	Fix    string // the way out
	Err    error  // the cause, or nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("picture: %s: %s", e.Path, e.Reason)
	if e.Fix != "" {
		s += ": " + e.Fix
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
