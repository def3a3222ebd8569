package unet

import (
	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/tensor"
)

// Prompts is what the network reads of encoded prompts: the keys and values of every cross-attention. They are the same at every step.
type Prompts struct {
	n     int
	arena *tensor.Arena
	read  map[*nn.Attention][2]*tensor.Tensor // keys, values [n, tokens, c]
}

// Prepare returns what the network reads of a batch of encoded prompts [n, tokens, cross_attention_dim], for [Input].Prompts. Close it.
func (m *Model) Prepare(context *tensor.Tensor) (p *Prompts, err error) {
	defer tensor.Catch(&err)
	if err := m.checkContext(context, 1); err != nil {
		return nil, err
	}
	p = &Prompts{n: context.Shape()[0], arena: tensor.NewArena(tensor.Device(m.convIn.Bias)), read: map[*nn.Attention][2]*tensor.Tensor{}}
	context = p.arena.Enter(context)
	for _, t := range m.transformers() {
		k, v := t.Block.Attn2.KeysValues(context)
		p.read[t.Block.Attn2] = [2]*tensor.Tensor{k, v}
	}
	return p, nil
}

// Close gives their memory back. They must not be used afterwards.
func (p *Prompts) Close() { p.arena.Close() }

// transformers returns all of them.
func (m *Model) transformers() (all []*Transformer2D) {
	add := func(layers ...layer) {
		for _, l := range layers {
			if l.transformer != nil {
				all = append(all, l.transformer)
			}
		}
	}
	for _, b := range m.downBlocks {
		add(b.layers...)
	}
	add(m.midBlock.first, m.midBlock.last)
	for _, b := range m.upBlocks {
		add(b.layers...)
	}
	return all
}
