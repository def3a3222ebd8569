package clip

// FLOP is how many floating-point operations encoding so many tokens takes: two for each multiplication of a linear layer or an attention.
// The causal mask is not taken off. What lies between these is not counted.
func (c *Config) FLOP(tokens int) float64 {
	rows, width := float64(tokens), float64(c.HiddenSize)
	projections := 4 * rows * width * width
	attention := 2 * rows * rows * width
	network := 2 * rows * width * float64(c.IntermediateSize)
	return 2 * float64(c.NumHiddenLayers) * (projections + attention + network)
}
