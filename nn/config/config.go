// Package config reads the config.json of a model's component: the keys a model builds from, with diffusers' defaults for those that are
// missing, and the keys it must refuse because they name a network it does not build. Keys that change no number are ignored.
package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/internal/bounded"
)

// maxSize bounds a config file: real ones have a few kilobytes.
const maxSize = 1 << 20

// Read decodes the JSON object in file name of fsys into dst, a pointer to a struct that holds the defaults. fixed lists keys whose
// other values would be another network: each must be absent, null or equal to the value given.
func Read(fsys fs.FS, name string, dst any, fixed map[string]any) error {
	data, err := bounded.ReadFS(fsys, name, maxSize, "a config file")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file: a model folder in the diffusers layout has it", name)
	}
	if err != nil {
		return err
	}
	if err := Decode(data, dst, fixed); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Decode is [Read] on the bytes themselves.
func Decode(data []byte, dst any, fixed map[string]any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("want a JSON object: %w", err)
	}
	if all == nil {
		return errors.New("want a JSON object, got null")
	}
	for _, key := range slices.Sorted(maps.Keys(fixed)) {
		raw, ok := all[key]
		if !ok || string(raw) == "null" {
			continue
		}
		want, err := json.Marshal(fixed[key])
		if err != nil {
			return err
		}
		if !sameJSON(raw, want) {
			if string(want) == "null" {
				return fmt.Errorf("%q: %s is not supported (leave it out)", key, clip(raw))
			}
			return fmt.Errorf("%q: %s is not supported, only %s", key, clip(raw), want)
		}
	}
	// null means "not set" wherever it stands, as in Python.
	maps.DeleteFunc(all, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	rest, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(rest, dst); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return fmt.Errorf("%q: want %s, got a %s", wrong.Field, plain(wrong.Type), wrong.Value)
		}
		return err
	}
	return nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func clip(raw []byte) string {
	if len(raw) > 80 {
		return string(raw[:80]) + "…"
	}
	return string(raw)
}

func plain(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "a " + strings.ToLower(t.Kind().String())
}

// Ints is a whole number or a list of them: `8` and `[5, 10, 20, 20]` are both attention_head_dim in the wild.
type Ints []int

// UnmarshalJSON implements json.Unmarshaler.
func (v *Ints) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		var list []int
		if err := json.Unmarshal(data, &list); err != nil {
			return fmt.Errorf("want whole numbers, got %s", clip(data))
		}
		*v = list
		return nil
	}
	var one int
	if err := json.Unmarshal(data, &one); err != nil {
		return fmt.Errorf("want a whole number or a list of them, got %s", clip(data))
	}
	*v = Ints{one}
	return nil
}

// Each returns n numbers: the list itself if it has that many, the single number n times, or an error.
func (v Ints) Each(key string, n int) ([]int, error) {
	switch len(v) {
	case n:
		return v, nil
	case 1:
		return slices.Repeat(v, n), nil
	}
	return nil, fmt.Errorf("%q: want one number or %d, got %d", key, n, len(v))
}

// Limits that no real model comes near: beyond them a config is broken or hostile, and is refused before anything is allocated.
const (
	MaxChannels = 1 << 15
	MaxLayers   = 256
)

// Check is a list of range checks that stops at the first failure.
type Check struct{ err error }

// Int records an error unless lo ≤ v ≤ hi.
func (c *Check) Int(key string, v, lo, hi int) {
	if c.err == nil && (v < lo || v > hi) {
		c.err = fmt.Errorf("%q: %d is out of range, want %d … %d", key, v, lo, hi)
	}
}

// Float records an error unless lo ≤ v ≤ hi (NaN fails).
func (c *Check) Float(key string, v, lo, hi float64) {
	if c.err == nil && !(v >= lo && v <= hi) {
		c.err = fmt.Errorf("%q: %g is out of range, want %g … %g", key, v, lo, hi)
	}
}

// Divides records an error unless d divides v.
func (c *Check) Divides(key string, d, v int) {
	if c.err == nil && (d < 1 || v%d != 0) {
		c.err = fmt.Errorf("%q: %d does not divide %d channels", key, d, v)
	}
}

// OneOf records an error unless v is one of allowed.
func (c *Check) OneOf(key, v string, allowed ...string) {
	if c.err == nil && !slices.Contains(allowed, v) {
		c.err = fmt.Errorf("%q: %q is not supported, only %s", key, v, strings.Join(allowed, ", "))
	}
}

// Add records err, if any.
func (c *Check) Add(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Err returns the first failure.
func (c *Check) Err() error { return c.err }
