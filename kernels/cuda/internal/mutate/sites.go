package main

import (
	"regexp"
	"sort"
	"strings"
)

// mutant is a change of one place in a source.
type mutant struct {
	file      string
	line      int // counted from 1
	kind      string
	from, to  int    // the bytes that are replaced
	was, with string // by what
}

// sites returns the mutants of a source, in order. Only code that the emulator runs is looked at, and of an instruction's twin in plain C++ only
// the barriers: the rest of it is the emulator.
func sites(file, text string) []mutant {
	s := scanner{file: file, text: text}
	s.kernel, s.twin = regions(text)
	s.barriers()
	s.ifs()
	s.ternaries()
	s.loops()
	s.conditions()
	s.terms()
	sort.SliceStable(s.found, func(i, j int) bool { return s.found[i].from < s.found[j].from })
	return s.found
}

type scanner struct {
	file, text   string
	kernel, twin string // of the same length as text, with spaces for what is not theirs
	found        []mutant
}

// regions blanks what is not compiled for the emulator, comments and directives with their macros; twin is what stands in a branch for
// the emulator alone, kernel all else.
func regions(text string) (kernel, twin string) {
	type branch struct{ on, ours bool } // whether it is compiled, and whether it is the emulator's alone
	k, w := []byte(text), []byte(text)
	stack := []branch{{true, false}}
	directive := false // the last line was one, and goes on
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text) - at
		}
		line := text[at : at+end]
		trimmed := strings.TrimSpace(line)
		blank := func(b []byte, from int) {
			for i := from; i < len(line); i++ {
				b[at+i] = ' '
			}
		}
		top := stack[len(stack)-1]
		switch word, _, _ := strings.Cut(trimmed, " "); {
		case directive: // the rest of a macro
		case word == "#ifdef" || word == "#if" || word == "#ifndef":
			not := word == "#ifndef" || strings.Contains(line, "!defined(SOWGEN_EMULATED)")
			emulator := strings.Contains(line, "SOWGEN_EMULATED")
			stack = append(stack, branch{top.on && !(emulator && not), top.ours || emulator && !not && !strings.Contains(line, "||")})
		case word == "#else":
			outer := stack[len(stack)-2]
			stack[len(stack)-1] = branch{outer.on && !top.on, outer.ours || outer.on && !top.on}
		case word == "#endif":
			stack = stack[:len(stack)-1]
		}
		if directive || strings.HasPrefix(trimmed, "#") {
			directive = strings.HasSuffix(trimmed, "\\")
			blank(k, 0)
			blank(w, 0)
		} else {
			if comment := strings.Index(line, "//"); comment >= 0 {
				blank(k, comment)
				blank(w, comment)
			}
			if !top.on || top.ours {
				blank(k, 0)
			}
			if !top.on || !top.ours {
				blank(w, 0)
			}
		}
		at += end + 1
	}
	return string(k), string(w)
}

func (s *scanner) add(kind string, from, to int, with string) {
	for _, m := range s.found {
		if m.from == from && m.to == to && m.with == with {
			return
		}
	}
	s.found = append(s.found, mutant{s.file, 1 + strings.Count(s.text[:from], "\n"), kind, from, to, s.text[from:to], with})
}

var barrier = regexp.MustCompile(`(__syncthreads|__syncwarp|commit_copies|await_copies(<[^>]*>)?)\(\);`)

// barriers: each is taken out.
func (s *scanner) barriers() {
	for _, code := range []string{s.kernel, s.twin} {
		for _, at := range barrier.FindAllStringIndex(code, -1) {
			s.add("barrier", at[0], at[1], ";")
		}
	}
}

var (
	ifWord = regexp.MustCompile(`\bif \(`)
	// leaves is what a guard does that stands before what it protects, or a mask; a wide read is not, it is protected itself.
	leaves = regexp.MustCompile(`^\s*(return( [^;]*)?|continue|break|[\w\[\]]+ = -inf\(\));`)
	reads  = regexp.MustCompile(`^\s*return load4`)
)

