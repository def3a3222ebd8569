package sampler

import (
	"math"

	"github.com/sowgen/sowgen/tensor"
)

// Noise is torch's CPU generator: after NewNoise(seed), each call draws the numbers that torch.randn(..., generator=g) draws after
// g.manual_seed(seed), and leaves the stream where torch leaves it. A run with the same seed thus meets the same noise as a PyTorch
// script. The numbers equal those of PyTorch on x86-64 with AVX2 bit for bit; its builds for other machines differ from that, and so
// from these, by a few units in the last place.
//
// A Noise is not safe for concurrent use.
type Noise struct {
	mt mt19937
	// Draws below 16 numbers come in pairs; the second of a pair waits here, across calls and even across larger draws.
	spare    float64
	hasSpare bool
}

// NewNoise returns the stream of torch.Generator().manual_seed(seed). As in torch, only the low 32 bits of seed tell streams apart.
func NewNoise(seed uint64) *Noise { return &Noise{mt: newMT19937(seed)} }

// Fill is one call of torch.randn for len(dst) numbers, in torch's memory order.
func (n *Noise) Fill(dst []float32) {
	if len(dst) < 16 {
		for i := range dst {
			dst[i] = float32(n.normal())
		}
		return
	}
	for i := range dst {
		dst[i] = n.mt.float32()
	}
	for i := 0; i+16 <= len(dst); i += 16 {
		boxMuller((*[16]float32)(dst[i:]))
	}
	if len(dst)%16 != 0 { // torch draws the last 16 afresh, over finished ones
		tail := (*[16]float32)(dst[len(dst)-16:])
		for i := range tail {
			tail[i] = n.mt.float32()
		}
		boxMuller(tail)
	}
}

// normal is torch's scalar path: Box-Muller in float64, one number at a time.
func (n *Noise) normal() float64 {
	if n.hasSpare {
		n.hasSpare = false
		return n.spare
	}
	angle, u := n.mt.float64(), n.mt.float64()
	radius := math.Sqrt(-2 * math.Log1p(-u))
	sin, cos := math.Sincos(2 * math.Pi * angle)
	n.spare, n.hasSpare = radius*sin, true
	return radius * cos
}

// Latents returns the noise [b, h, w, c] of one torch.randn((b, c, h, w)): torch keeps channels first, so the numbers are drawn in that
// order and then laid channels last.
func (n *Noise) Latents(b, h, w, c int) *tensor.Tensor {
	x := tensor.New(b, c, h, w)
	n.Fill(tensor.Floats(x))
	return tensor.ToChannelsLast(x)
}
