package tensor_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sowgen/sowgen/tensor"
)

// normal returns a tensor of normal numbers that follow from seed alone.
func normal(seed uint64, shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	t := tensor.New(shape...)
	x := tensor.Floats(t)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return t
}

// rules is a table of n×n neutral rules.
func rules(n int) [][]tensor.Rule {
	table := make([][]tensor.Rule, n)
	for i := range table {
		table[i] = make([]tensor.Rule, n)
	}
	return table
}

// TestDenseFormula holds the merged softmax to the dense formula of testdata/region-attention-golden.json, computed in float64. The
// logits have d = 8 terms and each key is one of 48 in the sum.
func TestDenseFormula(t *testing.T) {
	raw, err := os.ReadFile("testdata/region-attention-golden.json")
	require.NoError(t, err)
	var g struct {
		N, D         int
		Reg          []int
		Q, K, V, Out [][]float64
		Alpha, Beta  [][]float32
		Block        [][]bool
	}
	require.NoError(t, json.Unmarshal(raw, &g))
	load := func(rows [][]float64) *tensor.Tensor {
		x := tensor.New(1, g.N, g.D)
		for i, v := range slices.Concat(rows...) {
			tensor.Floats(x)[i] = float32(v)
		}
		return x
	}
	r := &tensor.Regions{Height: 6, Width: 8, Rules: rules(len(g.Alpha))}
	for _, l := range g.Reg {
		r.Labels = append(r.Labels, uint8(l))
	}
	for a := range g.Alpha {
		for c := range g.Alpha[a] {
			r.Rules[a][c] = tensor.Rule{Alpha: g.Alpha[a][c], Beta: g.Beta[a][c], Block: g.Block[a][c]}
		}
	}
	got := tensor.Attention(load(g.Q), load(g.K), load(g.V), tensor.AttnParams{Heads: 1, Regions: r})
	// Errors of a logit: its 8 terms and the rounding of q and k, for the largest logits of about 4; they enter a softmax that sums to 1
	// and values of at most 3.
	near(t, tensor.Floats(got), slices.Concat(g.Out...), (8+2)*4*3*0x1p-24)
}

func TestAt(t *testing.T) {
	everywhere, oneReadsTwo := rules(4), rules(4)
	for _, row := range everywhere {
		for c := range row {
			row[c].Beta = 1
		}
	}
	oneReadsTwo[1][2].Beta = 1
	labels := func(rows []string) (all []uint8) {
		for _, l := range strings.Join(rows, "") {
			all = append(all, uint8(l-'0'))
		}
		return all
	}
	for _, test := range []struct {
		name  string
		rules [][]tensor.Rule
		from  []string
		h, w  int
		want  []string // nil: plain attention
	}{
		{"the same grid", everywhere, []string{"012", "210"}, 2, 3, []string{"012", "210"}},
		{"the larger label wins", everywhere, []string{"0012", "0000", "3000", "0021"}, 2, 2, []string{"02", "32"}},
		{"one cell of many", everywhere, []string{"0000000000", "0000000020", "1000000000", "0000000000"}, 1, 2, []string{"12"}},
		{"odd rows", everywhere, []string{"1000", "0000", "0200", "0000", "0003"}, 2, 2, []string{"10", "23"}}, // rows 0-1 and 2-4
		{"odd columns", everywhere, []string{"10203"}, 1, 3, []string{"123"}},                                  // columns 0, 1-2 and 3-4
		{"a finer grid", everywhere, []string{"12", "00"}, 4, 4, []string{"1122", "1122", "0000", "0000"}},
		{"finer, odd", everywhere, []string{"12"}, 1, 5, []string{"11122"}},
		{"finer one way", everywhere, []string{"1201", "0000"}, 4, 2, []string{"21", "21", "00", "00"}},
		{"no cells", everywhere, []string{"12"}, 0, 2, nil},

		{"a rule for what is there", oneReadsTwo, []string{"0102", "0000"}, 2, 4, []string{"0102", "0000"}},
		{"no rule for what is there", oneReadsTwo, []string{"0103", "3000"}, 2, 4, nil},
		{"nobody to be read", oneReadsTwo, []string{"1111"}, 1, 4, nil},
		{"the reader swallowed", oneReadsTwo, []string{"1212"}, 1, 2, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &tensor.Regions{Labels: labels(test.from), Height: len(test.from), Width: len(test.from[0]), Rules: test.rules}
			require.NoError(t, r.Validate())
			got := r.At(test.h, test.w)
			if test.want == nil {
				require.Nil(t, got)
				return
			}
			require.NoError(t, got.Validate())
			require.Equal(t, labels(test.want), got.Labels)
			require.Equal(t, []int{test.h, test.w}, []int{got.Height, got.Width})
			for _, smallest := range []int{min(test.h, test.w), min(test.h, test.w) + 1} {
				r.Smallest = smallest
				require.Equal(t, smallest <= min(test.h, test.w), r.At(test.h, test.w) != nil, "smallest %d", smallest)
			}
		})
	}
	var none *tensor.Regions
	require.Nil(t, none.At(8, 8))
}

