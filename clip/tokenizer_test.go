package clip

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
)

// tokenizerFiles is a folder of the named files of testdata/tokenizer, with more files laid over them.
func tokenizerFiles(t testing.TB, names []string, over map[string]string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range names {
		b, err := os.ReadFile("testdata/tokenizer/" + name)
		require.NoError(t, err)
		files["tokenizer/"+name] = &fstest.MapFile{Data: b}
	}
	for name, text := range over {
		files["tokenizer/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

var twoFiles = []string{"vocab.json", "merges.txt"}

type tokenizerGolden struct {
	Files map[string]string
	Pad   int32
	Size  int
	Texts []struct {
		Text    string
		IDs     []int32
		Decoded string
	}
	Fitted []struct {
		Text   string
		Length int
		IDs    []int32
		Cut    string
	}
}

func readTokenizerGolden(t testing.TB) (g map[string]tokenizerGolden) {
	t.Helper()
	b, err := os.ReadFile("testdata/tokenizer_golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &g))
	return g
}

func TestTokenizerIsTransformers(t *testing.T) {
	for name, g := range readTokenizerGolden(t) {
		t.Run(name, func(t *testing.T) {
			tok, err := LoadTokenizer(tokenizerFiles(t, twoFiles, g.Files), "tokenizer")
			require.NoError(t, err)
			g.hold(t, tok)
		})
	}
}

// TestTokenizerJSON reads what transformers 5 saves: everything in tokenizer.json, which counts even beside other files.
func TestTokenizerJSON(t *testing.T) {
	g := readTokenizerGolden(t)["sd2"]
	config := map[string]string{"tokenizer_config.json": `{"pad_token": "!", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}`}
	tok, err := LoadTokenizer(tokenizerFiles(t, []string{"tokenizer.json"}, config), "tokenizer")
	require.NoError(t, err)
	g.hold(t, tok)

	config["merges.txt"] = "not merges at all"
	_, err = LoadTokenizer(tokenizerFiles(t, []string{"tokenizer.json"}, config), "tokenizer")
	require.NoError(t, err)
}

func (g tokenizerGolden) hold(t *testing.T, tok *Tokenizer) {
	require.Equal(t, g.Size, tok.Size())
	for _, want := range g.Texts {
		ids, cut := tok.Encode(want.Text, len(want.IDs)+1)
		require.Equal(t, append(want.IDs, g.Pad), ids, "%q", want.Text)
		require.Empty(t, cut)
		require.Equal(t, want.Decoded, tok.Decode(want.IDs), "%q", want.Text)
	}
	for _, want := range g.Fitted {
		ids, cut := tok.Encode(want.Text, want.Length)
		require.Equal(t, want.IDs, ids, "%q in %d", want.Text, want.Length)
		require.Equal(t, want.Cut, cut, "%q in %d", want.Text, want.Length)
	}
}

func TestEncodeInvalidUTF8(t *testing.T) {
	tok := loadTestTokenizer(t)
	got, _ := tok.Encode("a\xffb", 9)
	want, _ := tok.Encode("a\uFFFDb", 9)
	require.Equal(t, want, got)
}

// TestEncodeLongWord: a word of a million letters must not cost a square of that.
func TestEncodeLongWord(t *testing.T) {
	tok := loadTestTokenizer(t)
	start := time.Now()
	_, cut := tok.Encode(strings.Repeat("ab", 250_000), 77)
	require.Less(t, time.Since(start), 30*time.Second)
	require.Greater(t, len(cut), 400_000)
}

func TestEncodeTooShort(t *testing.T) {
	tok := loadTestTokenizer(t)
	encode := func() (err error) {
		defer tensor.Catch(&err)
		tok.Encode("a", 1)
		return nil
	}
	require.EqualError(t, encode(), "tensor: clip.Tokenizer.Encode: length 1: want at least 2 positions")
}

func TestDecodeSkipsUnknownIDs(t *testing.T) {
	tok := loadTestTokenizer(t)
	require.Equal(t, "<|startoftext|>", tok.Decode([]int32{-1, tok.bos, int32(tok.Size()), 1 << 30}))
}

func loadTestTokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := LoadTokenizer(os.DirFS("testdata"), "tokenizer")
	require.NoError(t, err)
	return tok
}

// TestLoadTokenizerErrors: one line that names the file and the value.
func TestLoadTokenizerErrors(t *testing.T) {
	const v, m, j = "vocab.json", "merges.txt", "tokenizer.json"
	small := map[string]string{v: `{"a":0,"b":1,"ab":2,"<|startoftext|>":3,"<|endoftext|>":4}`, m: "#version: 0.2\na b\n"}
	for _, c := range []struct {
		name string
		over map[string]string
		want string
	}{
		{"vocab not JSON", map[string]string{v: `{"a":0`}, "tokenizer/vocab.json: unexpected end of JSON input"},
		{"vocab a list", map[string]string{v: `["a"]`}, "tokenizer/vocab.json: want an object of token: id"},
		{"vocab null", map[string]string{v: `null`}, "tokenizer/vocab.json: want an object of token: id"},
		{"vocab empty", map[string]string{v: `{}`}, `tokenizer/merges.txt: merge 1 "a b": token "a" is not in the vocabulary`},
		{"vocab not UTF-8", map[string]string{v: "{\"\xff\":0}"}, "tokenizer/vocab.json: not UTF-8 text"},
		{"id a string", map[string]string{v: `{"a":"0"}`}, `tokenizer/vocab.json: token "a": want an integer id, got "0"`},
		{"id a fraction", map[string]string{v: `{"a":0.5}`}, `tokenizer/vocab.json: token "a": want an integer id, got "0.5"`},
		{"id an object", map[string]string{v: `{"a":{}}`}, `tokenizer/vocab.json: token "a": want an integer id, got "{"`},
		{"id negative", map[string]string{v: `{"a":-1}`}, `tokenizer/vocab.json: token "a": id -1 is out of range: the 1 tokens must have the ids 0 to 0`},
		{"id too large", map[string]string{v: `{"a":0,"b":2}`}, `tokenizer/vocab.json: token "b": id 2 is out of range: the 2 tokens must have the ids 0 to 1`},
		{"id enormous", map[string]string{v: `{"a":99999999999999999999}`}, `tokenizer/vocab.json: token "a": want an integer id, got "99999999999999999999"`},
		{"id twice", map[string]string{v: `{"a":0,"b":0}`}, `tokenizer/vocab.json: tokens "a" and "b" have the same id 0`},
		{"token twice", map[string]string{v: `{"a":0,"a":1}`}, `tokenizer/vocab.json: token "a" is there twice`},
		{"no marks", map[string]string{v: `{"a":0,"b":1,"ab":2}`}, `tokenizer/vocab.json: bos_token "<|startoftext|>" is not in the vocabulary of 3 tokens`},
		{"merge of three", map[string]string{m: "a b\na b c\n"}, `tokenizer/merges.txt: merge 2 "a b c": want 2 tokens, got 3`},
		{"merge of one", map[string]string{m: "a\n"}, `tokenizer/merges.txt: merge 1 "a": want 2 tokens, got 1`},
		{"merge of unknown", map[string]string{m: "a c\n"}, `tokenizer/merges.txt: merge 1 "a c": token "c" is not in the vocabulary`},
		{"merge to unknown", map[string]string{m: "b a\n"}, `tokenizer/merges.txt: merge 1 "b a": token "ba" is not in the vocabulary`},
		{"merges binary", map[string]string{m: "\x00\xff\xfe"}, "tokenizer/merges.txt: not UTF-8 text"},
		{"huge", map[string]string{m: strings.Repeat(" ", maxTokenizerFile+1)}, "read tokenizer/merges.txt: over 16777216 bytes: not a CLIP tokenizer's file"},
		{"config not JSON", map[string]string{"tokenizer_config.json": "pad"}, "tokenizer/tokenizer_config.json: invalid character 'p' looking for beginning of value"},
		{"config a list", map[string]string{"tokenizer_config.json": "[]"}, "tokenizer/tokenizer_config.json: byte 1: JSON array in a place of another type"},
		{"pad a number", map[string]string{"tokenizer_config.json": `{"pad_token": 0}`}, `tokenizer/tokenizer_config.json: pad_token: token "0": want a string or an object with "content"`},
		{"pad null", map[string]string{"special_tokens_map.json": `{"pad_token": null}`}, `tokenizer/special_tokens_map.json: pad_token: token "null": it has no text`},
		{"pad empty", map[string]string{"special_tokens_map.json": `{"pad_token": ""}`}, `tokenizer/special_tokens_map.json: pad_token: token "\"\"": it has no text`},
		{"pad an empty object", map[string]string{"special_tokens_map.json": `{"pad_token": {}}`}, `tokenizer/special_tokens_map.json: pad_token: token "{}": it has no text`},
		{"pad unknown", map[string]string{"special_tokens_map.json": `{"pad_token": "[PAD]"}`}, `tokenizer/vocab.json: pad_token "[PAD]" is not in the vocabulary of 5 tokens`},
		{"pad strips", map[string]string{"tokenizer_config.json": `{"pad_token": {"content": "a", "lstrip": true}}`}, `tokenizer/tokenizer_config.json: pad_token: token "a": single_word, lstrip and rstrip are not supported, set them false`},
		{"extra tokens", map[string]string{"tokenizer_config.json": `{"extra_special_tokens": ["<x>"]}`}, `tokenizer/tokenizer_config.json: extra_special_tokens "[\"<x>\"]" is not supported: give these tokens in added_tokens_decoder`},
		{"added id taken", map[string]string{"added_tokens.json": `{"a": 5}`}, `tokenizer/vocab.json: added token "a": its id is 0 in the vocabulary, 5 in the list of added tokens`},
		{"added without text", map[string]string{"added_tokens.json": `{"": 5}`}, `tokenizer/added_tokens.json: the token with id 5 has no text`},
		{"added id leaves a gap", map[string]string{"added_tokens.json": `{"new": 6}`}, `tokenizer/vocab.json: added token "new" is not in the vocabulary of 5 tokens`},
		{"tokenizer.json of another kind", map[string]string{j: `{"model": {"type": "WordPiece", "vocab": {"a": 0}}}`}, "tokenizer/tokenizer.json: want a BPE model: model.vocab and model.merges"},
		{"tokenizer.json, vocab a list", map[string]string{j: `{"model": {"type": "Unigram", "vocab": [["a", 0]]}}`}, "tokenizer/tokenizer.json: want an object of token: id"},
		{"tokenizer.json, bad merges", map[string]string{j: `{"model": {"vocab": {"a": 0}, "merges": [1]}}`}, `tokenizer/tokenizer.json: model.merges: want a list of ["a", "b"] or of "a b"`},
		{"tokenizer.json, no model", map[string]string{j: `{}`}, "tokenizer/tokenizer.json: want a BPE model: model.vocab and model.merges"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := maps.Clone(small)
			maps.Copy(files, c.over)
			_, err := LoadTokenizer(tokenizerFiles(t, nil, files), "tokenizer")
			require.EqualError(t, err, "clip: tokenizer: "+c.want)
		})
	}
	t.Run("no files", func(t *testing.T) {
		_, err := LoadTokenizer(fstest.MapFS{}, "tokenizer")
		require.EqualError(t, err, "clip: tokenizer: tokenizer: want vocab.json and merges.txt, or tokenizer.json")
	})
	t.Run("no merges", func(t *testing.T) {
		_, err := LoadTokenizer(tokenizerFiles(t, []string{"vocab.json"}, nil), "tokenizer")
		require.EqualError(t, err, "clip: tokenizer: tokenizer: want vocab.json and merges.txt, or tokenizer.json")
	})
	t.Run("a folder in a file's place", func(t *testing.T) {
		_, err := LoadTokenizer(fstest.MapFS{"tokenizer/vocab.json": &fstest.MapFile{Mode: fs.ModeDir}}, "tokenizer")
		require.ErrorContains(t, err, "tokenizer/vocab.json")
	})
}

func FuzzEncode(f *testing.F) {
	tok := loadTestTokenizer(f)
	for _, text := range []string{"", "a photo of a girl!", "it's <|endoftext|> x", "İ\u0301\xff", "赤い帽子 ½"} {
		f.Add(text, 9)
	}
	f.Fuzz(func(t *testing.T, text string, length int) {
		length = 2 + (length&0x7fffffff)%100
		ids, cut := tok.Encode(text, length)
		require.Len(t, ids, length)
		require.Equal(t, tok.bos, ids[0])
		for _, id := range ids {
			require.True(t, 0 <= id && int(id) < tok.Size(), "id %d", id)
		}
		if cut == "" {
			require.Contains(t, ids, tok.eos)
		} else {
			require.Equal(t, tok.eos, ids[length-1])
		}
	})
}

func FuzzLoadTokenizer(f *testing.F) {
	f.Add(`{"a":0,"b":1,"ab":2,"<|startoftext|>":3,"<|endoftext|>":4}`, "#version: 0.2\na b\n", `{"pad_token": {"content": "a", "normalized": true}}`, `{"new": 5}`, false)
	f.Add(`{"model":{"vocab":{"<|startoftext|>":0,"<|endoftext|>":1},"merges":[]},"added_tokens":[{"id":2,"content":"x"}]}`, "", `{"added_tokens_decoder":{"1":"a"}}`, `{}`, true)
	f.Fuzz(func(t *testing.T, vocab, merges, config, added string, single bool) {
		files := map[string]string{"vocab.json": vocab, "merges.txt": merges, "tokenizer_config.json": config, "added_tokens.json": added}
		if single {
			files["tokenizer.json"] = vocab
		}
		tok, err := LoadTokenizer(tokenizerFiles(t, nil, files), "tokenizer")
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		ids, _ := tok.Encode("a b ab <|endoftext|> "+merges, 16)
		require.Len(t, ids, 16)
	})
}

func ExampleTokenizer_Encode() {
	tok, err := LoadTokenizer(os.DirFS("testdata"), "tokenizer")
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, cut := tok.Encode("A photo of a GIRL with a red hat!", 9)
	fmt.Println(ids)
	fmt.Printf("read %q, left out %q\n", tok.Decode(ids), cut)
	// Output:
	// [896 320 868 578 320 672 709 625 897]
	// read "<|startoftext|>a photo of a girl with <|endoftext|>", left out "a red hat !"
}
