# SPDX-License-Identifier: MIT
# A program for each module of the core, the program and the plugins, named after it.
UNIT_TESTS =
UNIT_LDADD = libmaqet-core.la $(CUNIT_LIBS)
EXTRA_DIST += tests/unit/unit.h tests/unit/plugins.h tests/unit/qcow2.h tests/fake/agent.h tests/fake/fake.h

UNIT_TESTS += tests/unit/test-agent
tests_unit_test_agent_SOURCES = tests/unit/test-agent.c
tests_unit_test_agent_LDADD = $(UNIT_LDADD)
tests_unit_test_agent_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-apart
tests_unit_test_apart_SOURCES = tests/unit/test-apart.c
tests_unit_test_apart_LDADD = $(UNIT_LDADD)
tests_unit_test_apart_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-arguments
tests_unit_test_arguments_SOURCES = tests/unit/test-arguments.c
tests_unit_test_arguments_LDADD = $(UNIT_LDADD)
tests_unit_test_arguments_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-call
tests_unit_test_call_SOURCES = tests/unit/test-call.c
tests_unit_test_call_LDADD = $(UNIT_LDADD)
tests_unit_test_call_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-checksum
tests_unit_test_checksum_SOURCES = tests/unit/test-checksum.c
tests_unit_test_checksum_LDADD = $(UNIT_LDADD)
tests_unit_test_checksum_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-commands
tests_unit_test_commands_SOURCES = tests/unit/test-commands.c
tests_unit_test_commands_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_commands_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-conformance
tests_unit_test_conformance_SOURCES = tests/unit/test-conformance.c
tests_unit_test_conformance_LDADD = $(UNIT_LDADD)
tests_unit_test_conformance_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-confinement
tests_unit_test_confinement_SOURCES = tests/unit/test-confinement.c
tests_unit_test_confinement_LDADD = $(UNIT_LDADD)
tests_unit_test_confinement_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-context
tests_unit_test_context_SOURCES = tests/unit/test-context.c
tests_unit_test_context_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_context_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-definition
tests_unit_test_definition_SOURCES = tests/unit/test-definition.c
tests_unit_test_definition_LDADD = $(UNIT_LDADD)
tests_unit_test_definition_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-drive
tests_unit_test_drive_SOURCES = tests/unit/test-drive.c
tests_unit_test_drive_LDADD = $(UNIT_LDADD)
tests_unit_test_drive_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-error
tests_unit_test_error_SOURCES = tests/unit/test-error.c
tests_unit_test_error_LDADD = $(UNIT_LDADD)
tests_unit_test_error_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-files
tests_unit_test_files_SOURCES = tests/unit/test-files.c
tests_unit_test_files_LDADD = $(UNIT_LDADD)
tests_unit_test_files_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-full
tests_unit_test_full_SOURCES = tests/unit/test-full.c
tests_unit_test_full_LDADD = $(UNIT_LDADD)
tests_unit_test_full_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-history
tests_unit_test_history_SOURCES = tests/unit/test-history.c
tests_unit_test_history_LDADD = $(UNIT_LDADD)
tests_unit_test_history_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-holders
tests_unit_test_holders_SOURCES = tests/unit/test-holders.c
tests_unit_test_holders_LDADD = $(UNIT_LDADD)
tests_unit_test_holders_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-image
tests_unit_test_image_SOURCES = tests/unit/test-image.c
tests_unit_test_image_LDADD = $(UNIT_LDADD)
tests_unit_test_image_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-invocation
tests_unit_test_invocation_SOURCES = tests/unit/test-invocation.c
tests_unit_test_invocation_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_invocation_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-journal
tests_unit_test_journal_SOURCES = tests/unit/test-journal.c
tests_unit_test_journal_LDADD = $(UNIT_LDADD)
tests_unit_test_journal_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-json
tests_unit_test_json_SOURCES = tests/unit/test-json.c
tests_unit_test_json_LDADD = $(UNIT_LDADD)
tests_unit_test_json_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-launch
tests_unit_test_launch_SOURCES = tests/unit/test-launch.c
tests_unit_test_launch_LDADD = $(UNIT_LDADD)
tests_unit_test_launch_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-loader
tests_unit_test_loader_SOURCES = tests/unit/test-loader.c
tests_unit_test_loader_LDADD = $(UNIT_LDADD)
tests_unit_test_loader_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-machines
tests_unit_test_machines_SOURCES = tests/unit/test-machines.c
tests_unit_test_machines_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_machines_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-merge
tests_unit_test_merge_SOURCES = tests/unit/test-merge.c
tests_unit_test_merge_LDADD = $(UNIT_LDADD)
tests_unit_test_merge_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-migration
tests_unit_test_migration_SOURCES = tests/unit/test-migration.c
tests_unit_test_migration_LDADD = $(UNIT_LDADD)
tests_unit_test_migration_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-notify
tests_unit_test_notify_SOURCES = tests/unit/test-notify.c
tests_unit_test_notify_LDADD = $(UNIT_LDADD)
tests_unit_test_notify_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

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