// TestAtKeepsPrecedence: on a coarser grid a cell's label is one of those it covers, every label is covered once, and the largest stays.
func TestAtKeepsPrecedence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, w := rapid.IntRange(1, 12).Draw(t, "h"), rapid.IntRange(1, 12).Draw(t, "w")
		r := &tensor.Regions{Height: h, Width: w, Rules: rules(4), Labels: rapid.SliceOfN(rapid.Uint8Range(0, 3), h*w, h*w).Draw(t, "labels")}
		for a := range r.Rules {
			for c := range r.Rules {
				r.Rules[a][c].Alpha = 0.5
			}
		}
		coarse := r.At(rapid.IntRange(1, h).Draw(t, "rows"), rapid.IntRange(1, w).Draw(t, "columns"))
		require.Equal(t, slices.Max(r.Labels), slices.Max(coarse.Labels))
		require.LessOrEqual(t, slices.Min(r.Labels), slices.Min(coarse.Labels))
		for l := range uint8(4) {
			require.True(t, !slices.Contains(coarse.Labels, l) || slices.Contains(r.Labels, l))
		}
		require.Equal(t, r.Labels, r.At(h, w).Labels)
		back := coarse.At(coarse.Height*3, coarse.Width*2).At(coarse.Height, coarse.Width)
		require.Equal(t, coarse.Labels, back.Labels, "finer and back")
	})
}

func TestValidate(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for want, change := range map[string]func(r *tensor.Regions){
		"4 labels on a grid of 2×3":                    func(r *tensor.Regions) { r.Width = 3 },
		"4 labels on a grid of 0×2":                    func(r *tensor.Regions) { r.Height = 0 },
		"4 labels on a grid of -2×-2":                  func(r *tensor.Regions) { r.Height, r.Width = -2, -2 },
		"0 labels on a grid of 2×2":                    func(r *tensor.Regions) { r.Labels = nil },
		"rules for 0 labels, want 1 … 16":              func(r *tensor.Regions) { r.Rules = nil },
		"rules for 17 labels, want 1 … 16":             func(r *tensor.Regions) { r.Rules = rules(17) },
		"label 2 at row 1, column 0 has no rules":      func(r *tensor.Regions) { r.Labels[2] = 2 },
		"label 1 has rules for 1 labels, want 2":       func(r *tensor.Regions) { r.Rules[1] = r.Rules[1][:1] },
		"rule 0 reads 1: {Alpha:1.5 ":                  func(r *tensor.Regions) { r.Rules[0][1].Alpha = 1.5 },
		"rule 1 reads 0: {Alpha:-1.5 ":                 func(r *tensor.Regions) { r.Rules[1][0].Alpha = -1.5 },
		"rule 0 reads 0: {Alpha:NaN ":                  func(r *tensor.Regions) { r.Rules[0][0].Alpha = nan },
		"rule 1 reads 1: {Alpha:0 Beta:NaN":            func(r *tensor.Regions) { r.Rules[1][1].Beta = nan },
		"Beta:+Inf Target:0 Block:false}: want alpha":  func(r *tensor.Regions) { r.Rules[1][1].Beta = inf },
		"Beta:-Inf Target:0 Block:false}: want alpha":  func(r *tensor.Regions) { r.Rules[1][1].Beta = -inf },
		"Target:1 Block:false}: want alpha in [-1, 1]": func(r *tensor.Regions) { r.Rules[0][1].Target = 1 },
		"Target:-0.1 Block:false}":                     func(r *tensor.Regions) { r.Rules[0][1].Target = -0.1 },
		"Target:NaN Block:false}":                      func(r *tensor.Regions) { r.Rules[0][1].Target = nan },
	} {
		t.Run(want, func(t *testing.T) {
			r := &tensor.Regions{Height: 2, Width: 2, Labels: []uint8{0, 0, 1, 1}, Rules: rules(2)}
			require.NoError(t, r.Validate())
			change(r)
			require.ErrorContains(t, r.Validate(), want)
			assert.Regexp(t, "^tensor: regions: ", r.Validate())
		})
	}
}

