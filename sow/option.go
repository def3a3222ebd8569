package sow

import "github.com/sowgen/sowgen/tensor"

// Option changes how [Open] opens a model.
type Option func(*Pipeline)

// On is the engine that the networks run on: its device and its precision, as in On(tensor.CPU{Precision: tensor.Mixed}). Without it that is
// the CPU in float32.
func On(e tensor.Engine) Option { return func(p *Pipeline) { p.engine = e } }

// LowMemory makes a picture with the least memory: each network is loaded when a run first needs it and let go of when the run does not need
// it any more, the text encoder before the others are there and the UNet before the picture is decoded. Open then only checks the files;
// numbers in them that are damaged are found by Generate. The price is that each picture loads the networks anew, so it is for programs that
// make one, and for machines on which all networks at once do not fit. Without it they are loaded by Open and stay.
func LowMemory() Option { return func(p *Pipeline) { p.lowMemory = true } }

// MemoryLimit is how many bytes the whole process may take; a run that would take more goes through the UNet with fewer prompts at a time,
// and if that does not help is refused with a [*MemoryError]. Without it, the limit is what the machine, or the control group that the
// process is in, has left; so it is with 0.
func MemoryLimit(bytes int64) Option { return func(p *Pipeline) { p.memoryLimit = bytes } }

// Beside is how many bytes the program has in memory, or will have, beside the pipeline: they count in the estimate of every run, and so against
// the limit.
func Beside(bytes int64) Option { return func(p *Pipeline) { p.beside = bytes } }
