package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sowgen/sowgen/kernels/cuda/emu"
)

// check is a part of the tests, by the kernel file that it runs.
type check struct {
	kernel string // without .cu
	tests  string // the binary of a package under test
	run    string // -test.run
}

const (
	kernelTests = "kernels/cuda"
	suiteTests  = "tensor/tensortest"
)

// checks returns the parts of the tests that cover a source, the quick ones first.
func checks(file string) ([]check, error) {
	all := map[string][]check{
		"attention.cuh":      append(attention("f32"), attention("f16")...),
		"attention.cu":       {{"attention", kernelTests, "TestAttentions/f32_.*true"}, {"attention", suiteTests, "TestCUDA/Regions"}},
		"attention_f32.cuh":  attention("f32"),
		"attention_half.cuh": attention("(f16|bf16)"),
		"async.cuh":          product("gemm", "(f16|bf16)"),
		"conv.cu":            product("conv", "(f32|f16|bf16)"),
		"convert.cu":         {unaligned("convert"), {"convert", kernelTests, "TestFormats"}},
		"copy.cu":            {unaligned("copy"), {"copy", suiteTests, "TestCUDA/(Strided|Place|Gather)"}},
		"elementwise.cu":     {unaligned("elementwise"), {"elementwise", suiteTests, "TestCUDA/(Unary|Binary)"}},
		"epilogue.cuh":       append(product("gemm", "(f32|f16|bf16)"), product("conv", "(f32|f16|bf16)")...),
		"gemm.cu":            product("gemm", "(f32|f16|bf16)"),
		"half.cuh":           {{"convert", kernelTests, "TestFormats"}},
		"math.cuh":           {{"elementwise", suiteTests, "TestCUDA/(Unary|Binary)"}, {"softmax", suiteTests, "TestCUDA/Softmax"}},
		"mma.cuh":            append(product("gemm", "(f16|bf16)"), attention("f16")...),
		"norm.cu":            norm(),
		"pack.cu":            {{"pack", suiteTests, "TestCUDA/(Linear|Conv2D)"}, {"pack", kernelTests, "TestActivations"}},
		"picture.cuh":        product("conv", "(f32|f16|bf16)"),
		"product_f32.cuh":    append(product("gemm", "f32"), product("conv", "f32")...),
		"product_half.cuh":   append(product("gemm", "(f16|bf16)"), product("conv", "(f16|bf16)")...),
		"reduce.cu":          {{"reduce", suiteTests, "TestCUDA/Reduce"}},
		"rows.cuh":           append(product("gemm", "(f32|f16)"), attention("f32")...),
		"softmax.cu":         {{"softmax", suiteTests, "TestCUDA/Softmax"}},
		"upsample.cu":        {unaligned("upsample"), {"upsample", suiteTests, "TestCUDA/UpsampleNearest"}},
		"walk.cuh":           {{"copy", suiteTests, "TestCUDA/Strided"}, {"elementwise", suiteTests, "TestCUDA/Binary"}},
		"warp.cuh":           {{"softmax", suiteTests, "TestCUDA/Softmax"}, {"norm", suiteTests, "TestCUDA/LayerNorm"}},
		"device.cuh":         {{"reduce", suiteTests, "TestCUDA/Reduce"}},
	}
	found, ok := all[file]
	if !ok {
		return nil, fmt.Errorf("nothing says which tests cover %s: enter it in suite.go", file)
	}
	return found, nil
}

func unaligned(kernel string) check { return check{kernel, kernelTests, "TestUnaligned/" + kernel} }

func norm() []check {
	return []check{
		unaligned("norm"), {"norm", suiteTests, "TestCUDA/LayerNorm"}, {"norm", suiteTests, "TestCUDA/GroupNorm/.*(2_3_8|2_7_13_6)"}, {"norm", suiteTests, "TestCUDA/GroupNorm"},
	}
}

// product is the checks of a kernel of products in some formats.
func product(kernel, formats string) (all []check) {
	tests := map[string]string{"gemm": "_1_1_1_0_0_0_0}", "conv": "{(2|1_[^1]*_(9|5|13)_)"}[kernel]
	all = append(all, check{kernel, kernelTests, "TestProducts/" + formats + ".*" + tests}, check{kernel, kernelTests, "TestUnaligned/" + kernel})
	if kernel == "conv" {
		all = append(all, check{kernel, kernelTests, "TestNaNStaysInItsWindow"})
	}
	if kernel == "gemm" {
		all = append(all, check{kernel, kernelTests, "TestActivations/" + formats})
	}
	if strings.Contains(formats, "f32") {
		all = append(all, check{kernel, suiteTests, map[string]string{"gemm": "TestCUDA/(Linear|MatMul)", "conv": "TestCUDA/Conv2D"}[kernel]})
	}
	return all
}

func attention(format string) []check {
	all := []check{{"attention", kernelTests, "TestAttentions/" + format + "_"}, {"attention", kernelTests, "TestUnaligned/attention"}}
	if format == "f32" {
		all = append(all, check{"attention", suiteTests, "TestCUDA/(Attention|Regions|RegionsPerHead)"})
	}
	return all
}

// sources returns the kernel files and what they include.
func sources() ([]string, error) {
	var all []string
	for _, pattern := range []string{"*.cu", "*.cuh"} {
		found, err := filepath.Glob(filepath.Join(emu.Source(), pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}
