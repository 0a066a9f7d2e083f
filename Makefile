# The commands for people. `make help` lists the targets. Each target installs the packages that it
# needs, and leaves nothing running.
SHELL := /bin/bash
SWIFT ?= swift
PREFIX ?= /usr
BIN := .build/release
PACKAGES := pkg-config mosquitto libmosquitto-dev libcurl4-openssl-dev libsqlite3-dev libyaml-dev libzstd-dev libssl-dev
# Further packages for the tests: for a centre in Python, a centre in shell, and certificates.
TEST_PACKAGES := python3 jq mosquitto-clients openssl

.PHONY: help deps build check test verify lint demo crash score budget reloads bench bench-check docs measure install clean
help:
	@echo "make demo          a simulated day with its score, then the whole product live (QUICK=1: under 90 seconds)"
	@echo "make check         while coding: builds, format, rules' own tests, and the tests without a broker (about a minute)"
	@echo "make test          for a reviewer: check, and every test with a real broker (some ten minutes)"
	@echo "make verify        what CI runs: test, then crashes, score, sick disks, an installation, cases (within an hour)"
	@echo "make crash         200 kills under traffic, with the centre going up and down (ROUNDS=200)"
	@echo "make network       gateway and centre in two network namespaces, 30% of all packets lost (as root)"
	@echo "make trial         CPU and delay, an outage of the centre with a kill, priority over a million events (about 20 minutes)"
	@echo "make score         the benchmark city: recall, false alarms, weakened rules, New York, speed; writes docs/detection.md"
	@echo "                   (the whole: YEARS=720 ENTRAPMENTS=1000 SEEDS=200 DAYS=19 MINUTES=10, four hours; PARTS=strata: one table)"
	@echo "make reloads       1,000 reloads of rules while 1,000 lifts send, in one process and of the daemon (RELOADS=1000)"
	@echo "make simulation    2,000 random lives of the gateway in virtual time, and the known faults put in (SEEDS=2000; some minutes)"
	@echo "make soak          three hours of such lives, a million of the journal's, a week without the centre, 2,000 kills (about seven hours)"
	@echo "make bench         the speed of the rule engine and the journal: Timescales, messages, memory, start-up, bytes written"
	@echo "make bench-check   instruction counts against the checked-in ones (valgrind)"
	@echo "make mutants       breaks each operator of the rule language and counts the tests that notice (about 20 minutes)"
	@echo "make installation  by README's commands alone, on a bare Debian 12 in a folder, to a passed self-test (as root)"
	@echo "make deb           the Debian packages hoistway and hoistway-sim, into .build/deb"
	@echo "make deb-offline   the gateway's package with all that a bare Debian 12 lacks for it, into .build/deb-offline"
	@echo "make package-test  the packages on bare Debians in folders: installation, upgrade, downgrade, removal, no network (as root)"
	@echo "make cases         recorded incidents and payloads from elsewhere, each compared with Tests/Cases/expected.tsv"
	@echo "make docs          docs/entrapment.md and docs/contract/kinds.md from the rules"
	@echo "make measure       memory, size and CPU share of the daemon with 200 lifts at 1 Hz"
	@echo "make install       into DESTDIR: the program, Devices, and the files for systemd and mosquitto; make uninstall removes them"

deps:
	@command -v $(SWIFT) >/dev/null || { echo "Swift 6.3 is missing: install the toolchain from https://www.swift.org/install/linux/"; exit 1; }
	@if ! { command -v pkg-config && pkg-config --exists libmosquitto libcurl sqlite3 yaml-0.1 libzstd libcrypto && { command -v mosquitto || test -x /usr/sbin/mosquitto; }; } >/dev/null 2>&1; then \
	  if [ "$$(id -u)" != 0 ]; then echo "Packages are missing. As root: apt-get update && apt-get install -y $(PACKAGES)"; exit 1; fi; \
	  echo "Installing Debian packages: $(PACKAGES)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	fi

.PHONY: packages
packages:
	@echo $(PACKAGES)

.PHONY: test-deps
test-deps: deps
	@for tool in python3 jq mosquitto_sub openssl; do command -v $$tool >/dev/null || missing=1; done; [ -z "$$missing" ] || { \
	  if [ "$$(id -u)" != 0 ]; then echo "Packages are missing. As root: apt-get install -y $(TEST_PACKAGES)"; exit 1; fi; \
	  echo "Installing Debian packages for the tests: $(TEST_PACKAGES)"; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES) >/dev/null; \
	}

