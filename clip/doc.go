// Package clip is the text side of Stable Diffusion: CLIP's byte-level BPE tokenizer and its text transformer (Radford et al. 2021, §2.4),
// transformers' CLIPTextModel. A prompt becomes token ids, and these the hidden states [1, tokens, hidden] that the UNet's
// cross-attention reads.
package clip
