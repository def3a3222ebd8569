package weights

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is a fault in a weights file, in one line.
type Error struct {
	File   string
	Tensor string // "" for the file as a whole
	Reason string // what is wrong, with the value
	Fix    string // the way out
	Err    error  // the cause, or nil
}

func (e *Error) Error() string {
	s := "weights: " + printable(e.File)
	if e.Tensor != "" {
		s += ": tensor " + shorten(e.Tensor)
	}
	s += ": " + e.Reason
	if e.Fix != "" {
		s += ": " + e.Fix
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// The ways out that come up again and again.
const (
	downloadAgain = "the file is damaged or cut off; download or copy it again"
	notThisModel  = "the weights and the config.json are of two models, or of a kind that is not supported"
)

// shorten keeps what a hostile file says from filling the screen or breaking the line.
func shorten(s string) string {
	const most = 200
	if len(s) > most {
		end := most
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + "…"
	}
	return printable(s)
}

// printable quotes s if there is anything in it that is not to be seen.
func printable(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
