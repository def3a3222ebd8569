package sampler

import "github.com/sowgen/sowgen/tensor"

// Guide is classifier-free guidance (Ho and Salimans, arXiv 2207.12598): away from the prediction for the negative prompt, towards that for
// the text, n + g·(t-n). All are [n, h, w, c]; scale 1 is the text alone.
func Guide(negative, text *tensor.Tensor, scale float32) *tensor.Tensor {
	wantSame("Guide", negative, text)
	return tensor.Axpby(1, negative, scale, tensor.Sub(text, negative))
}

// MaskedGuide is the guidance of COW's cycles by four predictions [n, h, w, c]. Outside the mask M, where the condition does not rule,
// the negative is moved towards what must not appear again (suppress) and away from what may (diverse):
//
//	n' = n + (1-M)·(s-d),  ε = n' + g·(t-n')
//
// mask is 1 where the condition is kept, [1 or n, h, w, 1 or c].
func MaskedGuide(negative, text, suppress, diverse, mask *tensor.Tensor, scale float32) *tensor.Tensor {
	wantSame("MaskedGuide", negative, text, suppress, diverse)
	m, s := mask.Shape(), negative.Shape()
	if len(m) != 4 || (m[0] != 1 && m[0] != s[0]) || m[1] != s[1] || m[2] != s[2] || (m[3] != 1 && m[3] != s[3]) {
		fail("MaskedGuide", "want a mask [1 or n, h, w, 1 or c] for predictions [n, h, w, c]", mask, negative)
	}
	outside := tensor.Mul(tensor.Affine(mask, -1, 1), tensor.Sub(suppress, diverse))
	return Guide(tensor.Add(negative, outside), text, scale)
}
