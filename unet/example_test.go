package unet_test

import (
	"context"
	"fmt"
	"os"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

func Example() {
	folder := os.DirFS("../sow/testdata/models/sd21") // any Stable Diffusion folder
	cfg, err := unet.ReadConfig(folder, "unet/config.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	src, err := weights.OpenFolder(folder, "unet", "diffusion_pytorch_model")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	m, err := unet.Load(cfg, src)
	if err != nil {
		fmt.Println(err)
		return
	}
	noise, err := m.Forward(context.Background(), unet.Input{
		Sample:   tensor.New(1, 16, 16, cfg.InChannels),
		Timestep: 501,
		Context:  tensor.New(2, 77, cfg.CrossAttentionDim), // two prompts about the same latents
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(noise.Shape())
	// Output: (2, 16, 16, 4)
}
