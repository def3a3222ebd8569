package tensor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// OpenEngine returns the engine of a device by its name: "cpu"; "cuda", the first GPU; "cuda:1", the second. release gives back what it
// holds, after which nothing on it may be used; its error is what went wrong that nobody was told of.
func OpenEngine(device string, p Precision) (e Engine, release func() error, err error) {
	name, number, numbered := strings.Cut(device, ":")
	n := 0
	if numbered {
		if n, err = strconv.Atoi(number); err != nil || n < 0 {
			return nil, nil, fmt.Errorf("tensor: device %q: want a number behind the colon, as in cuda:1", device)
		}
	}
	switch {
	case device == "cpu" && p == F16:
		return nil, nil, errors.New("tensor: " + noF16)
	case device == "cpu":
		return CPU{Precision: p}, func() error { return nil }, nil
	case name == "cuda":
		return openCUDA(n, p)
	}
	return nil, nil, fmt.Errorf("tensor: device %q: want cpu, cuda or cuda:1", device)
}
