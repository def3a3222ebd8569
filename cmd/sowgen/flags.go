package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// The values of flags that are neither numbers nor free text. Each implements [github.com/spf13/pflag.Value].

// choice is one word of a few.
type choice[T ~string] struct {
	value   *T
	allowed []T
}

func (c choice[T]) String() string { return string(*c.value) }
func (c choice[T]) Type() string   { return strings.Join(c.words(), "|") }

func (c choice[T]) words() (words []string) {
	for _, a := range c.allowed {
		words = append(words, string(a))
	}
	return words
}

func (c choice[T]) Set(s string) error {
	if !slices.Contains(c.allowed, T(s)) {
		words := c.words()
		last := len(words) - 1
		return fmt.Errorf("want %s or %s", strings.Join(words[:last], ", "), words[last])
	}
	*c.value = T(s)
	return nil
}

// sizeValue is WxH.
type sizeValue struct{ width, height *int }

func (v sizeValue) String() string { return fmt.Sprintf("%dx%d", *v.width, *v.height) }
func (v sizeValue) Type() string   { return "WxH" }

func (v sizeValue) Set(s string) error {
	sides, err := numbers(strings.Split(strings.NewReplacer("X", "x", "×", "x").Replace(s), "x"))
	if err != nil || len(sides) != 2 {
		return errors.New("want width x height in pixels, such as 512x512")
	}
	*v.width, *v.height = sides[0], sides[1]
	return nil
}

// numbers reads whole numbers of at most 32 bits, so that sums of two stay in range.
func numbers(words []string) (n []int, err error) {
	for _, w := range words {
		v, err := strconv.ParseInt(strings.TrimSpace(w), 10, 32)
		if err != nil {
			return nil, err
		}
		n = append(n, int(v))
	}
	return n, nil
}

// bytesValue is an amount of memory.
type bytesValue struct{ bytes *int64 }

func (v bytesValue) String() string {
	if v.bytes == nil || *v.bytes == 0 {
		return ""
	}
	return short(*v.bytes, "B")
}
func (v bytesValue) Type() string { return "SIZE" }

func (v bytesValue) Set(s string) error {
	number := strings.TrimRight(strings.ToLower(s), "ib ")
	scale := 1.0
	for unit, size := range map[string]float64{"m": 1e6, "g": 1e9, "t": 1e12} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, scale = n, size
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n*scale >= 1e6 && n*scale < 1e15) {
		return errors.New("want an amount of memory of at least a megabyte, such as 3GB or 800MB")
	}
	*v.bytes = int64(n * scale)
	return nil
}

// seedValue is a number, or random.
type seedValue struct {
	value  *uint64
	chosen *bool
}

func (v seedValue) String() string {
	if v.chosen == nil || !*v.chosen {
		return "random"
	}
	return strconv.FormatUint(*v.value, 10)
}
func (v seedValue) Type() string { return "N" }

func (v seedValue) Set(s string) (err error) {
	*v.chosen = s != "random" && s != "-1"
	if !*v.chosen {
		return nil
	}
	if *v.value, err = strconv.ParseUint(s, 10, 64); err != nil {
		return fmt.Errorf("want a whole number, 0 … %d, or random", uint64(math.MaxUint64))
	}
	return nil
}

// randomSeed draws a seed of 32 bits: all that torch's generator looks at, and short enough to be typed.
func randomSeed() uint64 { return uint64(rand.Uint32()) }

// deviceValue is what networks run on, as tensor.OpenEngine takes it.
type deviceValue struct{ name *string }

func (v deviceValue) String() string { return *v.name }
func (v deviceValue) Type() string   { return "cpu|cuda|cuda:N" }

var devicePattern = regexp.MustCompile(`^(cpu|cuda(:[0-9]{1,3})?)$`)

func (v deviceValue) Set(s string) error {
	if !devicePattern.MatchString(s) {
		return errors.New("want cpu, cuda or, for the second GPU, cuda:1")
	}
	*v.name = s
	return nil
}

// on has work done on a device, which is let go of afterwards, also if the work fails.
func on(device string, p tensor.Precision, work func(tensor.Engine) error) (err error) {
	e, release, err := tensor.OpenEngine(device, p)
	if err != nil {
		return err
	}
	defer func() {
		if released := release(); err == nil {
			err = released
		}
	}()
	return work(e)
}

// precisionValue is how an engine multiplies.
type precisionValue struct{ value *tensor.Precision }

func (v precisionValue) String() string { return v.value.String() }
func (v precisionValue) Type() string   { return strings.Join(v.words(), "|") }
func (v precisionValue) words() (words []string) {
	for _, p := range tensor.Precisions() {
		words = append(words, p.String())
	}
	return words
}

func (v precisionValue) Set(s string) error {
	if v.value.UnmarshalText([]byte(s)) != nil {
		return errors.New("want f32, mixed or f16")
	}
	return nil
}

// maxThreads bounds --threads: more than any machine has.
const maxThreads = 256

func setThreads(n int) error {
	if n < 0 || n > maxThreads {
		return wrongFlag("threads", n, fmt.Sprintf("want 0 (all) … %d", maxThreads))
	}
	kernels.SetThreads(n)
	return nil
}
