//go:build cuda

package tensortest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

func TestCUDA(t *testing.T) {
	e, err := tensor.OpenCUDA(0)
	require.NoError(t, err)
	tensortest.RunEngine(t, e)
	require.NoError(t, e.Close())
}
