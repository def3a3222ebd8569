package clip

import (
	"cmp"
	"container/heap"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	utf8 "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"

	"github.com/sowgen/sowgen/tensor"
)

// Tokenizer turns text into the token ids CLIP was trained on: byte-level BPE (Sennrich et al., arXiv 1508.07909) over lower-cased words,
// the end of a word marked by "</w>". It gives the ids that transformers 5's CLIPTokenizer gives, which is what diffusers loads (it is
// backed by the Rust library tokenizers; the Python one of older versions is gone). Of all 1,112,064 characters 5,140 can differ: letters
// that entered Unicode after Go's tables (15.0), and combining marks that the Rust library is too old to put in canonical order.
//
// A Tokenizer is safe for concurrent use.
type Tokenizer struct {
	tokens             []string // by id
	ids                map[string]int32
	merges             map[pair]merge
	bos, eos, pad, unk int32

	// Added tokens are cut out before BPE sees the text: the plain ones from the text as written, the normalized ones (a key of their
	// entry in the files) from the lower-cased text.
	plain, normalized matcher
}

// A pair of neighbouring tokens, and what it merges to; the lowest rank merges first.
type (
	pair  struct{ left, right int32 }
	merge struct{ rank, id int32 }
)

// Encode returns exactly length ids: begin-of-text, the tokens of text, end-of-text, then padding. Tokens that do not fit are left out,
// and cut is their text ("" if all fitted), so that the caller can warn. Bytes of text that are not UTF-8 count as U+FFFD. It panics with a
// [*tensor.Error] if length is below 2, which leaves no room for the two marks.
func (t *Tokenizer) Encode(text string, length int) (ids []int32, cut string) {
	if length < 2 {
		panic(&tensor.Error{Op: "clip.Tokenizer.Encode", Reason: fmt.Sprintf("length %d: want at least 2 positions", length)})
	}
	tokens := t.tokenize(strings.ToValidUTF8(text, "\uFFFD"))
	if room := length - 2; len(tokens) > room {
		tokens, cut = tokens[:room], t.Decode(tokens[room:])
	}
	ids = append(make([]int32, 0, length), t.bos)
	ids = append(append(ids, tokens...), t.eos)
	for len(ids) < length {
		ids = append(ids, t.pad)
	}
	return ids, cut
}

// Trim returns ids up to the first end-of-text: without what Encode fills up with.
func (t *Tokenizer) Trim(ids []int32) []int32 {
	if i := slices.Index(ids, t.eos); i >= 0 {
		return ids[:i+1]
	}
	return ids
}

// Decode returns the text of ids, lower-cased and with a space after every word; marks and padding are spelt out. Ids that are not in the
// vocabulary are skipped.
func (t *Tokenizer) Decode(ids []int32) string {
	var text []byte
	for _, id := range ids {
		if 0 <= id && int(id) < len(t.tokens) {
			text = append(text, fromSymbols(t.tokens[id])...)
		}
	}
	s, _ := utf8.UTF8.NewDecoder().String(string(text)) // a token may be half a character: that becomes U+FFFD
	return strings.TrimSpace(strings.ReplaceAll(s, endOfWord, " "))
}

// Size is the number of ids: all are below it. The text model's vocab_size must not be smaller.
func (t *Tokenizer) Size() int { return len(t.tokens) }

const endOfWord = "</w>"

func (t *Tokenizer) tokenize(text string) (ids []int32) {
	t.plain.split(text, func(part string, id int32) {
		if id >= 0 {
			ids = append(ids, id)
			return
		}
		t.normalized.split(normalize(part), func(part string, id int32) {
			if id >= 0 {
				ids = append(ids, id)
				return
			}
			for _, piece := range clipWords.FindAllString(part, -1) {
				for _, word := range byteLevelWords.FindAllString(piece, -1) {
					ids = t.bpe(ids, word)
				}
			}
		})
	})
	return ids
}

var (
	space = regexp.MustCompile(`[\s\v\x{85}\p{Z}]+`)
	// clipWords is CLIP's own pattern. Text between its matches is white space and is dropped.
	clipWords = regexp.MustCompile(`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`)
	// byteLevelWords is GPT-2's pattern, which the byte-level step runs on each of those words. It only tells on a mark that was not an
	// added token (say "<|ENDOFTEXT|>"), which it takes apart.
	byteLevelWords = regexp.MustCompile(`'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}+|[^\s\p{L}\p{N}]+`)
)

