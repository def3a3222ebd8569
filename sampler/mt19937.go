package sampler

// mt19937 is the Mersenne Twister of Matsumoto and Nishimura (ACM TOMACS 8(1), 1998), seeded as torch seeds it.
type mt19937 struct {
	state [mtN]uint32
	next  int // the word to hand out next; mtN: the state must be renewed first
}

const (
	mtN     = 624
	mtM     = 397
	matrixA = 0x9908b0df
)

// newMT19937 initialises the state by the 2002 recurrence from the low 32 bits of seed; torch drops the high ones too.
func newMT19937(seed uint64) mt19937 {
	g := mt19937{next: mtN}
	g.state[0] = uint32(seed)
	for i := 1; i < mtN; i++ {
		g.state[i] = 1812433253*(g.state[i-1]^g.state[i-1]>>30) + uint32(i)
	}
	return g
}

// uint32 returns the next 32 random bits.
func (g *mt19937) uint32() uint32 {
	if g.next == mtN {
		g.renew()
	}
	y := g.state[g.next]
	g.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (g *mt19937) renew() {
	for i := range g.state {
		y := g.state[i]&0x80000000 | g.state[(i+1)%mtN]&0x7fffffff
		g.state[i] = g.state[(i+mtM)%mtN] ^ y>>1 ^ -(y&1)&matrixA
	}
	g.next = 0
}

// float32 returns a uniform number in [0, 1) of 24 bits.
func (g *mt19937) float32() float32 { return float32(g.uint32()&(1<<24-1)) / (1 << 24) }

// float64 returns a uniform number in [0, 1) of 53 bits: torch's random64 has the first word on top.
func (g *mt19937) float64() float64 {
	hi, lo := uint64(g.uint32()), uint64(g.uint32())
	return float64((hi<<32|lo)&(1<<53-1)) / (1 << 53)
}