func TestNeutral(t *testing.T) {
	assert.True(t, tensor.Rule{}.Neutral())
	for _, r := range []tensor.Rule{{Alpha: 0.1}, {Beta: -1}, {Target: 0.5}, {Block: true}} {
		assert.False(t, r.Neutral(), r)
	}
}

// scene is an attention over a 5×7 grid in three regions, of two pictures and two heads.
type scene struct {
	q, k, v *tensor.Tensor
	r       *tensor.Regions
}

const heads = 2

func newScene() scene {
	const h, w = 5, 7
	s := scene{normal(1, 2, h*w, 16), normal(2, 2, h*w, 16), normal(3, 2, h*w, 16), &tensor.Regions{Height: h, Width: w, Rules: rules(3)}}
	for i := range h * w {
		s.r.Labels = append(s.r.Labels, uint8(i*i%11%3))
	}
	return s
}

// attend returns the result and the mass [n, heads, 3, 3].
func (s scene) attend() (*tensor.Tensor, []float32) {
	mass := slices.Repeat([]float32{9}, 2*heads*9) // what was there counts for nothing
	return tensor.Attention(s.q, s.k, s.v, tensor.AttnParams{Heads: heads, Regions: s.r, Mass: mass}), mass
}

// roundings is the tolerance for what should be equal but is computed in another order: 35 keys, 8 terms, values of at most 4.
const roundings = (35 + 8) * 4 * 0x1p-24

func TestNeutralRulesArePlain(t *testing.T) {
	s := newScene()
	plain := tensor.Attention(s.q, s.k, s.v, tensor.AttnParams{Heads: heads})
	neutral := tensor.Attention(s.q, s.k, s.v, tensor.AttnParams{Heads: heads, Regions: s.r})
	require.Equal(t, tensor.Floats(plain), tensor.Floats(neutral), "to the bit")
	watched, _ := s.attend()
	near(t, tensor.Floats(watched), tensor.Floats(plain), roundings)
}

func TestMassesOfAQuerySumToOne(t *testing.T) {
	s := newScene()
	s.r.Rules[0][1] = tensor.Rule{Alpha: 0.5}
	s.r.Rules[1][2] = tensor.Rule{Block: true}
	s.r.Rules[2][0] = tensor.Rule{Target: 0.4}
	_, mass := s.attend()
	for row := 0; row < len(mass); row += 3 {
		near(t, []float32{mass[row] + mass[row+1] + mass[row+2]}, []float32{1}, roundings)
		assert.GreaterOrEqual(t, slices.Min(mass[row:row+3]), float32(0))
	}
	for head := 0; head < len(mass); head += 9 {
		assert.Zero(t, mass[head+1*3+2], "1 may not read 2")
		near(t, mass[head+2*3:][:1], []float32{0.4}, roundings)
	}
}

func TestEverythingBlocked(t *testing.T) {
	s := newScene()
	block := tensor.Rule{Block: true, Target: 0.5} // the target of a blocked region is void
	s.r.Rules[1] = []tensor.Rule{block, block, block}
	out, mass := s.attend()
	for i, l := range s.r.Labels {
		row := tensor.Floats(out)[i*16:][:16]
		require.Equal(t, l == 1, slices.Equal(row, make([]float32, 16)), "token %d, label %d", i, l)
	}
	require.Equal(t, []float32{0, 0, 0}, mass[3:6])
}

