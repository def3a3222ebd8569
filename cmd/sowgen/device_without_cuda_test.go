//go:build !cuda

package main

import "testing"

func TestDeviceWantsAnotherBuild(t *testing.T) {
	workIn(t)
	sowgen(t, quick(t, "-o", "out.png", "--device", "cuda")...).refuses(t, exitFailed, nil, "built without CUDA", "-tags cuda")
	sowgen(t, tinyBench(t, "clip", "--device", "cuda")...).refuses(t, exitFailed, nil, "built without CUDA", "-tags cuda")
}
