package main

import "strings"

// equivalent is a mutant that computes the same, so that no test can catch it.
type equivalent struct {
	file string
	line string // something that its line has
	was  string
	with string
	why  string
}

var equivalents = []equivalent{
	{"attention_f32.cuh", "c < d; c += CHUNK", "<", "<=", "columns behind the head are zeros, which add nothing to a logit"},
	{"attention_f32.cuh", "first < keys; first += KEYS", "<", "<=", "a tile without a key has no extremes"},
	{"attention_f32.cuh", "first < end; first += KEYS", "<", "<=", "a tile without a key adds nothing"},
	{"attention_f32.cuh", "if (r.program.extremes)", "r.program.extremes", "true", "extremes that no rule uses change nothing"},
	{"attention_half.cuh", "if (RULES && r.program.extremes)", "r.program.extremes", "true", "extremes that no rule uses change nothing"},
	{"attention_half.cuh", "if (rises)", "rises", "true", "it only spares scaling by 1"},
	{"attention_half.cuh", "first < keys; first += KEYS", "<", "<=", "a tile without a key has no extremes"},
	{"attention_half.cuh", "if (end - first < KEYS ||", "end - first < KEYS || (causal && first + KEYS > static_cast<uint32>(r.task.first))", "true", "it only spares hiding nothing"},
	{"attention_wide.cuh", "if (largest > row[i].top + SLACK)", "largest > row[i].top + SLACK", "true", "a top may rise at any time"},
	{"attention_wide.cuh", "const bool more = slice", "first + slice + SLICE < end", "true", "a slice without a key adds nothing"},
	{"attention_wide.cuh", "if (!more) break", "!more", "false", "a slice without a key adds nothing"},
	{"attention_wide.cuh", "if (has_columns())", "has_columns()", "true", "it only spares what nobody stores"},
	{"attention_wide.cuh", "first < keys; first += KEYS", "<", "<=", "a tile without a key has no extremes"},
	{"attention_wide.cuh", "first < end; first += KEYS", "<", "<=", "a tile without a key adds nothing"},
	{"attention_wide.cuh", "if (part + piece < columns)", "part + piece < columns", "true", "nobody reads columns behind the head, and behind all values there are the queries"},
	{"attention_wide.cuh", "if (r.program.extremes)", "r.program.extremes", "true", "extremes that no rule uses change nothing"},
	{"norm.cu", "if (tile.line >= tile.lanes) return; // a thread too many to look", "tile.line >= tile.lanes", "false", "it only spares finding what nobody reads"},
	{"norm.cu", "if (wide) return store4", "wide", "false", "one number after the other is the same four"},
	{"norm.cu", "r < rows; r += BATCH * tile.lanes) { // and applies", "<", "<=", "of a batch without a row nothing is read or written"},
	{"picture.cuh", "picture[i] = pictures + (there", "there", "true", "a row that is not there lies far outside the picture, so that nothing is read at its address"},
	{"picture.cuh", "y[i] = there ?", "there", "true", "a row that is not there begins at the first picture, which may be read, and its products are not stored"},
	{"product_f32.cuh", "if (s + 1 < steps) {", "s + 1 < steps", "true", "it only spares bringing in zeros for a step that nobody takes"},
	{"picture.cuh", "if (channel < win.c) return", "channel < win.c", "false", "it only spares finding out again which pixels there are"},
	{"product_half.cuh", "if (coming > 0) {", "coming > 0", "true", "it only spares bringing in what nobody takes: zeros, or numbers of the next part"},
	{"walk.cuh", "if (extent == 1)", "extent == 1", "false", "it only spares a division by 1"},
}

// equivalent finds a mutant's entry.
func (m mutant) equivalent(text string) (equivalent, bool) {
	begin := strings.LastIndexByte(text[:m.from], '\n') + 1
	line, _, _ := strings.Cut(text[begin:], "\n")
	for _, e := range equivalents {
		if e.file == m.file && e.was == m.was && e.with == m.with && strings.Contains(line, e.line) {
			return e, true
		}
	}
	return equivalent{}, false
}
