package clip

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sowgen/sowgen/internal/bounded"
)

// LoadTokenizer reads the tokenizer in folder dir of fsys, in either of the two layouts in use and with the same preference as
// transformers 5: tokenizer.json if it is there (the layout transformers 5 writes), else vocab.json and merges.txt (the layout of Stable
// Diffusion's repositories). tokenizer_config.json, special_tokens_map.json and added_tokens.json beside them, all optional, name the
// special tokens; so padding is what the folder says ("!" in SD 2.x, "<|endoftext|>" in SD 1.x). An error names the file and the value.
func LoadTokenizer(fsys fs.FS, dir string) (*Tokenizer, error) {
	t, err := tokenizerFolder{fsys, dir}.load()
	if err != nil {
		return nil, fmt.Errorf("clip: tokenizer: %w", err)
	}
	return t, nil
}

type tokenizerFolder struct {
	fsys fs.FS
	dir  string
}

func (f tokenizerFolder) load() (*Tokenizer, error) {
	var whole struct {
		AddedTokens []addedToken `json:"added_tokens"`
		Model       struct {
			Vocab  vocabulary `json:"vocab"`
			Merges mergeList  `json:"merges"`
		} `json:"model"`
	}
	vocab, merges := &whole.Model.Vocab, &whole.Model.Merges
	vocabFile, mergesFile := "tokenizer.json", "tokenizer.json"
	found, err := f.readJSON("tokenizer.json", &whole)
	switch {
	case err != nil:
		return nil, err
	case found && (*vocab == nil || *merges == nil):
		return nil, fmt.Errorf("%s: want a BPE model: model.vocab and model.merges", f.path("tokenizer.json"))
	case !found:
		vocabFile, mergesFile = "vocab.json", "merges.txt"
		if found, err = f.readJSON("vocab.json", vocab); err != nil {
			return nil, err
		}
		text, foundMerges, err := f.read("merges.txt")
		if err != nil {
			return nil, err
		}
		if !found || !foundMerges {
			return nil, fmt.Errorf("%s: want vocab.json and merges.txt, or tokenizer.json", f.path("."))
		}
		*merges = parseMerges(string(text))
	}

	t := &Tokenizer{tokens: *vocab, ids: make(map[string]int32, len(*vocab))}
	for id, token := range t.tokens {
		t.ids[token] = int32(id)
	}
	if err := t.setMerges(*merges); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(mergesFile), err)
	}
	added, err := f.addedTokens(whole.AddedTokens)
	if err != nil {
		return nil, err
	}
	if err := t.setAdded(added); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(vocabFile), err)
	}
	return t, nil
}

// vocabulary is the tokens by id.
type vocabulary []string

// UnmarshalJSON reads an object of token: id, whose ids must be 0 … len-1, each once.
func (v *vocabulary) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b)) // token by token, for a map would hide a token that is there twice
	d.UseNumber()
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return errors.New("want an object of token: id")
	}
	var names []string
	ids := map[string]int{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		token, _ := name.(string)
		if _, ok := ids[token]; ok {
			return fmt.Errorf("token %q is there twice", token)
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		number, _ := value.(json.Number)
		id, err := strconv.Atoi(string(number))
		if err != nil {
			return fmt.Errorf("token %q: want an integer id, got %.40q", token, fmt.Sprint(value))
		}
		names, ids[token] = append(names, token), id
	}
	*v = make(vocabulary, len(names))
	taken := make([]bool, len(names))
	for _, token := range names {
		id := ids[token]
		if id < 0 || id >= len(names) {
			return fmt.Errorf("token %q: id %d is out of range: the %d tokens must have the ids 0 to %d", token, id, len(names), len(names)-1)
		}
		if taken[id] {
			return fmt.Errorf("tokens %q and %q have the same id %d", (*v)[id], token, id)
		}
		(*v)[id], taken[id] = token, true
	}
	return nil
}

// mergeList is the merges by rank: the two tokens of each.
type mergeList [][]string

// UnmarshalJSON reads a list of ["a", "b"] or, as older files have it, of "a b".
func (l *mergeList) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*[][]string)(l)) == nil {
		return nil
	}
	var lines []string
	if json.Unmarshal(b, &lines) != nil {
		return errors.New(`model.merges: want a list of ["a", "b"] or of "a b"`)
	}
	*l = make(mergeList, len(lines))
	for i, line := range lines {
		(*l)[i] = strings.Split(line, " ")
	}
	return nil
}

