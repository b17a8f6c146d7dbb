# SPDX-License-Identifier: MIT
# A program for each module of the core, the program and the plugins, named after it and made
# of one source file: a line here is all that a new one needs.
UNIT_TESTS =
UNIT_TESTS += tests/unit/test-agent
UNIT_TESTS += tests/unit/test-apart
UNIT_TESTS += tests/unit/test-arguments
UNIT_TESTS += tests/unit/test-block-jobs
UNIT_TESTS += tests/unit/test-block-nodes
UNIT_TESTS += tests/unit/test-call
UNIT_TESTS += tests/unit/test-chain
UNIT_TESTS += tests/unit/test-checksum
UNIT_TESTS += tests/unit/test-child
UNIT_TESTS += tests/unit/test-command-line
UNIT_TESTS += tests/unit/test-commands
UNIT_TESTS += tests/unit/test-confinement
UNIT_TESTS += tests/unit/test-conformance
UNIT_TESTS += tests/unit/test-context
UNIT_TESTS += tests/unit/test-definition
UNIT_TESTS += tests/unit/test-drive
UNIT_TESTS += tests/unit/test-ending
UNIT_TESTS += tests/unit/test-emitted
UNIT_TESTS += tests/unit/test-error
UNIT_TESTS += tests/unit/test-field
UNIT_TESTS += tests/unit/test-files
UNIT_TESTS += tests/unit/test-full
UNIT_TESTS += tests/unit/test-helpers
UNIT_TESTS += tests/unit/test-hints
UNIT_TESTS += tests/unit/test-history
UNIT_TESTS += tests/unit/test-holders
UNIT_TESTS += tests/unit/test-image
UNIT_TESTS += tests/unit/test-images
UNIT_TESTS += tests/unit/test-invocation
UNIT_TESTS += tests/unit/test-job
UNIT_TESTS += tests/unit/test-journal
UNIT_TESTS += tests/unit/test-json
UNIT_TESTS += tests/unit/test-launch
UNIT_TESTS += tests/unit/test-loader
UNIT_TESTS += tests/unit/test-machines
UNIT_TESTS += tests/unit/test-mask
UNIT_TESTS += tests/unit/test-merge
UNIT_TESTS += tests/unit/test-migration
UNIT_TESTS += tests/unit/test-monitor
UNIT_TESTS += tests/unit/test-notify
UNIT_TESTS += tests/unit/test-objects
UNIT_TESTS += tests/unit/test-opened
UNIT_TESTS += tests/unit/test-options
UNIT_TESTS += tests/unit/test-output
UNIT_TESTS += tests/unit/test-paths
UNIT_TESTS += tests/unit/test-process
UNIT_TESTS += tests/unit/test-procfs
UNIT_TESTS += tests/unit/test-qcow2-header
UNIT_TESTS += tests/unit/test-qcow2-snapshots
UNIT_TESTS += tests/unit/test-qcow2-trees
UNIT_TESTS += tests/unit/test-qcow2-usage
UNIT_TESTS += tests/unit/test-qcow2-view
UNIT_TESTS += tests/unit/test-qemu-options
UNIT_TESTS += tests/unit/test-qmp
UNIT_TESTS += tests/unit/test-quiesce
UNIT_TESTS += tests/unit/test-recovery
UNIT_TESTS += tests/unit/test-render
UNIT_TESTS += tests/unit/test-run
UNIT_TESTS += tests/unit/test-settings
UNIT_TESTS += tests/unit/test-shell
UNIT_TESTS += tests/unit/test-slots
UNIT_TESTS += tests/unit/test-store
UNIT_TESTS += tests/unit/test-surroundings
UNIT_TESTS += tests/unit/test-survey
UNIT_TESTS += tests/unit/test-table
UNIT_TESTS += tests/unit/test-text
UNIT_TESTS += tests/unit/test-threads
UNIT_TESTS += tests/unit/test-tracer
UNIT_TESTS += tests/unit/test-tree
UNIT_TESTS += tests/unit/test-trial
UNIT_TESTS += tests/unit/test-values
UNIT_TESTS += tests/unit/test-volatile
UNIT_TESTS += tests/unit/test-writables
UNIT_TESTS += tests/unit/test-writer
UNIT_TESTS += tests/unit/test-yaml

# For every program that names no libraries of its own.
LDADD = libmaqet-cli.a libmaqet-qcow2-image.la libmaqet-blockdev.la $(CORE_LIBS) \
	$(CUNIT_LIBS) $(EXPORT_FLAGS)
EXTRA_DIST += tests/unit/unit.h tests/unit/jobs.h tests/unit/plugins.h tests/unit/qcow2.h tests/fake/agent.h \
	tests/fake/fake.h

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
