// Package clip is CLIP (Radford et al. 2021, §2.4): its byte-level BPE tokenizer, its text transformer and its vision transformer.
//
// Stable Diffusion reads the text side alone, [Model], transformers' CLIPTextModel: a prompt becomes token ids, and these the hidden states
// [1, tokens, hidden] that the UNet's cross-attention reads. [Dual] is both sides, transformers' CLIPModel, which tells how well a picture
// and a text belong together.
package clip
