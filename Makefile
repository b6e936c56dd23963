# Everything that a person or CI does with this project. `make help` lists it.
GO      ?= go
TOOL    := $(GO) tool -modfile=tools/go.mod
# How long `make fuzz` gives each target, and how often `make bench` repeats.
FUZZTIME  ?= 30s
BENCHCOUNT ?= 1
export CGO_ENABLED ?= 0

.PHONY: help run build test test-long check format vet staticcheck race cross bench fuzz clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: ## start the demonstration chain: lode up
	$(GO) run ./cmd/lode up

build: ## build bin/lode
	$(GO) build -trimpath -o bin/lode ./cmd/lode

test: ## run every test
	$(GO) test ./...

test-long: ## run the tests that take minutes, too
	$(GO) test -tags long -timeout 20m ./chain ./consensus

check: format vet staticcheck cross race ## format, vet, staticcheck, other platforms, tests with the race detector

format:
	@files="$$($(TOOL) gofumpt -l $$(git ls-files '*.go'))"; \
	if [ -n "$$files" ]; then echo "not gofumpt-ed (run: make fmt):"; echo "$$files"; exit 1; fi

.PHONY: fmt
fmt: ## format the code
	$(TOOL) gofumpt -w $$(git ls-files '*.go')

vet:
	$(GO) vet ./...

staticcheck:
	$(TOOL) staticcheck ./...

cross: ## compile for Linux, macOS and Windows, without cgo
	GOOS=linux GOARCH=arm64 $(GO) build ./...
	GOOS=darwin GOARCH=arm64 $(GO) build ./...
	GOOS=windows GOARCH=amd64 $(GO) build ./...

# Left out: sessions that derive keys from passphrases all the time, which the
# detector makes many times slower. They run without it in `make test`.
RACESKIP = TestSecretsStaySecret|TestScript/(adopt|protect|unlock|texts|keykinds|paper|init)
race: ## run the tests with the race detector (needs cgo and a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 15m -skip '$(RACESKIP)' ./...

bench: ## run the benchmarks behind every figure in the README
	$(GO) test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) -timeout 30m ./...

fuzz: ## run each fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg || exit 1; \
		done; \
	done

clean: ## remove what was built
	rm -rf bin
