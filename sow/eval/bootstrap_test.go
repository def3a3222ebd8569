package eval_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/eval"
)

func TestBootstrap(t *testing.T) {
	values := make([]float64, 400)
	for i := range values {
		values[i] = float64(i%2) * 2 // mean 1, standard deviation 1: the mean's is 1/20
	}
	i := eval.Bootstrap(values)
	require.InDelta(t, 1, i.Mean, 1e-12)
	require.InDelta(t, 1-1.96/20, i.Low, 0.02)
	require.InDelta(t, 1+1.96/20, i.High, 0.02)
	require.Equal(t, 400, i.N)
	require.Equal(t, i, eval.Bootstrap(values), "the same for the same values")
	one := eval.Bootstrap([]float64{3})
	require.Equal(t, eval.Interval{Mean: 3, Low: 3, High: 3, N: 1}, one)
	ones := make([]float64, 72)
	for i := range ones {
		ones[i] = 1
	}
	require.Equal(t, eval.Interval{Mean: 1, Low: 1, High: 1, N: 72}, eval.Bootstrap(ones))
	none := eval.Bootstrap(nil)
	require.True(t, math.IsNaN(none.Mean) && none.N == 0)
	require.True(t, one.Apart(i))
	require.False(t, i.Apart(one))
	require.False(t, one.Apart(one))
	require.False(t, one.Apart(none) || none.Apart(one))
}
