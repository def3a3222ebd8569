//go:build cuda

package sow

import (
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// Products of float16 are the GPU's alone.

func TestF16LosesLessThanPyTorch(t *testing.T) { networksLoseLess(t, tensor.F16) }

func TestF16PictureLosesLessThanPyTorch(t *testing.T) { pictureLosesLess(t, tensor.F16) }
