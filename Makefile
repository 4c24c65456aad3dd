# hopguard: what a person does with this repository. "make" alone lists it.
#
# A machine with Go and make is enough: what else a target needs is fetched by Go
# (modules, the pinned linter) or by scripts/need (a C compiler for the race detector,
# Azurite for the tests of the store, the official clients for e2e-clients), which says
# plainly what it cannot install.

# Go's own folder, for shells that do not have it in PATH.
export PATH := $(PATH):/usr/local/go/bin

GO ?= go
# The linter is built from source at the version in go.tool.mod; Go keeps the result.
LINT = $(GO) tool -modfile=go.tool.mod golangci-lint
# What to pass on: make demo ARGS=--hold, make bench BENCH=Switch, make fuzz FUZZTIME=5m,
# make functions-zip CONFIG=hopguard.yaml.
ARGS ?=
BENCH ?= .
FUZZTIME ?= 10s
FOR ?= 10m
KILLS ?= 50
LABS ?= 2
CONFIG ?=

# One step at a time, in the order written, also under make -j: every step uses all
# cores by itself, and a failure is read at the end of the output.
.NOTPARALLEL:
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/hopguard, one static file
	@scripts/need go
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/hopguard ./cmd/hopguard

.PHONY: functions-zip
functions-zip: ## bin/hopguard-functions-*.zip for Azure Functions (CONFIG=file)
	@scripts/need go
	scripts/functions-zip $(CONFIG)

.PHONY: image
image: ## bin/hopguard-image.tar, a container image for amd64 and arm64
	@scripts/need go
	scripts/image

.PHONY: sbom
sbom: build ## bin/hopguard.cdx.json, what bin/hopguard is made of (CycloneDX)
	$(GO) run ./deploy/sbom -out bin/hopguard.cdx.json bin/hopguard

.PHONY: chart-test
chart-test: build ## the Helm chart, by Helm itself (the first run compiles Helm)
	@scripts/need go
	cd deploy/helm/charttest && $(GO) mod download && HOPGUARD=$(CURDIR)/bin/hopguard $(GO) test -count=1 ./...

.PHONY: systemd-check
systemd-check: ## the systemd unit, checked by systemd: no unknown word, little exposure
	@scripts/need systemd
	scripts/systemd-check

.PHONY: demo
demo: build ## watch a failover: no Azure, no root, no network
	./bin/hopguard demo $(ARGS)

.PHONY: test
test: fmt-check vet fix-check lint mutants-list race ## everything that must hold before a change lands

.PHONY: fmt-check
fmt-check: # every file is as gofmt writes it
	@scripts/need go
	@dirs=$$($(GO) list -f '{{.Dir}}' ./...) || exit 1; \
	bad=$$("$$($(GO) env GOROOT)/bin/gofmt" -l $$dirs) || exit 1; \
	if [ -n "$$bad" ]; then printf 'gofmt would change:\n%s\n' "$$bad"; exit 1; fi; \
	echo 'gofmt: every file is clean'

.PHONY: vet
vet: # the checks of the Go team
	@scripts/need go
	$(GO) vet ./...

.PHONY: fix-check
fix-check: # nothing is written in the manner of an older Go
	@scripts/need go
	$(GO) fix -diff ./...

.PHONY: lint
lint: ## golangci-lint, pinned in go.tool.mod (the first run compiles it)
	@scripts/need go tools
	$(LINT) config verify
	$(LINT) run --allow-parallel-runners ./...

.PHONY: race
race: ## all tests, under the race detector where the code is ours
	@scripts/need go cc azurite
	CGO_ENABLED=1 $(GO) test -race -count=1 $$($(GO) list ./... | grep -v /vendortest$$)
	$(GO) test -count=1 ./internal/vendortest

.PHONY: bench
bench: ## the benchmarks of docs/benchmarks.md (BENCH=regexp)
	@scripts/need go
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: bench-scale
bench-scale: ## thousands of groups, quiet and while half of them fail (ARGS='-groups 1000 -subscriptions 20')
	@scripts/need go
	@held=0; $(GO) run ./internal/scale $(ARGS) || held=1; \
	$(GO) run ./internal/scale -outage $(ARGS) || held=1; exit $$held

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@scripts/need go
	scripts/fuzz $(FUZZTIME)

.PHONY: mutants
mutants: ## does a test fail when a guard is removed? (ARGS='-run regexp')
	@scripts/need go
	$(GO) run ./internal/mutants $(ARGS)

.PHONY: mutants-list
mutants-list: # the lists of make mutants still fit the code
	@scripts/need go
	$(GO) run ./internal/mutants -list >/dev/null

.PHONY: model
model: ## check a model of the protocol, every state of it (ARGS=no-check tells one story)
	@scripts/need spin
	model/check $(ARGS)

.PHONY: chaos
chaos: ## kill the leading controller KILLS (50) times in mid-switch (ARGS='-mode pause')
	@scripts/need go azurite
	$(GO) run ./internal/chaos -kills $(KILLS) $(ARGS)

.PHONY: soak
soak: ## simulate with fresh seeds for a time (FOR=10m): crashes, partitions, a hostile cloud
	@scripts/need go
	$(GO) test -count=1 -timeout 0 -v -run 'TestSeeds$$' ./internal/trial -for $(FOR)

.PHONY: lab-test
lab-test: build ## failures in Linux namespaces, counted in packets, minutes of them (root)
	@scripts/need lab
	./bin/hopguard lab run --labs 2 --lenient --out bin/lab.json $(ARGS)
	./bin/hopguard lab report bin/lab.json

.PHONY: bench-lab
bench-lab: build ## the same, 20 times each: the lab's part of docs/benchmarks.md (LABS=2, root)
	@scripts/need lab
	./bin/hopguard lab run --full --labs $(LABS) --out bin/lab-full.json $(ARGS)
	./bin/hopguard lab report bin/lab-full.json --manual docs/benchmarks.md --plots docs/img

.PHONY: e2e-clients
e2e-clients: build ## Microsoft's Python SDK and az against hopguard sim
	@scripts/need clients
	scripts/e2e-clients.sh

.PHONY: terraform-test
terraform-test: build ## deploy/terraform: fmt, validate, terraform test (builds the provider once)
	@scripts/need terraform
	scripts/terraform-test

.PHONY: e2e-terraform
e2e-terraform: build ## Terraform's azurerm applies deploy/terraform to hopguard sim, and destroys it
	@scripts/need terraform
	scripts/e2e-terraform.sh

.PHONY: e2e-arm
e2e-arm: build ## the real az deploys deploy/arm to hopguard sim, and hopguard works with it
	@scripts/need clients
	scripts/e2e-arm.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .cache
