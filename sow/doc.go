// Package sow keeps a given picture (a face, any visual condition) and lets Stable Diffusion grow a whole, coherent picture around it
// from a text, with no training: COW's cyclic one-way diffusion (arXiv 2306.08247) and SOW's planned, attention-modulated form of it
// (arXiv 2411.19182). docs/method.md has the equations, and says what is the papers' and what is ours.
//
// [Open] a model, then [Pipeline.Generate]:
//
//	p, err := sow.Open("builtin")
//	...
//	r, err := p.Generate(ctx, sow.Request{Prompt: "a girl with a red hat in a snowy forest", Conditions: []sow.Condition{{Picture: face}}})
//
// A reader begins at pipeline.go and follows Generate.
package sow
