//go:build !cuda

package tensor

import "errors"

func openCUDA(int, Precision) (Engine, func() error, error) {
	return nil, nil, errors.New("this program is built without CUDA; with it: " +
		`eval "$(go run ./kernels/cuda/env)" && go build -tags cuda ./cmd/sowgen, in the sources (docs/cuda.md)`)
}
