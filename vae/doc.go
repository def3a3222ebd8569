// Package vae is the autoencoder of Stable Diffusion: diffusers' AutoencoderKL (Kingma & Welling 2013; Rombach et al. 2022, §3.1). The
// encoder turns a picture into the mean and log variance of its latents, the decoder turns latents back. Pictures are [n, h, w, 3] in
// [-1, 1], latents [n, h/f, w/f, c].
package vae
