# The two commands that matter are `make demo` and `make test`; `make help` lists the rest.

SWIFT ?= swift
PYTHON ?= /usr/bin/python3
# The programs contain the Swift runtime, so they run where Swift is not installed. The linker options harden them: addresses
# are resolved at the start and their table becomes read-only, and no unused library is loaded.
RELEASE := -c release --static-swift-stdlib --disable-local-rpath \
	-Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now -Xlinker --as-needed
BIN := .build/release
export REVERSED := $(CURDIR)/$(BIN)/reversed
export REVERSE_CLIENT := $(CURDIR)/$(BIN)/reverse-client

# The Debian packages that the targets need. scripts/install-missing installs those that are missing.
BUILD_PACKAGES := libsystemd-dev libtomlplusplus-dev pkg-config g++
TEST_PACKAGES := $(BUILD_PACKAGES) python3 python3-pytest python3-pytest-xdist python3-pexpect python3-pyte python3-yaml strace mandoc iproute2 \
	procps bash bash-completion zsh fish binutils util-linux prometheus prometheus-node-exporter haproxy openssl nftables \
	golang-github-burntsushi-toml-dev
SYSTEM_PACKAGES := $(TEST_PACKAGES) debootstrap debian-archive-keyring systemd-container debhelper lintian
LINT_PACKAGES := $(BUILD_PACKAGES) git python3 mandoc shellcheck hunspell hunspell-en-gb

.DEFAULT_GOAL := help
.PHONY: help build programs install uninstall run deb container demo test lint format unit-tests sanitizer-tests \
	sanitizer-soak simulation-tests simulation-soak fuzz behaviour-tests fault-tests system-tests soak restart-soak coverage examples \
	documentation grapheme-table recording layers benchmark clean release \
	build-dependencies test-dependencies system-dependencies lint-dependencies

help: ## This list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Use

demo: build ## Build, start the daemon on the example configuration, reverse some text, stop
	@scripts/demo

build: build-dependencies programs ## Build the release binaries, .build/release/reversed and reverse-client

programs:
	$(SWIFT) build $(RELEASE) --product reversed
	$(SWIFT) build $(RELEASE) --product reverse-client

# scripts/install reads these.
export BUILT DESTDIR prefix bindir sbindir datadir docdir mandir systemddir sysusersdir bashcompletiondir zshcompletiondir fishcompletiondir

install: ## Install what `make build` built: DESTDIR=, prefix=/usr/local; parts="daemon client"
	@scripts/install install $(parts)

uninstall: ## Remove it; a changed settings file stays
	@scripts/install uninstall $(parts)

run: build ## Run the daemon in the foreground on config/reversed.toml
	$(REVERSED) --config config/reversed.toml

deb: system-dependencies ## Build the Debian packages
	scripts/build-package

container: deb ## Open a shell in a container with the packages installed (root only)
	Tests/System/container shell

##@ Develop

test: system-dependencies ## Run every test (root only)
	$(MAKE) lint
	$(MAKE) unit-tests
	$(MAKE) simulation-tests
	$(MAKE) documentation
	$(MAKE) sanitizer-tests
	$(MAKE) fuzz seconds=2
	$(MAKE) behaviour-tests
	$(MAKE) fault-tests
	$(MAKE) system-tests

lint: lint-dependencies ## Check layout, layers, links, examples, spelling, shell scripts, manual pages and versions
	$(SWIFT) format lint --strict --recursive Sources Tests Examples/Sources Package.swift Examples/Package.swift
	mandoc -Tlint -W warning man/*.[1-8]
	scripts/check-version
	scripts/check-examples
	scripts/layers
	scripts/check-links
	scripts/check-spelling
	scripts/check-shell

format: ## Format the Swift sources as .swift-format says
	$(SWIFT) format --in-place --recursive Sources Tests Examples/Sources Package.swift Examples/Package.swift

unit-tests: test-dependencies ## Run the tests of each module
	$(SWIFT) test

sanitizer-tests: test-dependencies ## Run the tests of unsafe code and of threads under AddressSanitizer and ThreadSanitizer
	scripts/sanitize address quick
	scripts/sanitize thread quick

soak: sanitizer-soak
sanitizer-soak: test-dependencies ## Run all unit tests and behaviour tests under both sanitizers
	scripts/sanitize address full
	scripts/sanitize thread full

simulation-tests: build-dependencies ## Run the server engine over a simulated kernel and clock, for seeds=4000
	Tests/Simulation/run --count $(or $(seeds),4000)
	Tests/Simulation/check-planted-bugs 2 8 16 23

simulation-soak: build-dependencies ## Run the simulation on new seeds for seconds=3600, and with each planted bug
	Tests/Simulation/check-planted-bugs
	Tests/Simulation/run --first "$$(date +%s)000" --count 1000000000 --seconds $(or $(seconds),3600)

examples: build-dependencies ## Build the example programs, Examples/.build/debug
	$(SWIFT) build --package-path Examples --static-swift-stdlib --explicit-target-dependency-import-check error

documentation: build-dependencies ## Build and check the documentation of the libraries, .build/documentation
	scripts/documentation

fuzz: test-dependencies ## Fuzz every reader of outside data, each for seconds=60
	scripts/fuzz $(seconds)

behaviour-tests: test-dependencies build examples ## Test the release binaries over real sockets, pipes and terminals
	$(PYTHON) -m pytest -q -n 3 Tests/Behaviour

coverage: test-dependencies ## Print how many lines the unit tests and the behaviour tests run, by module
	scripts/coverage

fault-tests: test-dependencies build ## Test failing system calls, hostile clients, a hostile machine; FAULTS_SEED=1
	$(PYTHON) -m pytest -q Tests/Faults

restart-soak: system-dependencies deb ## Restart the service 20 times among 2,600 clients, and kill it 20 times (root only)
	LONG=yes CASE_TIMEOUT=1800 Tests/System/run restart-live restart-killed

soak: test-dependencies build simulation-soak restart-soak ## Simulation, restarts and faults for hours (SOAK_SECONDS=3600); print the figures (root only)
	$(PYTHON) Tests/Faults/soak.py

system-tests: system-dependencies deb examples ## Test the packages in booted containers of Debian 12 and 13 (root only)
	Tests/System/run
	PACKAGES="$$(ls .build/*.deb)" $(PYTHON) -m pytest -q Tests/Behaviour/test_completion.py

grapheme-table: ## Write Sources/ReverseCore/GraphemeClassTable.swift from the files in unicode/ (or UNICODE_DATA=directory)
	REGENERATE_GRAPHEME_TABLE=1 $(SWIFT) test --filter GraphemeClassTableTests.regenerate

benchmark: build ## Measure against peers; writes docs/benchmarks.md
	Benchmarks/run

layers: ## Draw docs/layers.svg from Package.swift and docs/architecture.md
	scripts/layers --draw

recording: test-dependencies build ## Record the session in README.md again: docs/demo.svg
	$(PYTHON) scripts/record

clean: ## Remove everything that was built
	rm -rf .build Tests/Simulation/.build .build-asan .build-coverage .build-fuzz .build-tsan Examples/.build

##@ Release

release: system-dependencies ## Test, build and collect a release in .build/release-VERSION; options="--without-tests --trial"
	scripts/release $(options)

build-dependencies:
	@scripts/install-missing $(BUILD_PACKAGES)

test-dependencies:
	@scripts/install-missing $(TEST_PACKAGES)

system-dependencies:
	@scripts/install-missing $(SYSTEM_PACKAGES)

lint-dependencies:
	@scripts/install-missing $(LINT_PACKAGES)
