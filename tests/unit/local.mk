# SPDX-License-Identifier: MIT
# A program for each module of the core, the program and the plugins, named after it.
UNIT_TESTS =
UNIT_LDADD = libmaqet-core.la $(CUNIT_LIBS)
EXTRA_DIST += tests/unit/unit.h

UNIT_TESTS += tests/unit/test-arguments
tests_unit_test_arguments_SOURCES = tests/unit/test-arguments.c
tests_unit_test_arguments_LDADD = $(UNIT_LDADD)
tests_unit_test_arguments_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-commands
tests_unit_test_commands_SOURCES = tests/unit/test-commands.c
tests_unit_test_commands_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_commands_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-context
tests_unit_test_context_SOURCES = tests/unit/test-context.c
tests_unit_test_context_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_context_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-invocation
tests_unit_test_invocation_SOURCES = tests/unit/test-invocation.c
tests_unit_test_invocation_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_invocation_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-machines
tests_unit_test_machines_SOURCES = tests/unit/test-machines.c
tests_unit_test_machines_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_machines_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-merge
tests_unit_test_merge_SOURCES = tests/unit/test-merge.c
tests_unit_test_merge_LDADD = $(UNIT_LDADD)
tests_unit_test_merge_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-objects
tests_unit_test_objects_SOURCES = tests/unit/test-objects.c
tests_unit_test_objects_LDADD = $(UNIT_LDADD)
tests_unit_test_objects_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-options
tests_unit_test_options_SOURCES = tests/unit/test-options.c
tests_unit_test_options_LDADD = $(UNIT_LDADD)
tests_unit_test_options_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-output
tests_unit_test_output_SOURCES = tests/unit/test-output.c
tests_unit_test_output_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_output_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qcow2-header
tests_unit_test_qcow2_header_SOURCES = tests/unit/test-qcow2-header.c
tests_unit_test_qcow2_header_LDADD = libmaqet-qcow2-header.la libmaqet-blockdev.la $(UNIT_LDADD)
tests_unit_test_qcow2_header_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qmp
tests_unit_test_qmp_SOURCES = tests/unit/test-qmp.c
tests_unit_test_qmp_LDADD = $(UNIT_LDADD)
tests_unit_test_qmp_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-settings
tests_unit_test_settings_SOURCES = tests/unit/test-settings.c
tests_unit_test_settings_LDADD = $(UNIT_LDADD)
tests_unit_test_settings_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-shell
tests_unit_test_shell_SOURCES = tests/unit/test-shell.c
tests_unit_test_shell_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_shell_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-table
tests_unit_test_table_SOURCES = tests/unit/test-table.c
tests_unit_test_table_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_table_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-tree
tests_unit_test_tree_SOURCES = tests/unit/test-tree.c
tests_unit_test_tree_LDADD = $(UNIT_LDADD)
tests_unit_test_tree_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-yaml
tests_unit_test_yaml_SOURCES = tests/unit/test-yaml.c
tests_unit_test_yaml_LDADD = $(UNIT_LDADD)
tests_unit_test_yaml_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
