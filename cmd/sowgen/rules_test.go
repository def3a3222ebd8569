package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesExplain(t *testing.T) {
	workIn(t)
	require.NoError(t, os.WriteFile("rules.json", []byte(`{"rules": [
		{"query": "background", "key": "condition", "block": true, "layer": "up_blocks", "cycle": [1, 3], "node": 7},
		{"query": "background", "key": "related", "suppress": 0.5, "resolution": 4, "phases": ["final"]},
		{"query": "background", "key": "related", "suppress": 0.5, "node": 9},
		{"query": "background", "key": "related", "suppress": 0.5, "resolution": 64}]}`), 0o600))
	out := must(t, "rules", "explain", "rules.json").stdout
	for _, line := range []string{
		"rules.json: 4 rules; builtin at 128x128, 10 steps\n",
		" -1  related reads source: target 0.3 (--target-mass)\n     cycles 1 … 10: nodes 8, 7\n",
		"  0  related.neck reads source: target 0.7 (--neck-mass)\n     cycles 1 … 10: nodes 8, 7\n     final: nodes 6, 5, 4, 3, 2, 1\n",
		"  1  background reads condition: block\n     cycles 1 … 3: nodes 7\n",
		"  2  background reads related: suppress 0.5\n     final: nodes 6, 5, 4, 3, 2, 1\n",
		"     never: ", "     nowhere: ",
		"mid_block.attentions.0.transformer_blocks.0.attn1      4x4    4      2\n",
		"up_blocks.2.attentions.1.transformer_blocks.0.attn1    16x16  2      -1, 0, 1\n",
	} {
		require.Contains(t, out, line)
	}
	require.Contains(t, must(t, "rules", "explain", "--method", "text", "--steps", "20", "--size", "64x64", "rules.json").stdout, "final: nodes 20, 19")

	require.NoError(t, os.WriteFile("bad.json", []byte(`{"rules": [{"query": "sky", "key": "condition", "block": true}]}`), 0o600))
	before := list(t, ".")
	sowgen(t, "rules", "explain", "bad.json").refuses(t, exitFailed, before, `bad.json: rules[0].query "sky": no region is called so: want condition, related`)
	sowgen(t, "rules", "explain", "none.json").refuses(t, exitFailed, before, "none.json")
	sowgen(t, "rules", "explain").refuses(t, exitUsage, before, "want one FILE")
	sowgen(t, "rules", "explain", "--steps", "1", "rules.json").refuses(t, exitUsage, before, "steps")
}

// TestGenerateRules: a program changes the picture, and is on record in it; an empty one changes no byte of the pixels.
func TestGenerateRules(t *testing.T) {
	workIn(t)
	require.NoError(t, os.WriteFile("empty.json", []byte(`{"rules": []}`), 0o600))
	require.NoError(t, os.WriteFile("hat.json", []byte(`{"rules": [{"query": "related.hat", "key": "condition", "block": true}]}`), 0o600))
	require.NoError(t, os.WriteFile("alone.json", []byte(`{"rules": [{"query": "related", "key": {"complement": "related"}, "block": true}]}`), 0o600))
	draw := func(name string, more ...string) (latents []byte, o outcome) {
		o = must(t, append([]string{"generate", "--face", condition(t), "--prompt", "a boy", "--cycles", "1", "--seed", "1", "-o", name + ".png", "--save-latents", name + ".st"}, more...)...)
		latents, err := os.ReadFile(name + ".st")
		require.NoError(t, err)
		return latents, o
	}
	plain, _ := draw("plain")
	empty, _ := draw("empty", "--rules", "empty.json")
	require.True(t, bytes.Equal(plain, empty))
	idle, o := draw("idle", "--rules", "hat.json")
	require.True(t, bytes.Equal(plain, idle))
	require.Contains(t, o.stderr, `nothing in this picture is what the rule "related.hat reads condition: block" is about`)
	ruled, _ := draw("ruled", "--rules", "alone.json")
	require.False(t, bytes.Equal(plain, ruled))
	png, err := os.ReadFile("ruled.png")
	require.NoError(t, err)
	require.True(t, bytes.Contains(png, []byte(`"rules":{"rules":[{"query":"related","key":{"complement":"related"},"block":true}]}`)))
	_, o = draw("cow", "--method", "cow", "--rules", "alone.json")
	require.Contains(t, o.stderr, "no effect with method cow: --rules")
}

// TestCapture: what the attention did comes as a table and as two drawings, all of them or none.
func TestCapture(t *testing.T) {
	workIn(t)
	args := []string{"generate", "--face", condition(t), "--prompt", "a boy", "--cycles", "1", "--seed", "1", "-o", "a.png", "--capture", "seen"}
	must(t, args...)
	require.Equal(t, []string{"a.png", "seen/maps.png", "seen/masses.csv", "seen/masses.png"}, list(t, "."))
	table, err := os.ReadFile("seen/masses.csv")
	require.NoError(t, err)
	require.Regexp(t, `cycle,1,7,\d+,up_blocks.2.attentions.1.transformer_blocks.0.attn1,16,16,related.1,condition.1,0.(3|29999)`, string(table))
	before := list(t, ".")
	sowgen(t, append(args, "--seed", "2", "-o", "b.png")...).refuses(t, exitFailed, before, "seen/masses.csv", "--force")
	sowgen(t, append(args, "--capture", "a.png")...).refuses(t, exitFailed, before, "a.png")
	sowgen(t, append(args, "-o", "c.png", "--capture", "new", "--steps", "0")...).refuses(t, exitUsage, before, "steps")
}
