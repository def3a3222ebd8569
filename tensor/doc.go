// Package tensor is a small tensor library for diffusion models: gorgonia.org/tensor's Dense as the data type, and on it the
// operators that Stable Diffusion needs, each written once against an [Engine] so that layers never know which device they run on.
//
// # Conventions
//
// A tensor is float32, row-major and contiguous. Pictures and feature maps are channels last, [n, h, w, c]; token sequences are
// [n, tokens, c]. Operators return new tensors and leave their arguments alone; [Reshape] and [Flatten] return a new header on the same
// memory. They may run at the same time, and the number of threads does not change a bit of what they give.
//
// Shapes are checked before any work: an operator given shapes it cannot take panics with an [*Error] that shows them. Exported
// functions of the models turn that panic into an ordinary error with [Catch], so a user of the library sees errors only. NaN goes
// through every operator, and nothing hides it.
//
// # Devices
//
// The engine travels with the tensor, as gorgonia's design has it. [New], [Full] and [FromSlice] put a tensor on the CPU, [NewOn] and [To]
// on any engine; an operator runs where its arguments live, which has to be one engine. [Floats] brings the numbers back.
//
// # Memory
//
// What operators make is the garbage collector's, but for the evaluation of a model: that borrows an [Arena], which travels with the
// tensors as the engine does, and gives memory back block by block with [Tidy].
//
// # gorgonia
//
// gorgonia's type, shapes, engines and memory are used, so its tensors and views (Slice, T, column-major) go in and ours come out. Its
// arithmetic is not (no broadcasting, a matrix product that is wrong on column slices, Reshape and T in place), nor its masks. Its method
// Data must not be called on a tensor that nothing else holds: it keeps the address where the garbage collector does not see it. Use
// [Floats].
package tensor