// ifs: what a guard keeps from happening happens. Where it stands before an if's statement each term that has to hold holds; where it
// leaves, or is a mask, it does not.
func (s *scanner) ifs() {
	for _, at := range ifWord.FindAllStringIndex(s.kernel, -1) {
		from := at[1]
		to := closing(s.kernel, from)
		all := split(s.kernel, from, to, "||")
		switch {
		case leaves.MatchString(s.kernel[to+1:]) && !reads.MatchString(s.kernel[to+1:]):
			for _, term := range all {
				if s.text[term[0]:term[1]] != "!RULES" {
					s.add("guard", term[0], term[1], "false")
				}
			}
		case len(all) > 1:
			s.add("guard", from, to, "true")
		default:
			s.hold(from, to)
		}
	}
}

// hold has each term of a conjunction hold.
func (s *scanner) hold(from, to int) {
	for _, term := range split(s.kernel, from, to, "&&") {
		if text := s.text[term[0]:term[1]]; text != "false" && text != "true" && text != "RULES" && text != "!RULES" { // nor what is known when it is compiled
			s.add("guard", term[0], term[1], "true")
		}
	}
}

// ternaries: the guarded value is taken. Of a minimum, a < B ? a : B, it is B: what a tile has, whatever is left.
func (s *scanner) ternaries() {
	for i := 0; ; {
		next := strings.Index(s.kernel[i:], " ? ")
		if next < 0 {
			return
		}
		mark := i + next
		i = mark + 3
		from := mark
		for depth := 0; from > 0; from-- {
			c := s.kernel[from-1]
			if c == ')' || c == ']' || c == '}' {
				depth++
			}
			if c == '(' || c == '[' || c == '{' {
				depth--
			}
			assigns := c == '=' && !strings.ContainsRune("=!<>", rune(s.kernel[from-2])) && s.kernel[from] != '='
			if depth < 0 || depth == 0 && (assigns || strings.ContainsRune(",;", rune(c)) || strings.HasSuffix(s.kernel[:from], " : ") || strings.HasSuffix(s.kernel[:from], "return ")) {
				break
			}
		}
		from += len(s.kernel[from:mark]) - len(strings.TrimLeft(s.kernel[from:mark], " \n"))
		least, most, compares := strings.Cut(s.kernel[from:mark], " < ")
		if all := split(s.kernel, from, mark, "||"); len(all) > 1 {
			for _, term := range all {
				s.add("guard", term[0], term[1], "false")
			}
		} else if compares && strings.HasPrefix(s.kernel[mark+3:], least+" : "+most) {
			s.add("guard", from, mark, "false")
		} else {
			s.hold(from, mark)
		}
	}
}

var (
	forWord  = regexp.MustCompile(`\bfor \(`)
	variable = regexp.MustCompile(`\b[a-z]\w*`)
	constant = regexp.MustCompile(`\bTile::\w+|\bT::\w+|static_cast<\w+>`)
)

// loops: one that ends where a tensor does goes one further.
func (s *scanner) loops() {
	for _, at := range forWord.FindAllStringIndex(s.kernel, -1) {
		parts := split(s.kernel, at[1], closing(s.kernel, at[1]), ";")
		if len(parts) < 2 {
			continue
		}
		from, to := parts[1][0], parts[1][1]
		if least, most, ok := strings.Cut(s.kernel[from:to], " < "); ok && variable.MatchString(constant.ReplaceAllString(most, "")) {
			s.add("guard", from+len(least)+1, from+len(least)+2, "<=")
		}
	}
}

var (
	boolean = regexp.MustCompile(`\b(?:bool (?:\w+)|wide) = ([^;?{}]+);`)
	aligned = regexp.MustCompile(`\baligned16\([^()]*\)|\(reinterpret_cast<uint64>\(\w+\) & 7\) == 0|[\w.]+ % 4 == 0`)
)

