package weights_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// A layer reads its parameters from a scope; at the end one error would tell all that does not fit.
func Example() {
	src, err := weights.OpenFolder(os.DirFS("testdata/transformers"), "fp16-shards", "model")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()

	s := weights.NewScope(weights.Rename(src, func(name string) string { return strings.TrimPrefix(name, "text_model.") }))
	s.Ignore("embeddings.*.weight", "encoder.layers.*.*.*", "encoder.layers.*.*.*.*")
	norm := s.Sub("final_layer_norm")
	weight, bias := norm.Tensor("weight", 8), norm.Tensor("bias", 8)
	fmt.Println(weight.Shape(), bias.Shape(), s.Err())
	// Output: (8) (8) <nil>
}

func ExampleScope_Err() {
	src, err := weights.OpenFile("testdata/dtypes.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	s := weights.NewScope(src)
	s.Ignore("*int*", "*float*", "scalar")
	s.Tensor("float32", 2, 3, 4)
	s.Sub("conv_in").Tensor("weight", 320, 4, 3, 3)
	fmt.Println(strings.ReplaceAll(s.Err().Error(), ": ", ":\n"))
	// Output:
	// weights:
	// testdata/dtypes.safetensors:
	// tensors:
	// 1 missing (conv_in.weight [320 4 3 3]); 1 of another shape (float32 is [2 3 5], want [2 3 4]); 1 unused (empty):
	// the weights and the config.json are of two models, or of a kind that is not supported
}

func ExampleOpenFile() {
	_, err := weights.OpenFile("testdata/none.safetensors")
	fmt.Println(err)
	// Output: weights: testdata/none.safetensors: does not exist: check the path
}

// The latents of a run, as other programs read them.
func ExampleEncode() {
	var file bytes.Buffer
	latents := tensor.FromSlice([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	if err := weights.Encode(&file, map[string]weights.Array{"latents": weights.Floats(latents)}, nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", file.Bytes()[8:file.Len()-16])
	// Output: "{\"latents\":{\"dtype\":\"F32\",\"shape\":[1,1,2,2],\"data_offsets\":[0,16]}}     "
}
