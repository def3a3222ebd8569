package cuda

import (
	"math"
	"slices"

	"github.com/sowgen/sowgen/kernels"
)

// segment is a stretch of sorted keys as the queries of one label read it (Segment in attention.cuh).
type segment struct {
	from, to int
	label    int // of the keys
	rule     kernels.Rule
	share    float32 // what of a row's result the keys are certain to be; 0: no target
}

// program is how the queries of one label read the keys.
type program struct {
	segments []segment // those with a target first
	rest     float32   // share of all others
}

// plan makes the words that the kernels read (Plan in attention.cuh), and says how many tasks there are. apart keeps every region in a segment
// of its own, so that its mass is known; a task has up to most queries. Rules that change nothing, and no wish for masses, give nil: plain attention.
func plan(r *kernels.Regions, apart bool, most int) (words []int32, tasks int) {
	if r == nil {
		return nil, 0
	}
	labels := len(r.Rules)
	queries, queryFrom := order(r.Query, labels)
	keys, keyFrom := order(r.Key, labels)
	heads := r.PerHead
	if len(heads) == 0 {
		heads = [][][]kernels.Rule{nil}
	}
	neutral := !apart
	var programs [][]program // [head][label]
	for _, rules := range heads {
		if rules == nil {
			rules = r.Rules
		}
		table := make([]program, labels)
		for a := range table {
			table[a] = read(rules[a], keyFrom, apart)
			neutral = neutral && (queryFrom[a] == queryFrom[a+1] || table[a].neutral(len(keys)))
		}
		programs = append(programs, table)
	}
	if neutral {
		return nil, 0
	}
	var taskWords []int32
	for a := range labels {
		for from, to := queryFrom[a], queryFrom[a+1]; from < to; from += most {
			taskWords = append(taskWords, int32(from), int32(min(most, to-from)), int32(a))
			tasks++
		}
	}
	const header = 6
	tasksAt := header + len(queries) + len(keys)
	tablesAt := tasksAt + len(taskWords)
	words = slices.Concat([]int32{
		header, int32(header + len(queries)), int32(tasksAt), int32(tasks), int32(len(heads)), int32(tablesAt),
	}, queries, keys, taskWords, make([]int32, len(heads)))
	for h, table := range programs {
		at := len(words)
		words[tablesAt+h] = int32(at)
		words = append(words, make([]int32, labels)...)
		for a, p := range table {
			words[at+a] = int32(len(words))
			words = append(words, p.words()...)
		}
	}
	return words, tasks
}

// order sorts tokens by label, keeping their order within one: the tokens, and for each label where its own begin, and the end.
func order(labels []uint8, n int) (tokens []int32, from []int) {
	from = make([]int, n+1)
	for _, l := range labels {
		from[l+1]++
	}
	for l := range n {
		from[l+1] += from[l]
	}
	tokens, next := make([]int32, len(labels)), slices.Clone(from)
	for i, l := range labels {
		tokens[next[l]] = int32(i)
		next[l]++
	}
	return tokens, from
}

// read works out how the queries under rules, one for each key label, read the sorted keys.
func read(rules []kernels.Rule, keyFrom []int, apart bool) program {
	var targets, others []segment
	var sum float32
	for c, rule := range rules {
		s := segment{from: keyFrom[c], to: keyFrom[c+1], label: c, rule: rule}
		switch {
		case s.from == s.to || rule.Block || math.IsInf(float64(rule.Beta), -1):
		case rule.Target > 0:
			s.share = rule.Target
			sum += rule.Target
			targets = append(targets, s)
		case !apart && len(others) > 0 && others[len(others)-1].to == s.from && others[len(others)-1].rule == rule:
			others[len(others)-1].to = s.to
		default:
			others = append(others, s)
		}
	}
	p := program{rest: 1 - sum}
	if len(targets) > 0 && (p.rest <= 0 || len(others) == 0) {
		// The targets take everything, in proportion. Others are not read at all.
		p.rest, others = 0, nil
		for i := range targets {
			targets[i].share /= sum
		}
	}
	p.segments = append(targets, others...)
	return p
}

// neutral says whether this is plain attention on that many keys: the beta and the target of the only segment change nothing.
func (p program) neutral(keys int) bool {
	return len(p.segments) == 1 && p.segments[0].rule.Alpha == 0 && p.segments[0].from == 0 && p.segments[0].to == keys
}

// words is a Program and its Segments.
func (p program) words() []int32 {
	extremes := int32(0)
	var words []int32
	for _, s := range p.segments {
		alpha := s.rule.Alpha
		if alpha != 0 {
			extremes = 1
		}
		words = append(words, int32(s.from), int32(s.to), int32(s.label))
		for _, f := range []float32{s.share, 1 - max(alpha, -alpha), max(alpha, 0), max(-alpha, 0), s.rule.Beta} {
			words = append(words, int32(math.Float32bits(f)))
		}
	}
	return append([]int32{int32(len(p.segments)), extremes, int32(math.Float32bits(p.rest))}, words...)
}
