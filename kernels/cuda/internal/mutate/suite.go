package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sowgen/sowgen/kernels/cuda/emu"
)

// check is a part of the tests, by the kernels that it runs.
type check struct {
	source  string // their file, without .cu
	kernels string // what their names match
	tests   string // the binary of a package under test
	run     string // -test.run
}

const (
	kernelTests = "kernels/cuda"
	suiteTests  = "tensor/tensortest"
)

// checks returns the parts of the tests that cover a source, the quick ones first.
func checks(file string) ([]check, error) {
	all := map[string][]check{
		"attention.cuh":      attention("f32"),
		"attention.cu":       {{"attention", "", kernelTests, "TestAttentions/^f32_.*true"}, {"attention", "", suiteTests, "TestCUDA/Regions"}},
		"attention_f32.cuh":  attention("f32"),
		"attention_half.cuh": attention("f16"),
		"attention_wide.cuh": {{"attention_f16", "attention_f16_(rows|wide)", kernelTests, "TestAttentions/^f16_.*_(330|170|600|161|520)_"}, {"attention_f16", "attention_f16_(rows|wide)", kernelTests, "Test(Extremes|TopRises)/^f16_170"}, {"attention_f16", "attention_f16_wide", kernelTests, "TestUnaligned/attention_f16_attention_f16_wide"}},
		"attention_16.cuh":   attention("f16"),
		"attention_f16.cu":   attention("f16"),
		"attention_bf16.cu":  attention("bf16"),
		"conv.cu":            append(product("conv", "f32"), product("conv", "f16")...),
		"convert.cu":         {unaligned("convert"), {"convert", "", kernelTests, "TestFormats"}},
		"copy.cu":            {unaligned("copy"), {"copy", "", suiteTests, "TestCUDA/(Strided|Place|Gather)"}},
		"elementwise.cu":     {unaligned("elementwise"), {"elementwise", "", suiteTests, "TestCUDA/(Unary|Binary)"}},
		"epilogue.cuh":       slices.Concat(product("gemm", "f32"), product("gemm", "f16"), []check{{"gemm", "gemm_b?f16", kernelTests, "TestGatedRounds"}}),
		"gemm.cu":            append(product("gemm", "f32"), product("gemm", "f16")...),
		"gemv.cu":            {unaligned("gemv"), {"gemv", "", kernelTests, "TestRow"}},
		"half.cuh":           {{"convert", "", kernelTests, "TestFormats"}, {"norm", "", kernelTests, "TestNormsRound"}},
		"math.cuh":           {{"softmax", "", suiteTests, "TestCUDA/Softmax"}, {"elementwise", "", suiteTests, "TestCUDA/(Unary|Binary)"}},
		"mma.cuh":            append(product("gemm", "f16"), attention("f16")...),
		"norm.cu":            norm(),
		"pack.cu":            {{"pack", "", kernelTests, "TestActivations/^f32"}, {"pack", "", suiteTests, "TestCUDA/Conv2D/{.1_(1|2|8)_"}, {"pack", "", suiteTests, "TestStoredOnAGPU"}},
		"partial.cu":         {unaligned("partial"), {"partial", "", kernelTests, "TestProducts/^f16_{(3|2)"}, {"partial", "", kernelTests, "TestProducts/^f16"}},
		"picture.cuh":        append(product("conv", "f32"), product("conv", "f16")...),
		"product_f32.cuh":    append(product("gemm", "f32"), product("conv", "f32")...),
		"product_half.cuh":   append(product("gemm", "f16"), product("conv", "f16")...),
		"reduce.cu":          {{"reduce", "", suiteTests, "TestCUDA/Reduce"}},
		"rows.cuh":           slices.Concat(product("gemm", "f32"), product("gemm", "f16"), attention("f32")),
		"softmax.cu":         {{"softmax", "", suiteTests, "TestCUDA/Softmax"}},
		"upsample.cu":        {unaligned("upsample"), {"upsample", "", suiteTests, "TestCUDA/UpsampleNearest"}},
		"walk.cuh":           {{"copy", "", suiteTests, "TestCUDA/Strided"}, {"elementwise", "", suiteTests, "TestCUDA/Binary"}},
		"warp.cuh":           {{"softmax", "", suiteTests, "TestCUDA/Softmax"}, {"norm", "", suiteTests, "TestCUDA/LayerNorm"}},
		"device.cuh":         {{"reduce", "", suiteTests, "TestCUDA/Reduce"}},
	}
	found, ok := all[file]
	if !ok {
		return nil, fmt.Errorf("nothing says which tests cover %s: enter it in suite.go", file)
	}
	return found, nil
}

func unaligned(source string) check { return check{source, "", kernelTests, "TestUnaligned/" + source} }

func norm() []check {
	return []check{
		unaligned("norm"), {"norm", "", kernelTests, "TestScaleChannelsInPlace|TestNormsRound"}, {"norm", "", suiteTests, "TestCUDA/LayerNorm"}, {"norm", "", suiteTests, "TestCUDA/GroupNorm/.*(2_3_8|2_7_13_6|3_5_5_33)"},
		{"norm", "", suiteTests, "TestCUDA/GroupNorm/.*(1_25_41|2_37_57|1_3_2)"},
	}
}

// product is the checks of a kernel of products in a format.
func product(kernel, format string) (all []check) {
	kernels := kernel + "_(n[nt]_)?" + format
	of := func(tests string) { all = append(all, check{kernel, kernels, kernelTests, tests}) }
	if kernel == "gemm" {
		of("TestProducts/^" + format + "_.*_1_1_1_0_0_0_0}") // one tap is a matrix product
		of("TestActivations/^" + format + "_")
		of("TestUnaligned/gemm_" + kernels)
		if format == "f32" {
			all = append(all, check{kernel, kernels, suiteTests, "TestCUDA/Gated/.(1_1_1|3_7_13)."}, check{kernel, kernels, suiteTests, "TestCUDA/MatMul"})
		}
		return all
	}
	of("TestProducts/^" + format + "_{(2|1_8|1_6)")
	of("TestNaNStaysInItsWindow/^" + format)
	if format == "f32" {
		of("TestUnaligned/conv")
	}
	of("TestProducts/^" + format + "_{1_15")
	return all
}

// attention is the checks of attention in a format, those of narrow heads first.
func attention(format string) (all []check) {
	source, narrow, kernels := "attention", "attention_(f32_64|mass)", ""
	if format != "f32" {
		source, narrow = "attention_"+format, "attention_"+format+"_(rows|few|48|64.*)$"
	}
	all = []check{
		{source, narrow, kernelTests, "TestAttentions/^" + format + "_.*_(5|8|64)_(1|5|7|70|77)_"},
		{source, narrow, kernelTests, "Test(Extremes|TopRises)/^" + format + "_8"},
		{source, narrow, kernelTests, "TestUnaligned/attention.*_attention_" + format + "_[^w]"},
		{source, kernels, kernelTests, "TestAttentions/^" + format + "_"},
	}
	if format == "f32" {
		all = append(all, check{source, kernels, suiteTests, "TestCUDA/(Attention|Regions|RegionsPerHead)"})
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
