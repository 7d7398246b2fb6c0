# The two commands that matter are `make demo` and `make test`; `make help` tells the rest.

SWIFT ?= swift
PYTHON ?= /usr/bin/python3
# The package is built with the same options, so that neither build undoes the other's.
RELEASE := -c release --static-swift-stdlib --disable-local-rpath
BIN := .build/release
export REVERSED := $(CURDIR)/$(BIN)/reversed
export REVERSE_CLIENT := $(CURDIR)/$(BIN)/reverse-client

# What Debian calls the things that each command needs; scripts/install-missing asks apt for those that are not there.
BUILD_PACKAGES := libsystemd-dev libtomlplusplus-dev pkg-config g++
TEST_PACKAGES := $(BUILD_PACKAGES) python3 python3-pytest python3-pexpect python3-pyte strace mandoc iproute2 procps \
	bash bash-completion zsh fish
SYSTEM_PACKAGES := $(TEST_PACKAGES) debootstrap debian-archive-keyring systemd-container debhelper lintian

.DEFAULT_GOAL := help
.PHONY: help build run demo test lint format unit-tests behaviour-tests sanitizer-tests system-tests deb container benchmark \
	build-dependencies test-dependencies system-dependencies grapheme-table clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Build, start the daemon on the example configuration, reverse some text, stop
	@scripts/demo

build: build-dependencies ## Build the release binaries, .build/release/reversed and reverse-client
	$(SWIFT) build $(RELEASE)

run: build ## Run the daemon in the foreground on config/reversed.toml
	$(REVERSED) --config config/reversed.toml

test: system-dependencies ## Install what is missing and run every test there is
	$(MAKE) lint
	$(MAKE) unit-tests
	$(MAKE) sanitizer-tests
	$(MAKE) behaviour-tests
	$(MAKE) system-tests

lint: build-dependencies ## Check the layout of the sources and the manual pages
	$(SWIFT) format lint --strict --recursive Sources Tests Examples/Sources Package.swift Examples/Package.swift
	mandoc -Tlint -W warning man/*.[1-8]

format: ## Lay out the sources as .swift-format says
	$(SWIFT) format --in-place --recursive Sources Tests Examples/Sources Package.swift Examples/Package.swift

unit-tests: test-dependencies ## The tests of each module
	$(SWIFT) test

sanitizer-tests: test-dependencies ## The tests of unsafe code under AddressSanitizer, those of threads under ThreadSanitizer
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --sanitize=address --scratch-path .build-asan \
		--filter 'ReverseCoreTests|SettingsTests|DispatchServerTests|SocketsTests'
	$(SWIFT) test --sanitize=thread --scratch-path .build-tsan --filter DispatchServerTests

behaviour-tests: test-dependencies build ## The release binaries over real sockets, pipes and terminals
	$(PYTHON) -m pytest -q Tests/Behaviour

system-tests: system-dependencies deb ## The package in booted containers of Debian 12 and 13 (root only)
	Tests/System/run
	PACKAGES="$$(ls .build/*.deb)" $(PYTHON) -m pytest -q Tests/Behaviour/test_completion.py

deb: system-dependencies ## Build the Debian package
	scripts/build-package

container: deb ## A shell in a container with the package installed (root only)
	Tests/System/container shell

grapheme-table: ## Write Sources/ReverseCore/GraphemeClassTable.swift from the files in unicode/ (or UNICODE_DATA=directory)
	REGENERATE_GRAPHEME_TABLE=1 $(SWIFT) test --filter GraphemeClassTableTests.regenerate

benchmark: build ## Measure against peers; writes docs/benchmarks.md
	Benchmarks/run

build-dependencies:
	@scripts/install-missing $(BUILD_PACKAGES)

test-dependencies:
	@scripts/install-missing $(TEST_PACKAGES)

system-dependencies:
	@scripts/install-missing $(SYSTEM_PACKAGES)

clean: ## Remove everything that was built
	rm -rf .build .build-asan .build-tsan
