package cuda

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sowgen/sowgen/kernels"
)

// TestPlan reads plans as the kernels do: every query is in one task of its label, every head's program for the label reads every key that
// its rules let it read once, under that rule, and shares come to 1.
func TestPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.IntRange(1, 4).Draw(t, "labels")
		rule := rapid.SampledFrom([]kernels.Rule{{}, {}, {Alpha: 0.5}, {Alpha: -0.25, Beta: 1}, {Block: true}, {Target: 0.3}, {Target: 0.7}})
		table := rapid.SliceOfN(rapid.SliceOfN(rule, labels, labels), labels, labels)
		label := rapid.Uint8Range(0, uint8(labels-1))
		r := &kernels.Regions{
			Query: rapid.SliceOfN(label, 1, 200).Draw(t, "queries"), Key: rapid.SliceOfN(label, 1, 40).Draw(t, "keys"), Rules: table.Draw(t, "rules"),
		}
		if rapid.Bool().Draw(t, "per head") {
			r.PerHead = [][][]kernels.Rule{nil, table.Draw(t, "second head")}
		}
		apart := rapid.Bool().Draw(t, "apart")
		most := rapid.SampledFrom([]int{64, 128}).Draw(t, "most")
		words, tasks := plan(r, apart, most)
		if words == nil {
			require.False(t, apart)
			return
		}
		queriesAt, keysAt, tasksAt, heads, tablesAt := words[0], words[1], words[2], int(words[4]), words[5]
		require.EqualValues(t, tasks, words[3])
		seen := make([]bool, len(r.Query))
		for i := range tasks {
			task := words[int(tasksAt)+3*i:][:3]
			require.LessOrEqual(t, task[1], int32(most))
			for place := task[0]; place < task[0]+task[1]; place++ {
				query := words[queriesAt+place]
				require.False(t, seen[query])
				seen[query] = true
				require.EqualValues(t, r.Query[query], task[2])
			}
			for z := range 4 {
				rules := r.Rules
				if len(r.PerHead) > 0 && r.PerHead[z%2] != nil {
					rules = r.PerHead[z%2]
				}
				program := words[words[words[int(tablesAt)+z%heads]+task[2]]:]
				checkProgram(t, program, words[keysAt:][:len(r.Key)], r.Key, rules[task[2]])
			}
		}
		require.NotContains(t, seen, false)
	})
}

func checkProgram(t *rapid.T, program, keys []int32, labels []uint8, rules []kernels.Rule) {
	float := func(w int32) float32 { return math.Float32frombits(uint32(w)) }
	segments, extremes, rest := int(program[0]), program[1] == 1, float(program[2])
	read, shares, others := make([]bool, len(keys)), float32(0), false
	for i := range segments {
		s := program[3+8*i:][:8]
		for place := s[0]; place < s[1]; place++ {
			key := keys[place]
			rule := rules[labels[key]]
			require.False(t, read[key])
			read[key] = true
			require.False(t, rule.Block)
			require.Equal(t, []float32{1 - max(rule.Alpha, -rule.Alpha), max(rule.Alpha, 0), max(-rule.Alpha, 0), rule.Beta},
				[]float32{float(s[4]), float(s[5]), float(s[6]), float(s[7])})
			require.True(t, extremes || rule.Alpha == 0)
		}
		if share := float(s[3]); share > 0 {
			require.False(t, others, "targets come first")
			shares += share
		} else {
			others = true
		}
	}
	if others {
		shares += rest
	}
	if segments > 0 {
		require.InDelta(t, 1, shares, 1e-6)
	}
	// What is not read is blocked, or gets nothing because targets take everything.
	for key, ok := range read {
		rule := rules[labels[key]]
		require.True(t, ok || rule.Block || rule.Target == 0 && rest == 0 && !others)
	}
}

func TestPlanOfNothing(t *testing.T) {
	labels := []uint8{0, 1, 1, 0}
	neutral := &kernels.Regions{Query: labels, Key: labels, Rules: [][]kernels.Rule{{{}, {}}, {{}, {}}}}
	words, _ := plan(neutral, false, 64)
	require.Nil(t, words)
	words, _ = plan(neutral, true, 64) // to know the masses
	require.NotNil(t, words)
	words, _ = plan(nil, false, 64)
	require.Nil(t, words)
	tokens, from := order(labels, 2)
	require.Equal(t, []int32{0, 3, 1, 2}, tokens)
	require.True(t, slices.Equal([]int{0, 2, 4}, from))
}
