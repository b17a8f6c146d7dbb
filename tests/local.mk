# SPDX-License-Identifier: MIT
# Every test runs the program of this build tree (maqet-dev), never an installed one.

# Every test is run by tests/limit, which ends one that takes too long.
TEST_EXTENSIONS = .sh
LOG_COMPILER = $(abs_top_builddir)/tests/limit
SH_LOG_COMPILER = $(LOG_COMPILER) $(SHELL)
AM_TESTS_ENVIRONMENT = \
	MAQET='$(abs_top_builddir)/maqet-dev'; export MAQET; \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir; \
	CC='$(abs_top_builddir)/tests/cc'; export CC; \
	SANITIZER_FLAGS='$(SANITIZER_FLAGS)'; export SANITIZER_FLAGS; \
	MALLOC_PERTURB_=$${MALLOC_PERTURB_-165}; export MALLOC_PERTURB_;

# The compiler, as one word, though it may be several: ccache gcc.
tests/cc: Makefile
	$(AM_V_GEN)printf '#!/bin/sh\nexec %s "$$@"\n' '$(CC)' >$@ && chmod +x $@
CLEANFILES += tests/cc

EXTRA_DIST += tests/abi/README.md tests/abi/freeze tests/abi/1/maqet-plugin.h tests/abi/1/src \
	tests/abi/1/x86_64

if ENABLE_TESTS
check_PROGRAMS += tests/limit
check_SCRIPTS += tests/cc
tests_limit_SOURCES = tests/limit.c tests/slow.h
tests_limit_LDADD =
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/fake/local.mk
include tests/images/local.mk
include tests/plugins/local.mk
include tests/guest/local.mk
include tests/bench/local.mk
include tests/functional/local.mk
endif

# For the build daemons of distributions, which have no KVM, no network and little time: all but
# what boots a guest, measures, or does the same once more under valgrind. A package is not
# installed when its tests run, and a tool that is missing skips a test.
check-package: all
	tests=`for test in $(TESTS); do \
	  case $$test in \
	  tests/guest/* | */guest-* | */benchmarks.sh | */unit-under-valgrind.sh) ;; \
	  *) printf '%s ' $$test ;; \
	  esac; done` && $(MAKE) $(AM_MAKEFLAGS) check TESTS="$$tests"
.PHONY: check-package
