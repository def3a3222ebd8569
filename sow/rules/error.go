package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Error is something in a program that cannot be carried out.
type Error struct {
	Path  string // where, as in "rules[2].strength[0]"
	Value any    // what stands there; "" if that says nothing
	Want  string
}

func (e *Error) Error() string {
	words := []string{e.Path}
	if value := text(e.Value); value != "" {
		words = append(words, value)
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ") + ": " + e.Want
}

// text is a value as messages show it.
func text(v any) string { return fmt.Sprint(v) }

// quoted is a text of a file as messages show it, cut where it is long.
func quoted(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return strconv.Quote(s)
}

// pathOf is the path of an entry of a list.
func pathOf(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// join is the path of an entry of an object.
func join(object, key string) string {
	if object == "" {
		return key
	}
	return object + "." + key
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
