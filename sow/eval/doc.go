// Package eval measures what came out of a run: a [Probe] reads scene, hair, shirt … off a picture of the built-in model's world, and
// [GreyRing] says how much of the empty canvas is left around a condition.
package eval
