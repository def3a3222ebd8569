//go:build amd64 && !purego

package kernels

import (
	"golang.org/x/sys/cpu"

	"github.com/sowgen/sowgen/kernels/internal/x86"
)

// assembly lists the assembly implementations that this processor can run, the fastest first.
func assembly() []*implementation {
	var all []*implementation
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI2 && cpu.X86.HasF16C {
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL {
			if cpu.X86.HasAVX512BF16 {
				all = append(all, &implementation{"avx512bf16", x86.AVX512BF16})
			}
			all = append(all, &implementation{"avx512", x86.AVX512})
		}
		all = append(all, &implementation{"avx2", x86.AVX2})
	}
	return all
}
