package benchmark

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow/face"
)

// TestDrawnHeadsAreOnePerson: why there is no distance of identities on these heads. Even told where the pupils are, which the detector does not
// see, dlib's embedding has nearly every two of them for one person by its own threshold.
func TestDrawnHeadsAreOnePerson(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("72 embeddings take seconds")
	}
	var heads []struct{ Pupils [2][2]float64 }
	require.NoError(t, json.Unmarshal(list, &heads))
	cases, err := Cases()
	require.NoError(t, err)
	var embeddings []face.Embedding
	var distances []float64
	for k, h := range heads {
		at := face.Face{Left: face.Point{X: h.Pupils[0][0], Y: h.Pupils[0][1]}, Right: face.Point{X: h.Pupils[1][0], Y: h.Pupils[1][1]}}
		e, err := face.Embed(cases[3*k].Picture, at)
		require.NoError(t, err)
		for _, other := range embeddings {
			distances = append(distances, face.Distance(e, other))
		}
		embeddings = append(embeddings, e)
	}
	slices.Sort(distances)
	n := len(distances)
	below, _ := slices.BinarySearch(distances, face.SamePerson)
	t.Logf("two different heads: median %.2f, 90 %% in %.2f … %.2f; %.1f %% of %d pairs below %v", distances[n/2], distances[n/20], distances[n-1-n/20], 100*float64(below)/float64(n), n, face.SamePerson)
	require.Greater(t, float64(below), 0.9*float64(n), "then the distance says something: docs/method.md §5 says it does not")
}
