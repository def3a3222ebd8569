package eval

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a mean over N values and its 95 % interval.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	N    int     `json:"n"`
}

// Bootstrap returns the mean of values with the percentile interval of the means of 2000 resamples with replacement (Efron 1979), the same for
// the same values. Of paired measures take the differences: their interval tells whether one is larger. No values: NaN.
func Bootstrap(values []float64) Interval {
	const resamples = 2000
	n := len(values)
	if n == 0 {
		return Interval{Mean: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	random := rand.New(rand.NewPCG(1, uint64(n)))
	means := make([]float64, resamples)
	for i := range means {
		sum := 0.0
		for range n {
			sum += values[random.IntN(n)]
		}
		means[i] = sum / float64(n) // at last, so that the mean of ones is one
	}
	slices.Sort(means)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return Interval{sum / float64(n), means[resamples/40], means[resamples-1-resamples/40], n}
}

// Apart reports whether a lies above b with intervals that do not overlap. What is NaN does not.
func (i Interval) Apart(below Interval) bool { return i.Low > below.High }
