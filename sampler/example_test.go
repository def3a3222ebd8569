package sampler_test

import (
	"context"
	"fmt"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/tensor"
)

// towards is a denoiser that knows where it wants to go: the noise in x is whatever is not the picture.
type towards struct {
	picture  *tensor.Tensor
	schedule *sampler.Schedule
}

func (m towards) Predict(_ context.Context, x *tensor.Tensor, timestep int) (*tensor.Tensor, error) {
	a := tensor.Full(m.schedule.AlphasCumprod[timestep], 1)
	noise := tensor.Sub(x, tensor.Mul(tensor.Sqrt(a), m.picture))
	return tensor.Div(noise, tensor.Sqrt(tensor.Affine(a, -1, 1))), nil
}

func Example() {
	ddim, err := sampler.New(sampler.StableDiffusion(), 10, sampler.Aligned)
	if err != nil {
		fmt.Println(err)
		return
	}
	model := towards{tensor.FromSlice([]float32{1, -1, .5, 0}, 1, 2, 2, 1), ddim.Schedule()}

	noise := sampler.NewNoise(42)
	x := noise.Latents(1, 2, 2, 1)
	for k := ddim.Steps(); k > 0; k-- {
		eps, err := model.Predict(context.Background(), x, ddim.Timestep(k))
		if err != nil {
			fmt.Println(err)
			return
		}
		x = ddim.Step(x, eps, k, 0, noise)
	}
	fmt.Printf("%.2f\n", tensor.Floats(x)) // what little noise is left is that of timestep 0
	// Output: [1.01 -0.99 0.50 0.01]
}

func ExampleNoise() {
	noise := sampler.NewNoise(0) // torch.manual_seed(0)
	x := make([]float32, 4)
	noise.Fill(x) // torch.randn(4)
	fmt.Println(x)
	// Output: [1.5409961 -0.2934289 -2.1787894 0.56843126]
}
