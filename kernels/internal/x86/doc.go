//go:build !amd64 || purego

// Package x86 holds the inner loops of package ref in AVX-512 and AVX2 assembly. It is empty on other processors.
package x86
