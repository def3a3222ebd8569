# make check is what CI runs.
.PHONY: check test cuda-test cuda-mutants lint race purego generate-check goldens bench

check: ; bash .ci/run

test: ; go test ./...

# The CUDA build on an emulated driver; needs g++, and pip for cuda.h.
cuda-test: ; bash .ci/cuda-test

# The CUDA kernels with a barrier, a guard or a term less, one at a time: the tests must notice. Takes ten minutes on two processors.
cuda-mutants: ; go run ./kernels/cuda/env > /dev/null && go run ./kernels/cuda/internal/mutate

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

race: ; go test -race -short ./kernels/... ./tensor/... ./nn/... ./sampler/... ./clip/... ./sow/...

purego: ; go test -tags purego -short ./kernels/... ./tensor/... ./nn/... ./unet/... ./vae/... ./clip/...

# Every generated file, made again; fails on a difference.
generate-check:
	go generate ./...
	git diff --exit-code

# Every golden, made again by the script beside it (needs docs/python-requirements.txt).
goldens:
	for f in $$(git ls-files '*gen_*golden*.py'); do python3 $$f || exit 1; done

bench: ; go test -run '^$$' -bench . ./kernels/kerneltest
