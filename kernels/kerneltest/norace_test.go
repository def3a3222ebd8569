//go:build !race

package kerneltest_test

const raceEnabled = false
