package random_test

import (
	"fmt"
	"log"

	"github.com/sowgen/sowgen/sow/random"
	"github.com/sowgen/sowgen/unet"
)

func Example() {
	fsys, err := random.Model("sd21", 1)
	if err != nil {
		log.Fatal(err)
	}
	cfg, err := unet.ReadConfig(fsys, "unet/config.json")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.0f GFLOP\n", cfg.FLOP(64, 64, 77)/1e9)
	// sow.OpenFS(fsys, "random sd21") loads all of it.

	// Output: 804 GFLOP
}
