package config_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/config"
)

func ExampleRead() {
	fsys := fstest.MapFS{"config.json": {Data: []byte(`{"channels": 320, "heads": [5, 10], "act_fn": "silu", "_class_name": "Net"}`)}}
	cfg := struct {
		Channels int         `json:"channels"`
		Heads    config.Ints `json:"heads"`
		Layers   int         `json:"layers"`
	}{Layers: 2} // a default, for a key that is missing

	if err := config.Read(fsys, "config.json", &cfg, map[string]any{"act_fn": "silu"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Channels, cfg.Heads, cfg.Layers)

	// A key that would make another network is refused by name.
	fmt.Println(config.Read(fsys, "config.json", &cfg, map[string]any{"act_fn": "gelu"}))
	// Output:
	// 320 [5 10] 2
	// config.json: "act_fn": "silu" is not supported, only "gelu"
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                      "want a JSON object",
		`null`:                  "want a JSON object",
		`[1]`:                   "want a JSON object",
		`{"n": "many"}`:         `"n": want a whole number`,
		`{"n": 1.5}`:            `"n": want a whole number`,
		`{"list": [1, "two"]}`:  "want whole numbers",
		`{"list": {}}`:          "want a whole number or a list",
		`{"fixed": 2}`:          `"fixed": 2 is not supported, only 1`,
		`{"none": "something"}`: `"none": "something" is not supported (leave it out)`,
	} {
		var dst struct {
			N    int         `json:"n"`
			List config.Ints `json:"list"`
		}
		require.ErrorContains(t, config.Decode([]byte(text), &dst, map[string]any{"fixed": 1, "none": nil}), want, text)
	}
}

func TestDecodeKeepsDefaultsWhereNullStands(t *testing.T) {
	dst := struct {
		N int `json:"n"`
	}{7}
	require.NoError(t, config.Decode([]byte(`{"n": null, "fixed": null, "other": [1, {}]}`), &dst, map[string]any{"fixed": 1}))
	require.Equal(t, 7, dst.N)
	require.NoError(t, config.Decode([]byte(`{"fixed": 1.0}`), &dst, map[string]any{"fixed": 1}), "1.0 is 1")
}

func TestReadRefusesWhatIsNoConfig(t *testing.T) {
	fsys := fstest.MapFS{"big.json": {Data: []byte(strings.Repeat(" ", 2<<20))}}
	require.ErrorContains(t, config.Read(fsys, "none.json", &struct{}{}, nil), "none.json: no such file")
	require.ErrorContains(t, config.Read(fsys, "big.json", &struct{}{}, nil), "big.json: over")
}

func TestEach(t *testing.T) {
	one, err := config.Ints{8}.Each("heads", 3)
	require.NoError(t, err)
	require.Equal(t, []int{8, 8, 8}, one)
	_, err = config.Ints{1, 2}.Each("heads", 3)
	require.ErrorContains(t, err, `"heads": want one number or 3, got 2`)
}

func TestCheckStopsAtTheFirst(t *testing.T) {
	var c config.Check
	c.Int("a", 5, 0, 9)
	require.NoError(t, c.Err())
	c.Divides("groups", 0, 8)
	c.OneOf("type", "x", "y")
	require.ErrorContains(t, c.Err(), `"groups"`)
}
