package sampler

import "github.com/sowgen/sowgen/tensor"

// Guide is classifier-free guidance (Ho & Salimans 2022, eq. 6): negative + scale·(text - negative).
func Guide(negative, text *tensor.Tensor, scale float32) *tensor.Tensor {
	return tensor.Axpby(1, negative, scale, tensor.Sub(text, negative))
}

// MaskedGuide is COW's guidance by four predictions: outside the mask (1 where the condition is kept) the negative one is moved from
// diverse towards suppress, n' = n + (1-M)(s-d), and the text leads away from that: n' + scale·(t-n'). mask is [1, h, w, 1].
func MaskedGuide(negative, text, suppress, diverse, mask *tensor.Tensor, scale float32) *tensor.Tensor {
	moved := tensor.Mul(tensor.Sub(suppress, diverse), tensor.Affine(mask, -1, 1))
	return Guide(tensor.Add(negative, moved), text, scale)
}
