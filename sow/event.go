package sow

import "image"

// Stage is a part of a run.
type Stage string

// The stages, in order.
const (
	StageEncode Stage = "encode" // prompts and pictures into the models' spaces
	StageInvert Stage = "invert" // the condition and the canvas into noise
	StageCycle  Stage = "cycle"
	StageFinal  Stage = "final" // the last steps to a clean picture; all steps of method text
	StageDecode Stage = "decode"
)

// Event reports progress: one at the beginning of a stage and one after each step.
type Event struct {
	Stage       Stage
	Cycle, Step int // which cycle, and the node reached
	// Done of Total units of work, a unit being one latent cell through the UNet once, so that their ratio is the share of the time.
	Done, Total int64
	// Preview decodes what the picture looks like now; nil where there is none yet. It costs a VAE decoding and may only be called
	// before the progress function returns.
	Preview func() (image.Image, error)
}
