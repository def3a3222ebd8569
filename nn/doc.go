// Package nn holds the layers that the models of Stable Diffusion are made of: linear, convolution, norms, attention, the resnet block
// and the resamplers. A layer is a struct of parameters named as in the checkpoint, a Load function that reads them from a
// [weights.Scope], and a Forward that reads like the paper. No layer knows a device or a number format.
//
// Pictures and feature maps are [n, h, w, c], token sequences [n, tokens, c].
package nn
