# SPDX-License-Identifier: MIT
# The fuzz targets, fed with the same inputs every time. tests/fuzz/run is the real fuzzer.

check_PROGRAMS += tests/fuzz/mutations
TESTS += tests/fuzz/mutations
tests_fuzz_mutations_SOURCES = \
	tests/fuzz/config.c tests/fuzz/config.h \
	tests/fuzz/mutations.c tests/fuzz/chance.h \
	tests/unit/unit.h
tests_fuzz_mutations_LDADD = $(CORE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/fuzz/foreign-inputs
TESTS += tests/fuzz/foreign-inputs
tests_fuzz_foreign_inputs_SOURCES = \
	tests/fuzz/foreign.c tests/fuzz/foreign.h \
	tests/fuzz/foreign-inputs.c tests/fuzz/chance.h \
	tests/unit/unit.h
tests_fuzz_foreign_inputs_LDADD = libmaqet-cli.a $(CORE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/fuzz/split-inputs
TESTS += tests/fuzz/split-inputs
tests_fuzz_split_inputs_SOURCES = \
	tests/fuzz/split.c tests/fuzz/split.h tests/fuzz/stream.h \
	tests/fuzz/split-inputs.c tests/fuzz/chance.h \
	tests/unit/unit.h
tests_fuzz_split_inputs_LDADD = $(CORE_LIBS) $(CUNIT_LIBS)

EXTRA_DIST += \
	tests/fuzz/run \
	tests/fuzz/stream.h \
	tests/fuzz/yaml.dict \
	tests/fuzz/corpus/aliases.yaml \
	tests/fuzz/corpus/clash.yaml \
	tests/fuzz/corpus/crlf.yaml \
	tests/fuzz/corpus/deep.yaml \
	tests/fuzz/corpus/document.yaml \
	tests/fuzz/corpus/machine.yaml \
	tests/fuzz/corpus/merge.yaml \
	tests/fuzz/corpus/options.yaml \
	tests/fuzz/corpus/set.yaml \
	tests/fuzz/corpus/texts.yaml \
	tests/fuzz/corpus/typed.yaml