UNIT_TESTS += tests/unit/test-paths
tests_unit_test_paths_SOURCES = tests/unit/test-paths.c
tests_unit_test_paths_LDADD = $(UNIT_LDADD)
tests_unit_test_paths_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-process
tests_unit_test_process_SOURCES = tests/unit/test-process.c
tests_unit_test_process_LDADD = $(UNIT_LDADD)
tests_unit_test_process_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qcow2-header
tests_unit_test_qcow2_header_SOURCES = tests/unit/test-qcow2-header.c
tests_unit_test_qcow2_header_LDADD = libmaqet-qcow2-image.la libmaqet-blockdev.la $(UNIT_LDADD)
tests_unit_test_qcow2_header_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qcow2-snapshots
tests_unit_test_qcow2_snapshots_SOURCES = tests/unit/test-qcow2-snapshots.c
tests_unit_test_qcow2_snapshots_LDADD = libmaqet-qcow2-image.la libmaqet-blockdev.la $(UNIT_LDADD)
tests_unit_test_qcow2_snapshots_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qcow2-trees
tests_unit_test_qcow2_trees_SOURCES = tests/unit/test-qcow2-trees.c
tests_unit_test_qcow2_trees_LDADD = libmaqet-qcow2-image.la libmaqet-blockdev.la $(UNIT_LDADD)
tests_unit_test_qcow2_trees_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qcow2-usage
tests_unit_test_qcow2_usage_SOURCES = tests/unit/test-qcow2-usage.c
tests_unit_test_qcow2_usage_LDADD = libmaqet-qcow2-image.la libmaqet-blockdev.la $(UNIT_LDADD)
tests_unit_test_qcow2_usage_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qcow2-view
tests_unit_test_qcow2_view_SOURCES = tests/unit/test-qcow2-view.c
tests_unit_test_qcow2_view_LDADD = libmaqet-qcow2-image.la libmaqet-blockdev.la $(UNIT_LDADD)
tests_unit_test_qcow2_view_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qmp
tests_unit_test_qmp_SOURCES = tests/unit/test-qmp.c
tests_unit_test_qmp_LDADD = $(UNIT_LDADD)
tests_unit_test_qmp_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-qemu-options
tests_unit_test_qemu_options_SOURCES = tests/unit/test-qemu-options.c
tests_unit_test_qemu_options_LDADD = $(UNIT_LDADD)
tests_unit_test_qemu_options_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-quiesce
tests_unit_test_quiesce_SOURCES = tests/unit/test-quiesce.c
tests_unit_test_quiesce_LDADD = $(UNIT_LDADD)
tests_unit_test_quiesce_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-run
tests_unit_test_run_SOURCES = tests/unit/test-run.c
tests_unit_test_run_LDADD = $(UNIT_LDADD)
tests_unit_test_run_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-settings
tests_unit_test_settings_SOURCES = tests/unit/test-settings.c
tests_unit_test_settings_LDADD = $(UNIT_LDADD)
tests_unit_test_settings_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-shell
tests_unit_test_shell_SOURCES = tests/unit/test-shell.c
tests_unit_test_shell_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_shell_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-images
tests_unit_test_images_SOURCES = tests/unit/test-images.c
tests_unit_test_images_LDADD = $(UNIT_LDADD)
tests_unit_test_images_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-store
tests_unit_test_store_SOURCES = tests/unit/test-store.c
tests_unit_test_store_LDADD = $(UNIT_LDADD)
tests_unit_test_store_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-survey
tests_unit_test_survey_SOURCES = tests/unit/test-survey.c
tests_unit_test_survey_LDADD = $(UNIT_LDADD)
tests_unit_test_survey_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-table
tests_unit_test_table_SOURCES = tests/unit/test-table.c
tests_unit_test_table_LDADD = libmaqet-cli.la $(UNIT_LDADD)
tests_unit_test_table_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_SOURCES = tests/unit/test-text.c
tests_unit_test_text_LDADD = $(UNIT_LDADD)
tests_unit_test_text_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-threads
tests_unit_test_threads_SOURCES = tests/unit/test-threads.c
tests_unit_test_threads_LDADD = $(UNIT_LDADD)
tests_unit_test_threads_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-tracer
tests_unit_test_tracer_SOURCES = tests/unit/test-tracer.c
tests_unit_test_tracer_LDADD = $(UNIT_LDADD)
tests_unit_test_tracer_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-tree
tests_unit_test_tree_SOURCES = tests/unit/test-tree.c
tests_unit_test_tree_LDADD = $(UNIT_LDADD)
tests_unit_test_tree_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-writables
tests_unit_test_writables_SOURCES = tests/unit/test-writables.c
tests_unit_test_writables_LDADD = $(UNIT_LDADD)
tests_unit_test_writables_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-writer
tests_unit_test_writer_SOURCES = tests/unit/test-writer.c
tests_unit_test_writer_LDADD = $(UNIT_LDADD)
tests_unit_test_writer_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-written
tests_unit_test_written_SOURCES = tests/unit/test-written.c
tests_unit_test_written_LDADD = $(UNIT_LDADD)
tests_unit_test_written_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

UNIT_TESTS += tests/unit/test-yaml
tests_unit_test_yaml_SOURCES = tests/unit/test-yaml.c
tests_unit_test_yaml_LDADD = $(UNIT_LDADD)
tests_unit_test_yaml_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
