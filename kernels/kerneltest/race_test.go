//go:build race

package kerneltest_test

const raceEnabled = true
