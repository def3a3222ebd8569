package random

import (
	"encoding/json"
	"fmt"
	"strings"
)

// vocabularyJSON is a vocab.json of CLIP's size, 49408 tokens: the byte alphabet of CLIP's tokenizer, alone and at a word's end, and
// stand-ins that no merge leads to.
func vocabularyJSON() string {
	const size = 49408
	alphabet := make([]string, 0, 256)
	var others []string // bytes that are no visible character, at code points of their own
	for b := range 256 {
		if b > ' ' && b < 0x7f || b > 0xa0 && b != 0xad {
			alphabet = append(alphabet, string(rune(b)))
		} else {
			others = append(others, string(rune(256+len(others))))
		}
	}
	alphabet = append(alphabet, others...)
	tokens := alphabet
	for _, letter := range alphabet {
		tokens = append(tokens, letter+"</w>")
	}
	for i := len(tokens); i < size-2; i++ {
		tokens = append(tokens, fmt.Sprintf("<unused%d>", i))
	}
	tokens = append(tokens, "<|startoftext|>", "<|endoftext|>")

	var b strings.Builder
	for i, token := range tokens {
		text, _ := json.Marshal(token) // a string always has a JSON form
		fmt.Fprintf(&b, ",%s:%d", text, i)
	}
	return "{" + b.String()[1:] + "}"
}
