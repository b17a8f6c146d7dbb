# SPDX-License-Identifier: MIT
# Plugins that are wrong in one way each, and one from the future: for the loader's tests.
# They are modules that are never installed, hence the -rpath that leads nowhere.
FAULTY_FLAGS = $(PLUGIN_FLAGS) -rpath /nowhere
EXTRA_DIST += tests/plugins/faulty.c tests/plugins/seeded.c tests/plugins/seeded-iface.c \
	tests/plugins/seeded-faults.h tests/plugins/seeded-create.h tests/plugins/seeded-emit.h \
	tests/plugins/seeded-snapshots.h tests/plugins/seeded-overlays.h tests/plugins/seeded-folder.c tests/plugins/seeded-start.c \
	tests/plugins/rogue.c tests/plugins/traced.c
# Plugins that are right, however unusual: for `maqet plugin check`.
EXTRA_DIST += tests/plugins/right/images.h tests/plugins/right/iface-lone.c \
	tests/plugins/right/iface-numbered.c tests/plugins/right/storage-device.c \
	tests/plugins/right/storage-filtered.c tests/plugins/right/storage-mirrored.c \
	tests/plugins/right/storage-scratch.c tests/plugins/right/storage-served.c \
	tests/plugins/right/storage-volumes.c

check_LTLIBRARIES += tests/plugins/maqet-storage-good.la
tests_plugins_maqet_storage_good_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_good_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_GOOD -DFAULTY_NAME='"good"'
tests_plugins_maqet_storage_good_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-wrong-abi.la
tests_plugins_maqet_storage_wrong_abi_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_wrong_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_WRONG_ABI -DFAULTY_NAME='"wrong-abi"'
tests_plugins_maqet_storage_wrong_abi_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-small.la
tests_plugins_maqet_storage_small_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_small_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_SMALL -DFAULTY_NAME='"small"'
tests_plugins_maqet_storage_small_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-wrong-kind.la
tests_plugins_maqet_storage_wrong_kind_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_wrong_kind_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_WRONG_KIND -DFAULTY_NAME='"wrong-kind"'
tests_plugins_maqet_storage_wrong_kind_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-wrong-name.la
tests_plugins_maqet_storage_wrong_name_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_wrong_name_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_WRONG_NAME -DFAULTY_NAME='"another"'
tests_plugins_maqet_storage_wrong_name_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-no-entry.la
tests_plugins_maqet_storage_no_entry_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_entry_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NO_ENTRY -DFAULTY_NAME='"no-entry"'
tests_plugins_maqet_storage_no_entry_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-null-entry.la
tests_plugins_maqet_storage_null_entry_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_null_entry_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NULL_ENTRY -DFAULTY_NAME='"null-entry"'
tests_plugins_maqet_storage_null_entry_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-no-emit.la
tests_plugins_maqet_storage_no_emit_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_emit_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NO_EMIT -DFAULTY_NAME='"no-emit"'
tests_plugins_maqet_storage_no_emit_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-no-create.la
tests_plugins_maqet_storage_no_create_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_create_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NO_CREATE -DFAULTY_NAME='"no-create"'
tests_plugins_maqet_storage_no_create_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-no-space.la
tests_plugins_maqet_storage_no_space_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_space_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NO_SPACE -DFAULTY_NAME='"no-space"'
tests_plugins_maqet_storage_no_space_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-no-inspect.la
tests_plugins_maqet_storage_no_inspect_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_inspect_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NO_INSPECT -DFAULTY_NAME='"no-inspect"'
tests_plugins_maqet_storage_no_inspect_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-path-option.la
tests_plugins_maqet_storage_path_option_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_path_option_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_PATH_OPTION -DFAULTY_NAME='"path-option"'
tests_plugins_maqet_storage_path_option_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-bad-option.la
tests_plugins_maqet_storage_bad_option_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_bad_option_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_BAD_OPTION -DFAULTY_NAME='"bad-option"'
tests_plugins_maqet_storage_bad_option_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-reserved-option.la
tests_plugins_maqet_storage_reserved_option_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_reserved_option_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_RESERVED_OPTION -DFAULTY_NAME='"reserved-option"'
tests_plugins_maqet_storage_reserved_option_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-no-choices.la
tests_plugins_maqet_storage_no_choices_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_choices_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NO_CHOICES -DFAULTY_NAME='"no-choices"'
tests_plugins_maqet_storage_no_choices_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-missing-symbol.la
tests_plugins_maqet_storage_missing_symbol_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_missing_symbol_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_MISSING_SYMBOL -DFAULTY_NAME='"missing-symbol"'
tests_plugins_maqet_storage_missing_symbol_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-key-twice.la
tests_plugins_maqet_storage_key_twice_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_key_twice_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_KEY_TWICE -DFAULTY_NAME='"key-twice"'
tests_plugins_maqet_storage_key_twice_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-silent.la
tests_plugins_maqet_storage_silent_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_silent_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_SILENT -DFAULTY_NAME='"silent"'
tests_plugins_maqet_storage_silent_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-newer.la
tests_plugins_maqet_storage_newer_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_newer_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_NEWER -DFAULTY_NAME='"newer"'
tests_plugins_maqet_storage_newer_la_LDFLAGS = $(FAULTY_FLAGS)

