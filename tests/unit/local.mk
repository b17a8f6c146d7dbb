# SPDX-License-Identifier: MIT
# A program for each module of the core and of the plugins, named after it.
UNIT_TESTS =
UNIT_LDADD = libmaqet-core.la $(CUNIT_LIBS)

UNIT_TESTS += tests/unit/test-arguments
tests_unit_test_arguments_SOURCES = tests/unit/test-arguments.c
tests_unit_test_arguments_LDADD = $(UNIT_LDADD)
tests_unit_test_arguments_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-objects
tests_unit_test_objects_SOURCES = tests/unit/test-objects.c
tests_unit_test_objects_LDADD = $(UNIT_LDADD)
tests_unit_test_objects_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qmp
tests_unit_test_qmp_SOURCES = tests/unit/test-qmp.c
tests_unit_test_qmp_LDADD = $(UNIT_LDADD)
tests_unit_test_qmp_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
