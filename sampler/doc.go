// Package sampler walks latents between nodes 0 (clean) and S (noise): DDIM (Song et al. 2020, arXiv 2010.02502), its inversion, forward
// diffusion, classifier-free guidance, and torch's random numbers. It knows a [Denoiser], not the network behind it.
//
// Latents are [n, h, w, c]. The equation numbers are those of the DDIM paper; ᾱ (alphas_cumprod) is its α.
package sampler
