package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, Go's version and which kernels this processor runs",
		Example: "  sowgen version",
		Args:    cobra.NoArgs,
		RunE: a.work(func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.stdout, "sowgen %s\n%s %s/%s, %d processors, kernels %s\n",
				sow.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), kernels.Implementation())
			return err
		}),
	}
}