// TestTargets: the region gets exactly what is asked for, the others keep their proportions.
func TestTargets(t *testing.T) {
	s := newScene()
	_, before := s.attend()
	for _, target := range []float32{0.001, 0.3, 0.5, 0.999} {
		s.r.Rules = rules(3)
		s.r.Rules[0][2].Target = target
		_, mass := s.attend()
		for head := 0; head < len(mass); head += 9 {
			near(t, mass[head+2:][:1], []float32{target}, roundings)
			near(t, mass[head+3:][:6], before[head+3:][:6], roundings) // the other rows
		}
	}
	s.r.Rules[0] = []tensor.Rule{{Target: 0.9}, {Target: 0.6}, {}}
	_, mass := s.attend()
	near(t, mass[:3], []float32{0.6, 0.4, 0}, roundings)
}

// TestDirections: enhancing a region moves attention there, suppressing takes it away, and a full enhancement makes its keys all equal to
// the strongest one.
func TestDirections(t *testing.T) {
	s := newScene()
	_, before := s.attend()
	last := before[1]
	for _, alpha := range []float32{0.25, 0.5, 1} {
		s.r.Rules[0][1] = tensor.Rule{Alpha: alpha}
		_, mass := s.attend()
		require.Greater(t, mass[1], last)
		last = mass[1]
	}
	last = before[1]
	for _, alpha := range []float32{-0.25, -0.5, -1} {
		s.r.Rules[0][1] = tensor.Rule{Alpha: alpha}
		_, mass := s.attend()
		require.Less(t, mass[1], last)
		last = mass[1]
	}
}

// TestPermutedTokens: attention does not know an order of tokens. Dealing them out anew, with their labels, deals out the result.
func TestPermutedTokens(t *testing.T) {
	s := newScene()
	s.r.Rules[0][1] = tensor.Rule{Alpha: 0.5, Beta: 1}
	s.r.Rules[1][0] = tensor.Rule{Alpha: -0.5}
	s.r.Rules[1][2] = tensor.Rule{Block: true}
	s.r.Rules[2][0] = tensor.Rule{Target: 0.4}
	out, mass := s.attend()

	order := rand.New(rand.NewPCG(4, 0)).Perm(len(s.r.Labels))
	deal := func(x *tensor.Tensor) *tensor.Tensor {
		var tokens []*tensor.Tensor
		for _, i := range order {
			tokens = append(tokens, tensor.Slice(x, 1, i, i+1))
		}
		return tensor.Concat(1, tokens...)
	}
	p := scene{deal(s.q), deal(s.k), deal(s.v), &tensor.Regions{Height: s.r.Height, Width: s.r.Width, Rules: s.r.Rules}}
	for _, i := range order {
		p.r.Labels = append(p.r.Labels, s.r.Labels[i])
	}
	dealt, dealtMass := p.attend()
	near(t, tensor.Floats(dealt), tensor.Floats(deal(out)), 2*roundings)
	near(t, dealtMass, mass, 2*roundings)
}

// TestRelabelled: the numbers of the labels mean nothing beyond At.
func TestRelabelled(t *testing.T) {
	s := newScene()
	s.r.Rules[0][1] = tensor.Rule{Alpha: 0.5, Beta: 1}
	s.r.Rules[2][0] = tensor.Rule{Target: 0.4}
	out, _ := s.attend()
	to := []uint8{2, 0, 1}
	p := s
	p.r = &tensor.Regions{Height: s.r.Height, Width: s.r.Width, Rules: rules(3)}
	for _, l := range s.r.Labels {
		p.r.Labels = append(p.r.Labels, to[l])
	}
	for a := range to {
		for c := range to {
			p.r.Rules[to[a]][to[c]] = s.r.Rules[a][c]
		}
	}
	renamed, _ := p.attend()
	near(t, tensor.Floats(renamed), tensor.Floats(out), 2*roundings)
}

// TestBatch: a picture's result does not depend on its company.
func TestBatch(t *testing.T) {
	s := newScene()
	s.r.Rules[0][1] = tensor.Rule{Alpha: 0.5}
	out, mass := s.attend()
	one := scene{tensor.Slice(s.q, 0, 1, 2), tensor.Slice(s.k, 0, 1, 2), tensor.Slice(s.v, 0, 1, 2), s.r}
	alone := make([]float32, heads*9)
	got := tensor.Attention(one.q, one.k, one.v, tensor.AttnParams{Heads: heads, Regions: s.r, Mass: alone})
	require.Equal(t, tensor.Floats(tensor.Slice(out, 0, 1, 2)), tensor.Floats(got))
	require.Equal(t, mass[heads*9:], alone)
}