// conditions: those that have a name, and those of wide accesses.
func (s *scanner) conditions() {
	for _, at := range boolean.FindAllStringSubmatchIndex(s.kernel, -1) {
		if text := s.kernel[at[2]:at[3]]; strings.ContainsAny(text, "<>=") || strings.Contains(text, "aligned16") {
			s.hold(at[2], at[3])
		}
	}
	for _, at := range aligned.FindAllStringIndex(s.kernel, -1) {
		if !strings.HasSuffix(s.kernel[:at[0]], "bool ") {
			s.add("guard", at[0], at[1], "true")
		}
	}
}

// rules is the terms of rules, masks and running sums that are no conditions: what is taken out, and what then stands there.
var rules = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b(sum|part) \*= factor;`), ";"},
	{regexp.MustCompile(`\bshift \+= s(egment)?\.\w+ \* [^;]+;`), ";"},
	{regexp.MustCompile(`\bs(egment)?\.beta;`), "0;"},
	{regexp.MustCompile(`\bsum \+= block, `), ""},
	{regexp.MustCompile(`, part \+= block;`), ";"},
	{regexp.MustCompile(` \* segment\.keep\b`), ""},
	{regexp.MustCompile(` \* scale\b`), ""},
	{regexp.MustCompile(`\bscale \* `), ""},
	{regexp.MustCompile(` \+ row\[[^;,]*\]\.shift\b`), ""},
	{regexp.MustCompile(`\brow\[[^;,]*\]\.shift - `), "0 - "},
	{regexp.MustCompile(` \* (LOG2_E|LN_2)\b`), ""},
	{regexp.MustCompile(`\b1e-37f\b`), "0"},
	{regexp.MustCompile(`\br\.program\.rest \* `), ""},
	{regexp.MustCompile(` \* expf\(tops\[[^;]*last_top\[i\]\)`), ""},
	{regexp.MustCompile(`\bacc\[[^;,]*\] \*= (factor|fall)\b`), "0"},
	{regexp.MustCompile(`\brow\[\w\]\.reset\(\)`), "0"},
	{regexp.MustCompile(`\bpart = 0;`), ";"},
	{regexp.MustCompile(`\b(row[\w\[\]]*\.)?(sum|mass|queries) \+= [^;,]+;`), ";"},
	{regexp.MustCompile(` \* exp2_fast\(rows\.top[^;]*\)`), ""},
	{regexp.MustCompile(`\b(masses|Masses<QUERIES>\(mass, labels\))\.note\([^;]*\);`), ";"},
	{regexp.MustCompile(`-?quad_max\(-?(high|low)\[band\]\[i\]\)`), "0"},
	{regexp.MustCompile(`\brow\[[^;,]*\]\.(high|low) = -?(row|quad)_max\(-?row\[i\]\.\w+\)`), "0"},
	{regexp.MustCompile(`\bv\[j\] (\+)?= [^;]+;`), ";"},
}

// terms of rules are taken out, one at a time.
func (s *scanner) terms() {
	if !strings.HasPrefix(s.file, "attention") && s.file != "epilogue.cuh" {
		return
	}
	for _, rule := range rules {
		for _, at := range rule.pattern.FindAllStringIndex(s.kernel, -1) {
			s.add("term", at[0], at[1], rule.with)
		}
	}
}

// closing is where the bracket closes that is open at a place.
func closing(code string, at int) int {
	for depth := 1; ; at++ {
		switch code[at] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return at
			}
		}
	}
}

// split cuts code[from:to] at a separator outside brackets, and trims the parts.
func split(code string, from, to int, separator string) (parts [][2]int) {
	cut := func(end int) {
		text := code[from:end]
		left := len(text) - len(strings.TrimLeft(text, " \n"))
		parts = append(parts, [2]int{from + left, max(from+left, from+len(strings.TrimRight(text, " \n")))})
		from = end + len(separator)
	}
	depth := 0
	for i := from; i < to; i++ {
		switch code[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth == 0 && strings.HasPrefix(code[i:], separator) {
			cut(i)
		}
	}
	cut(to)
	return parts
}
