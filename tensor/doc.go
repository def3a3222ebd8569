// Package tensor is a small tensor library for diffusion models: gorgonia.org/tensor's Dense as the data type, and on it the
// operators that Stable Diffusion needs, each written once against an [Engine] so that layers never know which device they run on.
//
// # Conventions
//
// A tensor is float32, row-major and contiguous. Pictures and feature maps are channels last, [n, h, w, c]; token sequences are
// [n, tokens, c]. Operators return new tensors and leave their arguments alone; [Reshape] and [Flatten] return a new header on the same
// memory. Shapes are checked before any work: an operator given shapes it cannot take panics with an [*Error] that shows them.
// Exported functions of the models turn that panic into an ordinary error with [Catch], so a user of the library sees errors only.
//
// # Devices
//
// The engine travels with the tensor, as gorgonia's design has it: [New] and [FromSlice] put a tensor on the CPU, and every operator
// runs where its first argument lives.
//
// gorgonia's own arithmetic (no broadcasting, a matrix product that is wrong on column slices, Reshape and T in place) is not used; its
// type, shapes, engines and memory are, so gorgonia tensors go in and come out.
package tensor
