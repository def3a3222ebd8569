package nn_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// A layer reads its parameters from a Scope, which keeps what went wrong for one look at the end.
func Example() {
	file, err := weights.OpenFile("testdata/layers.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	// The file holds many layers, each under its name: "resnet/w/conv1.weight".
	scope := weights.NewScope(weights.Rename(file, func(name string) string {
		if layer, ok := strings.CutPrefix(name, "resnet/w/"); ok {
			return layer
		}
		return "others/" + name
	}))
	block := nn.LoadResnetBlock(scope, 16, 32, 64, 8, 1e-5)
	fmt.Println(block.Forward(tensor.New(1, 6, 5, 16), tensor.New(1, 64)).Shape())

	nn.LoadLinear(scope.Sub("proj"), 32, 32, false)
	var fit *weights.FitError
	fmt.Println(errors.As(scope.Err(), &fit), fit.Missing)
	// Output:
	// (1, 6, 5, 32)
	// true [proj.weight [32 32]]
}
