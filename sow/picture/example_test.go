package picture_test

import (
	"fmt"
	"image"
	"os"
	"path/filepath"

	"github.com/sowgen/sowgen/sow/picture"
)

// A photograph is brought to the size of its box, laid over grey where it is transparent, blended into a picture and written with the
// text that tells how it was made.
func Example() {
	condition, err := picture.Read("testdata/rgba.png")
	if err != nil {
		fmt.Println(err)
		return
	}
	mask, err := picture.AlphaMask(condition) // what the cut-out itself keeps
	if err != nil {
		fmt.Println(err)
		return
	}
	condition = picture.Flatten(picture.Resize(condition, 48, 32), 128)
	mask = picture.ResizeMask(mask, 48, 32)

	generated := image.NewNRGBA(image.Rect(0, 0, 128, 128)) // stands for a decoded picture
	out, err := picture.BlendPaste.Apply(generated, condition, mask, image.Pt(40, 0))
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "picture")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "out.png")
	if err := picture.WritePNG(path, out, []picture.Text{{Key: "parameters", Text: "a girl in a red hat"}}, false); err != nil {
		fmt.Println(err)
		return
	}
	texts, _ := picture.ReadTexts(path)
	fmt.Println(out.Bounds().Size(), texts)
	// Output: (128,128) [{parameters a girl in a red hat}]
}

func ExampleRead() {
	_, err := picture.Read("testdata/face.heic")
	fmt.Println(err)
	// Output: picture: testdata/face.heic: does not exist: check the path
}

func ExamplePSNR() {
	a := picture.Flatten(image.NewNRGBA(image.Rect(0, 0, 8, 8)), 100)
	b := picture.Flatten(image.NewNRGBA(image.Rect(0, 0, 8, 8)), 101)
	fmt.Printf("%.2f dB\n", picture.PSNR(a, b, nil))
	fmt.Printf("%.2f dB\n", picture.PSNR(a, a, nil))
	// Output:
	// 48.13 dB
	// +Inf dB
}

func ExampleResizeMask() {
	mask := picture.FullMask(16, 16)
	for i := range mask.Pix[:8*16] {
		mask.Pix[i] = 0
	}
	fmt.Println(picture.ResizeMask(mask, 2, 2).Pix) // the latent grid
	// Output: [0 0 255 255]
}
