package vae_test

import (
	"context"
	"fmt"
	"os"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/vae"
)

func Example() {
	folder := os.DirFS("../sow/testdata/models/sd21") // any Stable Diffusion folder
	cfg, err := vae.ReadConfig(folder, "vae/config.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	src, err := weights.OpenFolder(folder, "vae", "diffusion_pytorch_model")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	m, err := vae.Load(cfg, src)
	if err != nil {
		fmt.Println(err)
		return
	}
	mean, _, err := m.Encode(context.Background(), tensor.New(1, 64, 48, 3))
	if err != nil {
		fmt.Println(err)
		return
	}
	picture, err := m.Decode(context.Background(), mean)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mean.Shape(), picture.Shape())
	// Output: (1, 8, 6, 4) (1, 64, 48, 3)
}
