# SPDX-License-Identifier: MIT
# Every test runs the program of this build tree (maqet-dev), never an installed one.

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	MAQET='$(abs_top_builddir)/maqet-dev'; export MAQET; \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir; \
	CC='$(CC)'; export CC; \
	SANITIZER_FLAGS='$(SANITIZER_FLAGS)'; export SANITIZER_FLAGS; \
	MALLOC_PERTURB_=$${MALLOC_PERTURB_-165}; export MALLOC_PERTURB_;

if ENABLE_TESTS
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/fake/local.mk
include tests/plugins/local.mk
include tests/guest/local.mk
include tests/bench/local.mk
include tests/functional/local.mk
endif
