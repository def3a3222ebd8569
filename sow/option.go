package sow

import "github.com/sowgen/sowgen/tensor"

// Option changes how [Open] opens a model.
type Option func(*Pipeline)

// On is the engine that the networks run on: its device and its precision, as in On(tensor.CPU{Precision: tensor.Mixed}). Without it that is
// the CPU in float32.
func On(e tensor.Engine) Option { return func(p *Pipeline) { p.engine = e } }