# Plugins that are right, and need neither a program nor a machine: for drives and images.
check_LTLIBRARIES += tests/plugins/maqet-storage-maker.la
tests_plugins_maqet_storage_maker_la_SOURCES = tests/plugins/maker.c
tests_plugins_maqet_storage_maker_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-iface-slots.la
tests_plugins_maqet_iface_slots_la_SOURCES = tests/plugins/slots.c
tests_plugins_maqet_iface_slots_la_LDFLAGS = $(FAULTY_FLAGS)


check_LTLIBRARIES += tests/plugins/maqet-storage-no-snapshots.la
tests_plugins_maqet_storage_no_snapshots_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_no_snapshots_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_SNAPSHOTS -DFAULTY_NAME='"no-snapshots"'
tests_plugins_maqet_storage_no_snapshots_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-small-table.la
tests_plugins_maqet_storage_small_table_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_small_table_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_SNAPSHOTS -DFAULT_SMALL_TABLE -DFAULTY_NAME='"small-table"'
tests_plugins_maqet_storage_small_table_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-copies.la
tests_plugins_maqet_storage_copies_la_SOURCES = tests/plugins/copies.c
tests_plugins_maqet_storage_copies_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-shelf.la
tests_plugins_maqet_storage_shelf_la_SOURCES = tests/plugins/shelf.c
tests_plugins_maqet_storage_shelf_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-crashing.la
tests_plugins_maqet_storage_crashing_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_crashing_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_CRASHING -DFAULTY_NAME='"crashing"'
tests_plugins_maqet_storage_crashing_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-elsewhere.la
tests_plugins_maqet_storage_elsewhere_la_SOURCES = tests/plugins/elsewhere.c
tests_plugins_maqet_storage_elsewhere_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-beside.la
tests_plugins_maqet_storage_beside_la_SOURCES = tests/plugins/beside.c
tests_plugins_maqet_storage_beside_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-foreign.la
tests_plugins_maqet_storage_foreign_la_SOURCES = tests/plugins/faulty.c
tests_plugins_maqet_storage_foreign_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_FOREIGN -DFAULTY_NAME='"foreign"'
tests_plugins_maqet_storage_foreign_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-emitter.la
tests_plugins_maqet_storage_emitter_la_SOURCES = tests/plugins/emitter.c
tests_plugins_maqet_storage_emitter_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-emitter-share.la
tests_plugins_maqet_storage_emitter_share_la_SOURCES = tests/plugins/emitter.c
tests_plugins_maqet_storage_emitter_share_la_CPPFLAGS = $(AM_CPPFLAGS) -DEMITTER_SHARE
tests_plugins_maqet_storage_emitter_share_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-served.la
tests_plugins_maqet_storage_served_la_SOURCES = tests/plugins/served.c
tests_plugins_maqet_storage_served_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-once.la
tests_plugins_maqet_storage_once_la_SOURCES = tests/plugins/lives.c
tests_plugins_maqet_storage_once_la_LDFLAGS = $(FAULTY_FLAGS)

check_LTLIBRARIES += tests/plugins/maqet-storage-each.la
tests_plugins_maqet_storage_each_la_SOURCES = tests/plugins/lives.c
tests_plugins_maqet_storage_each_la_CPPFLAGS = $(AM_CPPFLAGS) -DEACH_START
tests_plugins_maqet_storage_each_la_LDFLAGS = $(FAULTY_FLAGS)