build: deps
	@echo "Building (the first time takes a minute or two)"
	@$(SWIFT) build -c release --static-swift-stdlib -q

lint: test-deps
	@echo "Checking the format"
	@$(SWIFT) format lint --strict --recursive Package.swift Sources Simulator Tests Benchmarks
	@Tests/Mutants/run --check

.PHONY: debug
debug: deps
	@echo "Building the programs and the tests, warnings are $${CI:+errors}$${CI:-warnings}" | sed 's/true$$//'
	@$(SWIFT) build --build-tests -q

check: debug lint
	@echo "Rules' own tests"
	@.build/debug/hoistway rules test Devices/rules
	@.build/debug/hoistway check --rules Devices/rules --profiles Devices/profiles
	@echo "Tests without a broker"
	@Tests/run '^(Delivery|Detection|Journal|Simulator)Tests|Layout|Size|StatusText|Configuration'

test: check cases
	@echo "Tests with a broker"
	@Tests/run '^GatewayTests'
	@$(MAKE) --no-print-directory units budget

verify: test
	@$(MAKE) --no-print-directory long

# What verify runs after test.
.PHONY: long
long: build test-deps
	@echo "An installation by README's commands alone, on a bare Debian 12"
	@Tests/Install/run || [ $$? = 77 ]
	@echo "A hundred reloads of rules while a thousand lifts send (the long form is make reloads)"
	@$(BIN)/hoistway-bench reloads --count 100
	@$(BIN)/hoistway-bench load
	@echo "Ten entrapments of every cause on every kind of sensor (the long form is make score)"
	@$(BIN)/hoistway-bench strata --entrapments 10 --networks usual,lossy
	@echo "Two lift-years without a fault, twenty years of New York, causes by share, and weakened rules, each of which must lower the score"
	@page=$$(mktemp); trap "rm -f $$page" EXIT; PAGE=$$page PARTS="fault-free new-york causes weakened" ENTRAPMENTS=3 Benchmarks/score $(BIN)
	@echo "The journal on a disk that loses, tears and reorders what was not synced (the long form is make soak)"
	@$(BIN)/journal-model --sequences $(or $(SEQUENCES),10000)
	@echo "The gateway's core in virtual time: broker, disk, clock, centres and process fail (with known faults put in: make simulation)"
	@$(BIN)/gateway-simulation --seed 1 --seeds $(or $(SEEDS),2000)
	@echo "Two hours without the centre, in half a minute of a leaping clock (the long form, a week, is in make soak)"
	@$(BIN)/hoistway-sim trial partition --for 2h --quota 1
	@$(MAKE) --no-print-directory crash ROUNDS=$(or $(KILLS),200)

# The faults that are put in exist in this build only.
SIMULATION = .build-simulation
.PHONY: simulation simulation-program
simulation-program: deps
	@echo "Building the simulation of the gateway (the first time takes some minutes)"
	@$(SWIFT) build -c release --static-swift-stdlib -q --product gateway-simulation --scratch-path $(SIMULATION) -Xswiftc -DSIMULATION
simulation: simulation-program
	@echo "The gateway's core in virtual time: broker, disk, clock, centres and process fail"
	@$(SIMULATION)/release/gateway-simulation --seeds $(or $(SEEDS),2000)
	@echo "The same with each of the known faults in it, which must be found"
	@$(SIMULATION)/release/gateway-simulation --faults

.PHONY: units
units:
	@if command -v systemd-analyze >/dev/null; then systemd/verify; \
	elif [ "$$(id -u)" = 0 ]; then DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null && systemd/verify; \
	else echo "systemd-analyze is missing; the units were not verified"; fi

budget: build
	@Benchmarks/budget $(BIN)/hoistway

.PHONY: installation
installation: program test-deps
	@Tests/Install/run

.PHONY: cases
cases: build
	@echo "Recorded incidents and payloads from elsewhere ($(BIN)/cases prints the whole table)"
	@$(BIN)/cases --failures

demo: build
	@Simulator/demo $(BIN) $(QUICK)

