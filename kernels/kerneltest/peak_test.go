package kerneltest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sowgen/sowgen/kernels"
)

func TestPeak(t *testing.T) {
	each(t, func(t *testing.T) {
		round := kernels.Peak(1)
		assert.Positive(t, round)
		assert.Equal(t, 1000*round, kernels.Peak(1000))
		assert.Zero(t, kernels.Peak(0))
		if flop, ok := kernels.PeakBF16(1000); ok {
			assert.Equal(t, 2*1000*round, flop)
		}
	})
}
