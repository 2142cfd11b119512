# The front door. `make demo` and `make test` do all their own set-up on Debian 12; everything else is plain CMake (see README).
BUILD ?= build
JOBS ?= $(shell nproc)
PROMPT ?= The old house stood at the end of
MODEL ?= test/Models/tiny-llama-6m
export QCC_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/qcc

.PHONY: all setup build demo test docs clean
all: build

setup:                                   # packages, Python tools, ONNX's C++ library: only what is missing
	@tools/setup/setup.sh

build: setup
	@[ -f $(BUILD)/build.ninja ] || cmake -G Ninja -S . -B $(BUILD) -DQCC_CACHE=$(QCC_CACHE)
	@ninja -C $(BUILD) -j $(JOBS)

demo: build                              # compiles the model in the repository to 4 bits and lets it write
	@$(BUILD)/bin/qcc $(MODEL)/onnx/model.onnx --target=host --wbits=4 -o $(BUILD)/demo/model.so
	@PYTHONPATH=$(BUILD)/python $(QCC_CACHE)/venv/bin/python tools/demo/demo.py $(BUILD)/demo/model.so --tokenizer $(MODEL)/tokenizer.json --prompt "$(PROMPT)" --tokens 60

test: build                              # lit, FileCheck, GoogleTest, execution
	@ninja -C $(BUILD) -j $(JOBS) test-programs
	@$(QCC_CACHE)/venv/bin/python test/run.py $(BUILD) --jobs $(JOBS)

docs: build                              # rewrites what the documentation shows of qcc's output; review the difference
	@$(BUILD)/bin/qcc --print-operators > docs/SupportedOps.md
	@$(QCC_CACHE)/venv/bin/python test/Docs/generated.py $(CURDIR) $(BUILD)/bin --bless

clean:
	rm -rf $(BUILD)
