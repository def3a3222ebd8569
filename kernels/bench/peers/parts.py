"""What is compared, in the order in which it is measured, under the names that `sowgen bench` gives it.

A whole picture by COW (arXiv 2306.08247) asks the UNet 100 times at 64x64 latents and 14 times at 32x32; cow-512-c1 is the same with one
cycle instead of ten: 28 times and 14. cow-128 is the whole schedule at 128x128 pixels with the model that is built into sowgen. first-step is
the time from the start of a program to the end of its first step for one prompt at 512x512: reading the weights, encoding the prompt, one
evaluation.
"""
PARTS = ['clip', 'attention-4096x4096-5x64', 'attention-4096x4096-5x64-regions', 'unet-32-b1', 'unet-64-b1', 'unet-64-b4', 'vae-encode-512',
         'vae-decode-512', 'cow-128', 'cow-512-c1', 'first-step']

# These take so long that they are measured at once, without a run for warming up.
COLD = {'unet-64-b4', 'cow-512-c1', 'first-step'}
