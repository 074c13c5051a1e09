# Everything is built in the release profile, tests and lints too: the C++ side of tch takes over a
# minute to compile, and a second profile would compile it a second time.

CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),target)
NSODE = $(TARGET)/release/nsode

.PHONY: help setup build demo eval-quick peers test fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## fetch libtorch into .libtorch/ (480 MB, once)
	@scripts/libtorch

build: setup ## build the nsode program
	$(CARGO) build --release

demo: build ## find the equation behind a yeast culture's growth, and plot it
	@mkdir -p "$(TARGET)/demo"
	"$(NSODE)" infer data/examples/yeast.csv --plot "$(TARGET)/demo/yeast.svg"

eval-quick: build ## fail if one of 60 fixed cases' figures fell below data/baseline.json by more than chance
	"$(NSODE)" eval --suite quick --condition clean,hard --seconds 600 --baseline data/baseline.json

peers: build ## compare with PySINDy, gplearn and Operon, all judged by the same code (an hour)
	@scripts/peers
	@NSODE="$(NSODE)" eval/peers/compare

test: setup ## check the format, lint, build the documentation, run every test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --release -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --release
	$(CARGO) test --workspace --release

fmt: ## format the sources
	$(CARGO) fmt --all

clean: ## remove what was built; libtorch stays
	$(CARGO) clean
