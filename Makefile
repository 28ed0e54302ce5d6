# Every target is one or two commands; `make` lists them.
table2: PROFILE ?= quick
hillstrom: PROFILE ?= standard
VALOR := target/release/valor

help:                   ## this list
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:                  ## libtorch into ./libtorch, once (LIBTORCH=/path: your own; CUDA=1: with CUDA)
	@scripts/libtorch.sh

build: setup            ## target/release/valor
	cargo build --release

ablation: table2        ## Table 2 on the quick profile: trains what is missing, prints the report's path

table2 hillstrom: build ## one experiment (PROFILE=quick|standard|full)
	@$(VALOR) run experiments/$@.toml --profile $(PROFILE); code=$$?; \
	$(VALOR) report experiments/$@.toml --profile $(PROFILE) && exit $$code

data:                   ## real data into ./data, for hillstrom
	scripts/data.sh

test: setup             ## every test
	cargo test --release

bench: setup            ## the speed figures of README.md
	cargo bench --profile release

check: setup            ## format and lints
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings

.PHONY: help setup build ablation table2 hillstrom data test bench check