// normalize composes characters (NFC), makes every run of white space one blank, and lower-cases each character by itself.
func normalize(s string) string {
	s = space.ReplaceAllString(norm.NFC.String(s), " ")
	s = strings.ReplaceAll(s, "İ", "i̇") // the one character whose lower case is two
	return strings.Map(unicode.ToLower, s)
}

// bpe appends the tokens of one word. The pair of neighbours with the lowest rank merges first, the leftmost of equals, until none is left
// to merge; the pairs wait in a heap, so that a long word costs n log n.
func (t *Tokenizer) bpe(ids []int32, word string) []int32 {
	type symbol struct {
		id         int32 // -1: merged into its left neighbour
		prev, next int
	}
	var symbols []symbol
	for i := range len(word) {
		s := byteSymbols[word[i]]
		if i == len(word)-1 {
			s += endOfWord
		}
		id, ok := t.ids[s]
		if !ok {
			id = t.unk
		}
		symbols = append(symbols, symbol{id, i - 1, i + 1})
	}
	queue := &candidates{}
	consider := func(left, right int) {
		if left >= 0 && right < len(symbols) {
			if m, ok := t.merges[pair{symbols[left].id, symbols[right].id}]; ok {
				heap.Push(queue, candidate{m, left})
			}
		}
	}
	for i := range symbols {
		consider(i, i+1)
	}
	for queue.Len() > 0 {
		c := heap.Pop(queue).(candidate)
		left := &symbols[c.at]
		if left.id < 0 || left.next == len(symbols) {
			continue // merged away since
		}
		right := &symbols[left.next]
		if m, ok := t.merges[pair{left.id, right.id}]; !ok || m.id != c.id {
			continue // one of the two has changed since
		}
		left.id, left.next, right.id = c.id, right.next, -1
		if left.next < len(symbols) {
			symbols[left.next].prev = c.at
		}
		consider(left.prev, c.at)
		consider(c.at, left.next)
	}
	for _, s := range symbols {
		if s.id >= 0 {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// candidate is a merge that may happen at symbol at.
type candidate struct {
	merge
	at int
}

type candidates []candidate

func (c candidates) Len() int      { return len(c) }
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c candidates) Less(i, j int) bool {
	return c[i].rank < c[j].rank || c[i].rank == c[j].rank && c[i].at < c[j].at
}
func (c *candidates) Push(x any) { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := len(*c) - 1
	x := (*c)[last]
	*c = (*c)[:last]
	return x
}

// byteSymbols spells each byte as one printable character, as GPT-2 does: printable Latin-1 as itself, the others from U+0100 on.
var byteSymbols, symbolBytes = func() (symbols [256]string, bytes map[rune]byte) {
	bytes = make(map[rune]byte, 256)
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !('!' <= r && r <= '~' || '¡' <= r && r <= '¬' || '®' <= r && r <= 'ÿ') {
			r, next = next, next+1
		}
		symbols[b], bytes[r] = string(r), byte(b)
	}
	return symbols, bytes
}()

// fromSymbols returns the bytes a token spells, or those of the token itself if it has another character in it.
func fromSymbols(token string) []byte {
	b := make([]byte, 0, len(token))
	for _, r := range token {
		c, ok := symbolBytes[r]
		if !ok {
			return []byte(token)
		}
		b = append(b, c)
	}
	return b
}

// matcher finds added tokens in text: the leftmost, and of those that start there the longest.
type matcher struct {
	ids     map[string]int32
	byFirst map[byte][]string // by their first byte, the longest first
}

func newMatcher(ids map[string]int32) matcher {
	m := matcher{ids, map[byte][]string{}}
	for token := range ids {
		m.byFirst[token[0]] = append(m.byFirst[token[0]], token)
	}
	for _, tokens := range m.byFirst {
		slices.SortFunc(tokens, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	}
	return m
}

// split calls f for each stretch of text between added tokens, with id -1, and for each added token with its id.
func (m matcher) split(text string, f func(part string, id int32)) {
	from := 0
	for at := 0; at < len(text); {
		tokens := m.byFirst[text[at]]
		i := slices.IndexFunc(tokens, func(token string) bool { return strings.HasPrefix(text[at:], token) })
		if i < 0 {
			at++
			continue
		}
		if from < at {
			f(text[from:at], -1)
		}
		f(tokens[i], m.ids[tokens[i]])
		at += len(tokens[i])
		from = at
	}
	if from < len(text) {
		f(text[from:], -1)
	}
}