// parseMerges reads merges.txt: "a b" a line, after a line "#version: …".
func parseMerges(text string) (l mergeList) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			l = append(l, strings.Split(line, " "))
		}
	}
	return l
}

func (t *Tokenizer) setMerges(l mergeList) error {
	t.merges = make(map[pair]merge, len(l))
	for rank, parts := range l {
		if len(parts) != 2 {
			return fmt.Errorf("merge %d %.80q: want 2 tokens, got %d", rank+1, strings.Join(parts, " "), len(parts))
		}
		var ids [3]int32
		for i, token := range []string{parts[0], parts[1], parts[0] + parts[1]} {
			id, ok := t.ids[token]
			if !ok {
				return fmt.Errorf("merge %d %.80q: token %.80q is not in the vocabulary", rank+1, parts[0]+" "+parts[1], token)
			}
			ids[i] = id
		}
		t.merges[pair{ids[0], ids[1]}] = merge{int32(rank), ids[2]}
	}
	return nil
}

// addedToken is a token that is cut out of the text before BPE, as the files spell it: an object or just its text.
type addedToken struct {
	ID         *int32 `json:"id"`
	Content    string `json:"content"`
	Normalized bool   `json:"normalized"` // looked for in the lower-cased text; false for one given as just its text
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`

	role string // "bos_token" …, "" for one that has none
}

// UnmarshalJSON reads a string or an object.
func (a *addedToken) UnmarshalJSON(b []byte) error {
	type object addedToken
	if json.Unmarshal(b, &a.Content) != nil {
		if err := json.Unmarshal(b, (*object)(a)); err != nil {
			return fmt.Errorf(`token %.80q: want a string or an object with "content"`, b)
		}
	}
	switch {
	case a.Content == "":
		return fmt.Errorf("token %.80q: it has no text", b)
	case a.SingleWord, a.LStrip, a.RStrip:
		return fmt.Errorf("token %q: single_word, lstrip and rstrip are not supported, set them false", a.Content)
	}
	return nil
}

// roles are the special tokens, with CLIP's own for those that no file names, in the order in which transformers adds them.
var roles = []struct{ name, standard string }{
	{"bos_token", "<|startoftext|>"},
	{"eos_token", "<|endoftext|>"},
	{"unk_token", "<|endoftext|>"},
	{"sep_token", ""},
	{"pad_token", "<|endoftext|>"},
	{"cls_token", ""},
	{"mask_token", ""},
}

// addedTokens reads the added tokens in the order in which transformers adds them: first those with an id, then the special ones by role;
// of two with the same text the later one's flags count. An added_tokens_decoder in tokenizer_config.json takes the place of everything
// older: special_tokens_map.json, added_tokens.json and the list in tokenizer.json.
func (f tokenizerFolder) addedTokens(inTokenizerJSON []addedToken) ([]addedToken, error) {
	var config struct {
		AddedTokensDecoder map[int32]addedToken `json:"added_tokens_decoder"`
	}
	keys, from := map[string]json.RawMessage{}, map[string]string{}
	readKeys := func(file string) error {
		in := map[string]json.RawMessage{}
		_, err := f.readJSON(file, &in)
		for key, value := range in {
			keys[key], from[key] = value, file
		}
		return err
	}
	if _, err := f.readJSON("tokenizer_config.json", &config); err != nil {
		return nil, err
	}
	if err := readKeys("tokenizer_config.json"); err != nil {
		return nil, err
	}
	var legacy map[string]int32 // added_tokens.json
	var added []addedToken
	if config.AddedTokensDecoder != nil {
		for id, token := range config.AddedTokensDecoder {
			token.ID = &id
			added = append(added, token)
		}
	} else {
		if err := readKeys("special_tokens_map.json"); err != nil {
			return nil, err
		}
		if _, err := f.readJSON("added_tokens.json", &legacy); err != nil {
			return nil, err
		}
		added = inTokenizerJSON
	}

	var special []addedToken
	for _, role := range roles {
		token := addedToken{Content: role.standard}
		value, named := keys[role.name]
		if named && (role.standard != "" || string(value) != "null") {
			token = addedToken{}
			if err := json.Unmarshal(value, &token); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", f.path(from[role.name]), role.name, err)
			}
		}
		if token.Content != "" {
			token.role = role.name
			special = append(special, token)
		}
	}
	for content, id := range legacy {
		if content == "" {
			return nil, fmt.Errorf("%s: the token with id %d has no text", f.path("added_tokens.json"), id)
		}
		isSpecial := slices.ContainsFunc(special, func(s addedToken) bool { return s.Content == content })
		added = append(added, addedToken{ID: &id, Content: content, Normalized: !isSpecial})
	}
	slices.SortStableFunc(added, func(a, b addedToken) int { return cmp.Compare(a.id(), b.id()) })
	for i, s := range special {
		at := slices.IndexFunc(added, func(a addedToken) bool { return a.Content == s.Content })
		if _, named := keys[s.role]; named && at >= 0 { // the file means that token, flags and all
			special[i] = added[at]
			special[i].role = s.role
		}
	}
	for _, key := range []string{"additional_special_tokens", "extra_special_tokens"} {
		if value, ok := keys[key]; ok && !slices.Contains([]string{"[]", "{}", "null"}, string(value)) {
			return nil, fmt.Errorf("%s: %s %.80q is not supported: give these tokens in added_tokens_decoder", f.path(from[key]), key, value)
		}
	}
	return append(added, special...), nil
}

// id is the token's id, or -1 if the files leave it to the vocabulary.
func (a addedToken) id() int32 {
	if a.ID == nil {
		return -1
	}
	return *a.ID
}

// setAdded gives the added tokens their ids. One that is not in the vocabulary extends it.
func (t *Tokenizer) setAdded(added []addedToken) error {
	last := map[string]addedToken{}
	for _, a := range added {
		id, ok := t.ids[a.Content]
		if !ok && int(a.id()) == len(t.tokens) {
			id, ok = a.id(), true
			t.tokens = append(t.tokens, a.Content)
			t.ids[a.Content] = id
		}
		if !ok {
			return fmt.Errorf("%s %q is not in the vocabulary of %d tokens", cmp.Or(a.role, "added token"), a.Content, len(t.tokens))
		}
		if a.ID != nil && a.id() != id {
			return fmt.Errorf("added token %q: its id is %d in the vocabulary, %d in the list of added tokens", a.Content, id, a.id())
		}
		switch a.role {
		case "bos_token":
			t.bos = id
		case "eos_token":
			t.eos = id
		case "unk_token":
			t.unk = id
		case "pad_token":
			t.pad = id
		}
		last[a.Content] = a
	}
	plain, normalized := map[string]int32{}, map[string]int32{}
	for content, a := range last {
		if a.Normalized {
			normalized[normalize(content)] = t.ids[content]
		} else {
			plain[content] = t.ids[content]
		}
	}
	t.plain, t.normalized = newMatcher(plain), newMatcher(normalized)
	return nil
}

// maxTokenizerFile bounds each file; CLIP's own have at most 4 MB.
const maxTokenizerFile = 16 << 20

func (f tokenizerFolder) path(name string) string { return path.Join(f.dir, name) }

// read returns the contents of a file, and whether it is there.
func (f tokenizerFolder) read(name string) (b []byte, found bool, err error) {
	b, err = bounded.ReadFS(f.fsys, f.path(name), maxTokenizerFile, "a CLIP tokenizer's file")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case !utf8.Valid(b):
		return nil, false, fmt.Errorf("%s: not UTF-8 text", f.path(name))
	}
	return b, true, nil
}

// readJSON decodes a file into dst, and returns whether it is there.
func (f tokenizerFolder) readJSON(name string, dst any) (found bool, err error) {
	b, found, err := f.read(name)
	if err != nil || !found {
		return found, err
	}
	err = json.Unmarshal(b, dst)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) { // whose own text speaks of Go types
		err = fmt.Errorf("byte %d: JSON %s in a place of another type", wrong.Offset, wrong.Value)
	}
	if err != nil {
		return found, fmt.Errorf("%s: %w", f.path(name), err)
	}
	return found, nil
}
