# Thin names for the scripts; see README.md.
.PHONY: run test check
run:
	scripts/run.sh
test:
	scripts/test.sh
check:
	scripts/check.sh
