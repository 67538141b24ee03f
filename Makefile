# make            build bin/signalbox
# make run        a switch with three hosts to play with, until Ctrl-C
# make test       everything but the big clients; root runs the kernel tests too
# make help       the rest

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO ?= go
# Building and the tests of packages are the user's; what makes namespaces is root's.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# The version is set here, so Go need not ask git, which refuses where another
# user owns the folder.
GOBUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# CI wants to see each test.
VERBOSE := $(if $(CI),-v,)
# The race detector needs a C compiler.
RACE := $(if $(shell command -v gcc cc 2>/dev/null),-race,)

# Real clients, at fixed versions, kept in the user's cache.
GNMIC_VERSION := v0.45.0
GRPCURL_VERSION := v1.9.4
GNMI_CLI_VERSION := v0.14.1
CLIENTS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/signalbox/clients
GNMIC := $(CLIENTS)/gnmic-$(GNMIC_VERSION)-$(shell cat integration/clients/go.sum integration/clients/*/*.go | cksum | cut -d' ' -f1)/gnmic
GRPCURL := $(CLIENTS)/grpcurl-$(GRPCURL_VERSION)/grpcurl
GNMI_CLI := $(CLIENTS)/gnmi_cli-$(GNMI_CLI_VERSION)/gnmi_cli

.PHONY: build
build: need-go ## build bin/signalbox, static
	$(GOBUILD) -o bin/signalbox ./cmd/signalbox

.PHONY: run
run: build ## build, start a switch with three hosts, show it, stay up until Ctrl-C
	$(GOBUILD) -o bin/lab ./integration/lab
	$(SUDO) bin/lab -element bin/signalbox

# The packages' own tests run under the race detector. Those that drive the
# built program run without it, one package at a time: they measure nothing, but
# they share the machine's network stack and CPUs. The programs that they compare
# with are Debian's, unpacked into the user's cache where they are not installed.
.PHONY: test
test: build $(GNMI_CLI) ## unit tests, and as root kernel and end-to-end tests
	@test "$$(id -u)" = 0 || echo 'not root: kernel and end-to-end tests will say that they are skipped ("sudo make test" runs them)'
	@test -n "$(RACE)" || echo 'no C compiler: testing without the race detector'
	tools=$$($(GO) run ./integration/tools) && PATH="$$PATH:$$tools" \
		$(GO) test $(RACE) $(VERBOSE) -timeout 10m $$($(GO) list ./... | grep -v /integration)
	tools=$$($(GO) run ./integration/tools) && PATH="$$PATH:$$tools" SIGNALBOX_GNMI_CLI=$(GNMI_CLI) \
		$(GO) test $(VERBOSE) -p 1 -timeout 15m $$($(GO) list ./integration/... | grep -v -e '/readme$$' -e '/guest$$')

.PHONY: test-guest
test-guest: build ## bonds and devices with DCB against the element, in an emulated machine with Debian's kernel
	SIGNALBOX_BINARY=$(CURDIR)/bin/signalbox $(GO) test -count 1 -v -timeout 25m -skip '^TestSRIOV$$' ./integration/guest

.PHONY: test-sriov
test-sriov: build ## virtual functions of an emulated Intel 82576, and of netdevsim, in an emulated machine
	SIGNALBOX_BINARY=$(CURDIR)/bin/signalbox $(GO) test -count 1 -v -timeout 30m -run '^TestSRIOV$$' ./integration/guest

.PHONY: test-clients
test-clients: build clients ## gnmic and grpcurl against the element (root)
	SIGNALBOX_GNMI_CLI=$(GNMI_CLI) SIGNALBOX_GNMIC=$(GNMIC) SIGNALBOX_GRPCURL=$(GRPCURL) \
		$(GO) test -count 1 -v -timeout 10m -run '^TestClient' ./integration/endtoend

.PHONY: test-readme
test-readme: build ## run the sessions that the README shows (root)
	SIGNALBOX_GNMIC=$(wildcard $(GNMIC)) $(GO) test -count 1 -v -timeout 5m ./integration/readme

.PHONY: conformance
conformance: build ## run the tests that prove what the gNMI service does; write server/gnmi/CONFORMANCE.md (root)
	$(GO) run ./integration/conformance

.PHONY: bench
bench: build ## measure the element beside baselines; print a table (root, twenty minutes)
	$(GOBUILD) -o bin/bench ./integration/bench
	$(SUDO) bin/bench -element bin/signalbox

.PHONY: generate
generate: need-go ## make gen/ again from the YANG models and the C of the switch (clang-14, llvm-14, libbpf-dev)
	$(GO) run ./gen/generate
	$(GO) generate ./gen/bpf

.PHONY: lint
lint: need-go ## format, vet, staticcheck, import graph, freshness of the conformance page
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test ./integration/imports ./integration/conformance

.PHONY: clients
clients: $(GNMIC) $(GRPCURL) $(GNMI_CLI) ## build gnmic, grpcurl and gnmi_cli (eight minutes the first time)
	@printf '%s\n' $^

$(GNMIC):
	@echo 'building gnmic $(GNMIC_VERSION): about seven minutes on two CPUs, once'
	mkdir -p $(@D)
	cd integration/clients && CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o $@ ./gnmic

$(GRPCURL):
	@echo 'building grpcurl $(GRPCURL_VERSION)'
	CGO_ENABLED=0 GOBIN=$(@D) $(GO) install -trimpath -ldflags '-s -w' github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION)

$(GNMI_CLI):
	CGO_ENABLED=0 GOBIN=$(@D) $(GO) install -trimpath -ldflags '-s -w' github.com/openconfig/gnmi/cmd/gnmi_cli@$(GNMI_CLI_VERSION)

.PHONY: clean
clean: ## remove what was built here (the clients stay in the cache)
	rm -rf bin

.PHONY: need-go
need-go:
	@command -v $(GO) >/dev/null || { echo 'Go is missing: https://go.dev/doc/install, or "apt-get install -t bookworm-backports golang-go"'; exit 1; }
	@$(GO) version | grep -Eq 'go(1\.(2[1-9]|[3-9][0-9])|devel)' || { echo "$$($(GO) version): this is too old to fetch the release that go.mod names; 1.21 is the least (https://go.dev/doc/install)"; exit 1; }

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
