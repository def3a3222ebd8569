// Package unet is the denoising network of Stable Diffusion 1.x and 2.x: diffusers' UNet2DConditionModel (Rombach et al. 2022, §3),
// built from a config.json and its safetensors. Feature maps are [n, h, w, c].
//
// [Input.Regions] programs which parts of the picture may read which in every self-attention; see [tensor.Regions].
package unet
