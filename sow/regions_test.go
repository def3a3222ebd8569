package sow

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/rules"
)

// TestTargetMasses: what grows takes after the condition in the cycles, a neck more and to the end; without a target mass nothing does, and what
// the user says comes last.
func TestTargetMasses(t *testing.T) {
	words := func(p Params) (all []string) {
		for _, r := range p.program().Rules {
			all = append(all, r.String())
		}
		return all
	}
	p := DefaultParams()
	require.Equal(t, []string{"related reads source: target 0.3"}, words(p))
	p.NeckMass = 0.7
	p.Rules = &rules.Program{Rules: []rules.Rule{{Query: rules.Related, Key: rules.Condition, Block: true}}}
	require.Equal(t, []string{"related reads source: target 0.3", "related.neck reads source: target 0.7", "related reads condition: block"}, words(p))
	require.Equal(t, []rules.Phase{rules.Cycle, rules.Final}, p.program().Rules[1].Phases)
	p.TargetMass = 0
	require.Equal(t, []string{"related reads condition: block"}, words(p))
}
