package sow

import (
	"fmt"
	"io/fs"
	"runtime/debug"
	"sync"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// network is one of a model's networks, which is loaded when it is first asked for and may be let go of.
type network[C, M any] struct {
	Config C
	of     string // the model
	engine tensor.Engine
	fsys   fs.FS
	folder string // of its weights …
	base   string // … and what their files are called
	build  func(C, weights.Source) (M, error)

	mu     sync.Mutex
	loaded bool
	model  M
}

func newNetwork[C, M any](p *Pipeline, fsys fs.FS, folder, base string, cfg C, build func(C, weights.Source) (M, error)) *network[C, M] {
	return &network[C, M]{Config: cfg, of: p.Model, engine: p.engine, fsys: fsys, folder: folder, base: base, build: build}
}

// get returns the network.
func (n *network[C, M]) get() (M, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.loaded {
		return n.model, nil
	}
	if err := n.load(); err != nil {
		return n.model, fmt.Errorf("model %s: %w", n.of, err)
	}
	return n.model, nil
}

// load reads the network; n.mu is held, or nobody else knows n yet.
func (n *network[C, M]) load() error {
	src, err := weights.OpenFolder(n.fsys, n.folder, n.base)
	if err != nil {
		return err
	}
	defer src.Close()
	m, err := n.build(n.Config, weights.On(n.engine, src))
	if err == nil {
		n.model, n.loaded = m, true
	}
	return err
}

// outline is a network without its numbers.
type outline[M any] struct {
	model  M
	engine *tensor.Dry // where it lives
	bytes  int64       // that the numbers take
}

// outline reads the headers of the weights and nothing else, for the network as it would be on e.
func (n *network[C, M]) outline(e tensor.Engine) (o outline[M], err error) {
	src, err := weights.OpenFolder(n.fsys, n.folder, n.base)
	if err != nil {
		return o, err
	}
	defer src.Close()
	w := weights.NewOutline(e, src)
	o.model, err = n.build(n.Config, w)
	o.engine, o.bytes = w.Engine(), w.Bytes()
	return o, err
}

// measure returns how many bytes evaluate takes for activations and for what its kernels work in.
func (o *outline[M]) measure(evaluate func(m M, e *tensor.Dry) error) (int64, error) {
	tensor.ReleaseArenas(o.engine)
	defer tensor.ReleaseArenas(o.engine)
	o.engine.ResetWorking()
	err := evaluate(o.model, o.engine)
	return tensor.ArenaPeak(o.engine) + o.engine.Working(), err
}

// drop lets go of the network. Who works with it keeps it as long; the next get loads it again.
func (n *network[C, M]) drop() {
	var none M
	n.mu.Lock()
	defer n.mu.Unlock()
	n.model, n.loaded = none, false
}

// leave is called where a stage of a run is over that needed a network for the last time: what the stage took for its activations goes back to
// the system, and with LowMemory the network does too.
func (p *Pipeline) leave(drop func()) {
	tensor.ReleaseArenas(p.engine)
	if p.lowMemory {
		drop()
		debug.FreeOSMemory()
	}
}