ROUNDS ?= 200
crash: build
	@echo "$(ROUNDS) kills under traffic, one every 2.5 s and a quarter of them in series of ten within 15 s; every third dies right between commit and acknowledgement"
	@$(BIN)/hoistway-sim demo --hoistway $(BIN)/hoistway --kills $(ROUNDS) --outage 6s --outages $$(( $(ROUNDS) / 10 + 1 )) --duration $$(( $(ROUNDS) * 5 / 2 + 30 ))s

score: build
	@Benchmarks/score $(BIN)

reloads: build
	@echo "$(or $(RELOADS),1000) reloads of the daemon while 1,000 lifts send, over a real broker"
	@$(BIN)/hoistway-sim demo --hoistway $(BIN)/hoistway --lifts 1000 --kills 0 --outage 0s --reloads $(or $(RELOADS),1000) --duration $(or $(SPAN),420)s
	@$(BIN)/hoistway-bench reloads --count $(or $(RELOADS),1000)

.PHONY: soak
soak: build simulation-program
	@$(SIMULATION)/release/gateway-simulation --minutes $(or $(SIMULATED_MINUTES),180)
	@$(BIN)/journal-model --sequences $(or $(SEQUENCES),1000000)
	@$(BIN)/hoistway-sim trial partition --for 168h
	@$(MAKE) --no-print-directory crash ROUNDS=2000

.PHONY: network trial
network: build
	@Tests/Network/run $(BIN)

trial: build
	@$(BIN)/hoistway-sim trial speed
	@$(BIN)/hoistway-sim trial outage
	@$(BIN)/hoistway-sim trial priority

bench: build
	@$(BIN)/hoistway-bench messages
	@$(BIN)/hoistway-bench state
	@$(BIN)/hoistway-bench load
	@$(BIN)/hoistway-bench journal
	@Benchmarks/timescales $(BIN) $(or $(ROWS),1000000)

bench-check: build
	@command -v valgrind >/dev/null || { [ "$$(id -u)" = 0 ] && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind >/dev/null; } || { echo "valgrind is missing: apt-get install valgrind"; exit 1; }
	@Benchmarks/check $(BIN)

.PHONY: mutants
mutants: deps
	@command -v python3 >/dev/null || { echo "python3 is missing: apt-get install python3"; exit 1; }
	@Tests/Mutants/run

docs: build
	@$(BIN)/hoistway rules decisions --rules Devices/rules >docs/entrapment.md
	@$(BIN)/hoistway rules kinds --rules Devices/rules >docs/contract/kinds.md

measure: build
	@Benchmarks/measure $(BIN)

.PHONY: program
program: deps
	@echo "Building the program (the first time takes some minutes)"
	@$(SWIFT) build -c release --static-swift-stdlib -q --product hoistway

install: program
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" systemd/install $(BIN)

.PHONY: uninstall
uninstall:
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" systemd/install --uninstall

# What the packages need beside the programs: the tool that writes manual pages from their help.
DEB_PACKAGES := dpkg-dev debhelper
.PHONY: deb deb-deps deb-offline package-test
deb-deps: deps
	@command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || { \
	  if [ "$$(id -u)" != 0 ]; then echo "Packages are missing. As root: apt-get install -y $(DEB_PACKAGES)"; exit 1; fi; \
	  echo "Installing Debian packages: $(DEB_PACKAGES)"; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEB_PACKAGES) >/dev/null; \
	}

deb: deb-deps program
	@$(SWIFT) build -c release --static-swift-stdlib -q --product hoistway-sim
	@$(SWIFT) build -q --package-path .build/checkouts/swift-argument-parser --product generate-manual --scratch-path .build/manual >.build/manual.log 2>&1 || { cat .build/manual.log; exit 1; }
	@rm -rf .build/deb
	@systemd/package $(BIN) .build/deb
	@ls .build/deb/*.deb

deb-offline: deb
	@systemd/offline .build/deb/hoistway_*.deb .build/deb-offline
	@echo ".build/deb-offline: $$(ls .build/deb-offline | wc -l) packages, $$(du -sh .build/deb-offline | cut -f1)"

package-test: deb-offline test-deps
	@command -v lintian >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends lintian >/dev/null
	@Tests/Package/run

clean:
	rm -rf .build
