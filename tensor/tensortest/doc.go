// Package tensortest is for tests of tensors and engines: [Close] and [CloseToStd] compare numbers, and [RunEngine] is the suite that
// every engine of package tensor must pass.
package tensortest
