// Package weights reads the parameters of a model from safetensors files, through github.com/nlpodyssey/safetensors, and writes tensors
// back. A [Source] is where tensors come from: a file ([OpenFile]) or a component's folder with its shards and variants ([OpenFolder]). A
// [Scope] is what a model is built from: it remembers everything that went wrong and names it in one error at the end.
//
// Only headers are read when a file is opened, and judged as the work of an enemy; a tensor is read, piece by piece, when it is asked for.
package weights
