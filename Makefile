# Every target is one or two commands; `make` lists them.
table1 table2 losses appendix-a gate ltv ltv-uplift: PROFILE ?= quick
hillstrom cdnow rho release: PROFILE ?= standard
losses: EXPERIMENT = loss_variants
appendix-a: EXPERIMENT = appendix_a
ltv-uplift: EXPERIMENT = ltv_uplift
VALOR := target/release/valor

help:                   ## this list
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:                  ## libtorch into ./libtorch, once (LIBTORCH=/path: your own; CUDA=1: with CUDA)
	@scripts/libtorch.sh

build: setup            ## target/release/valor
	cargo build --release

ablation: table2        ## Table 2 on the quick profile: trains what is missing, prints the report's path

table1 table2 losses rho release hillstrom cdnow appendix-a gate ltv ltv-uplift: build ## one experiment (PROFILE=quick|standard|full)
	@file=experiments/$(or $(EXPERIMENT),$@).toml; $(VALOR) run $$file --profile $(PROFILE); code=$$?; \
	$(VALOR) report $$file --profile $(PROFILE) && exit $$code

data: build             ## real data into ./data, for hillstrom and cdnow
	scripts/data.sh

test: setup             ## every test
	cargo test --release

fuzz: setup             ## every kind of file that is read, altered 100,000 times each
	VALOR_FUZZ=100000 cargo test --release --test fuzz -- --nocapture --test-threads 1

simulation: setup       ## do intervals cover, do tests keep their size: the tables of docs/methods/simulation.md
	cargo test --release --lib simulation -- --ignored --nocapture

bench: setup            ## the speed figures of docs/performance.md
	cargo bench --profile release

published:              ## results/published/README.md from the reports beside it
	python3 scripts/published.py

check: setup            ## format and lints
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings

.PHONY: help setup build ablation table1 table2 losses rho release hillstrom cdnow appendix-a gate ltv ltv-uplift data test fuzz simulation bench published check
