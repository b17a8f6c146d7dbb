# SPDX-License-Identifier: MIT
# The library: linked into the program and into every unit test; never installed.
noinst_LIBRARIES += libmaqet-core.a
libmaqet_core_a_SOURCES = \
	core/backup/apart.c core/backup/apart.h \
	core/backup/choice.c core/backup/choice.h \
	core/backup/create.c core/backup/create.h \
	core/backup/export.c core/backup/export.h \
	core/backup/manifest.c core/backup/manifest.h \
	core/backup/place.c core/backup/place.h \
	core/backup/site.c core/backup/site.h \
	core/backup/target.c core/backup/target.h \
	core/backup/transfer.c core/backup/transfer.h \
	core/base/apart.c core/base/apart.h \
	core/base/checksum.c core/base/checksum.h \
	core/base/base64.c core/base/base64.h \
	core/base/cleanup.h \
	core/base/child.c core/base/child.h \
	core/base/clock.c core/base/clock.h \
	core/base/complaint.c core/base/complaint.h \
	core/base/context.c core/base/context.h \
	core/base/difference.c core/base/difference.h \
	core/base/durable.c core/base/durable.h \
	core/base/ending.c core/base/ending.h \
	core/base/error.c core/base/error.h \
	core/base/field.c core/base/field.h \
	core/base/file_copy.c core/base/file_copy.h \
	core/base/file_dedupe.c core/base/file_dedupe.h \
	core/base/files.c core/base/files.h \
	core/base/inet.c core/base/inet.h \
	core/base/input.c core/base/input.h \
	core/base/interrupt.c core/base/interrupt.h \
	core/base/json.c core/base/json.h \
	core/base/landlock.c core/base/landlock.h \
	core/base/lock_holder.c core/base/lock_holder.h \
	core/base/logfile.c core/base/logfile.h \
	core/base/mask.c core/base/mask.h \
	core/base/next.h \
	core/base/nbd.c core/base/nbd.h \
	core/base/percentage.c core/base/percentage.h \
	core/base/printable.c core/base/printable.h \
	core/base/process.c core/base/process.h \
	core/base/procfs.c core/base/procfs.h \
	core/base/relay.c core/base/relay.h \
	core/base/removal.c core/base/removal.h \
	core/base/replacement.c core/base/replacement.h \
	core/base/sockets.c core/base/sockets.h \
	core/base/text.c core/base/text.h \
	core/base/unstyled.c core/base/unstyled.h \
	core/backup/catalog.c core/backup/catalog.h \
	core/backup/chain.c core/backup/chain.h \
	core/backup/prune.c core/backup/prune.h \
	core/backup/prune_merge.c core/backup/prune_merge.h \
	core/backup/prune_plan.c core/backup/prune_plan.h \
	core/backup/pruning.c core/backup/pruning.h \
	core/backup/restore.c core/backup/restore.h \
	core/backup/restore_new.c core/backup/restore_new.h \
	core/backup/restoring.c core/backup/restoring.h \
	core/backup/verify.c core/backup/verify.h \
	core/checkpoint/checkpoint.h \
	core/checkpoint/creatable.c core/checkpoint/creatable.h \
	core/checkpoint/create.c core/checkpoint/create.h \
	core/checkpoint/delete.c core/checkpoint/delete.h \
	core/checkpoint/fit.c core/checkpoint/fit.h \
	core/checkpoint/guard.c core/checkpoint/guard.h \
	core/checkpoint/list.c core/checkpoint/list.h \
	core/checkpoint/load.c core/checkpoint/load.h \
	core/checkpoint/loading.c core/checkpoint/loading.h \
	core/checkpoint/mappable.c core/checkpoint/mappable.h \
	core/checkpoint/request.h \
	core/checkpoint/verify.c core/checkpoint/verify.h \
	core/config/options.c core/config/options.h \
	core/config/parse.c core/config/parse.h \
	core/config/saved.c core/config/saved.h \
	core/config/settings.c core/config/settings.h \
	core/config/tree.c core/config/tree.h \
	core/config/values.c core/config/values.h \
	core/config/yaml.c core/config/yaml.h \
	core/config/yaml_fault.c core/config/yaml_fault.h \
	core/config/yaml_write.c core/config/yaml_write.h \
	core/clone/clone.c core/clone/clone.h \
	core/clone/definition.c core/clone/definition.h \
	core/clone/images.c core/clone/images.h \
	core/clone/plan.c core/clone/plan.h \
	core/conformance/bait.c core/conformance/bait.h \
	core/conformance/bench.c core/conformance/bench.h \
	core/conformance/check_calls.c \
	core/conformance/check_create.c \
	core/conformance/check_data.c \
	core/conformance/check_file.c \
	core/conformance/check_hostile.c \
	core/conformance/check_inspect.c \
	core/conformance/check_life.c \
	core/conformance/check_memory.c \
	core/conformance/check_named.c \
	core/conformance/check_nodes.c \
	core/conformance/check_options.c \
	core/conformance/check_overlays.c \
	core/conformance/check_qemu.c \
	core/conformance/check_roles.c \
	core/conformance/check_secrets.c \
	core/conformance/check_snapshots.c \
	core/conformance/check_tool.c \
	core/conformance/check_traces.c \
	core/conformance/checks.c core/conformance/checks.h \
	core/conformance/conformance.c core/conformance/conformance.h \
	core/conformance/constructors.c core/conformance/constructors.h \
	core/conformance/data.c core/conformance/data.h \
	core/conformance/footprint.c core/conformance/footprint.h \
	core/conformance/machine.c core/conformance/machine.h \
	core/conformance/made_up.c core/conformance/made_up.h \
	core/conformance/overlay_scenarios.c core/conformance/overlay_scenarios.h \
	core/conformance/scenarios.c core/conformance/scenarios.h \
	core/conformance/scratch.c core/conformance/scratch.h \
	core/conformance/stack.c core/conformance/stack.h \
	core/conformance/syscalls.c core/conformance/syscalls.h \
	core/conformance/tool.c core/conformance/tool.h \
	core/conformance/tracee.c core/conformance/tracee.h \
	core/conformance/tracer.c core/conformance/tracer.h \
	core/conformance/variants.c core/conformance/variants.h \
	core/doctor/doctor.c core/doctor/doctor.h \
	core/doctor/finding.c core/doctor/finding.h \
	core/doctor/host.c core/doctor/host.h \
	core/doctor/leftovers.c core/doctor/leftovers.h \
	core/doctor/places.c core/doctor/places.h \
	core/fork/command.c core/fork/command.h \
	core/fork/discard.c core/fork/discard.h \
	core/fork/fork.c core/fork/fork.h \
	core/fork/forked.c core/fork/forked.h \
	core/fork/guests.c core/fork/guests.h \
	core/fork/lost.c core/fork/lost.h \
	core/fork/one.c core/fork/one.h \
	core/fork/ports.c core/fork/ports.h \
	core/fork/processes.c core/fork/processes.h \
	core/fork/ran.c core/fork/ran.h \
	core/fork/run.c core/fork/run.h \
	core/fork/runs.c core/fork/runs.h \
	core/fork/servers.c core/fork/servers.h \
	core/fork/shown.c core/fork/shown.h \
	core/fork/warnings.c core/fork/warnings.h \
	core/fork/watch.c core/fork/watch.h \
	core/fork/workers.c core/fork/workers.h \
	core/guest/agent.c core/guest/agent.h \
	core/guest/clock.c core/guest/clock.h \
	core/guest/copy.c core/guest/copy.h \
	core/guest/forwarded.c core/guest/forwarded.h \
	core/guest/program.c core/guest/program.h \
	core/guest/ready.c core/guest/ready.h \
	core/guest/room.c core/guest/room.h \
	core/guest/ssh.c core/guest/ssh.h \
	core/guest/transport.c core/guest/transport.h \
	core/guest/unpacked.c core/guest/unpacked.h \
	core/job/block_jobs.c core/job/block_jobs.h \
	core/job/job.c core/job/job.h \
	core/job/journal.c core/job/journal.h \
	core/job/kind.h \
	core/job/recover.c core/job/recover.h \
	core/job/seal.c core/job/seal.h \
	core/kinds.c core/kinds.h \
	core/lifecycle/apply.c core/lifecycle/apply.h \
	core/lifecycle/edit.c core/lifecycle/edit.h \
	core/lifecycle/attach.c core/lifecycle/attach.h \
	core/lifecycle/cdrom.c core/lifecycle/cdrom.h \
	core/lifecycle/compact.c core/lifecycle/compact.h \
	core/lifecycle/detach.c core/lifecycle/detach.h \
	core/lifecycle/ended_forks.c core/lifecycle/ended_forks.h \
	core/lifecycle/import.c core/lifecycle/import.h \
	core/lifecycle/launching.c core/lifecycle/launching.h \
	core/lifecycle/move.c core/lifecycle/move.h \
	core/lifecycle/pause.c core/lifecycle/pause.h \
	core/lifecycle/plugging.c core/lifecycle/plugging.h \
	core/lifecycle/plugging_job.c core/lifecycle/plugging_job.h \
	core/lifecycle/relocation.c core/lifecycle/relocation.h \
	core/lifecycle/relocation_check.c core/lifecycle/relocation_check.h \
	core/lifecycle/relocation_entry.c core/lifecycle/relocation_entry.h \
	core/lifecycle/relocation_files.c core/lifecycle/relocation_files.h \
	core/lifecycle/relocation_guard.c core/lifecycle/relocation_guard.h \
	core/lifecycle/relocation_live.c core/lifecycle/relocation_live.h \
	core/lifecycle/relocation_nodes.c core/lifecycle/relocation_nodes.h \
	core/lifecycle/relocation_run.c core/lifecycle/relocation_run.h \
	core/lifecycle/removal_plan.c core/lifecycle/removal_plan.h \
	core/lifecycle/remove.c core/lifecycle/remove.h \
	core/lifecycle/remove_elsewhere.c core/lifecycle/remove_elsewhere.h \
	core/lifecycle/rename.c core/lifecycle/rename.h \
	core/lifecycle/resize.c core/lifecycle/resize.h \
	core/lifecycle/start.c core/lifecycle/start.h \
	core/lifecycle/startable.c core/lifecycle/startable.h \
	core/lifecycle/stop.c core/lifecycle/stop.h \
	core/machine/accel.c core/machine/accel.h \
	core/machine/added.c core/machine/added.h \
	core/machine/arguments.c core/machine/arguments.h \
	core/machine/autostart.c core/machine/autostart.h \
	core/machine/base_image.c core/machine/base_image.h \
	core/machine/bases.c core/machine/bases.h \
	core/machine/bases_elsewhere.c core/machine/bases_elsewhere.h \
	core/machine/bitmaps.c core/machine/bitmaps.h \
	core/machine/check.c core/machine/check.h \
	core/machine/checkpoint_files.c core/machine/checkpoint_files.h \
	core/machine/checkpoint_memory.c core/machine/checkpoint_memory.h \
	core/machine/command_line.c core/machine/command_line.h \
	core/machine/console.c core/machine/console.h \
	core/machine/console_port.c core/machine/console_port.h \
	core/machine/cloud_init.c core/machine/cloud_init.h \
	core/machine/declared.c core/machine/declared.h \
	core/machine/definition.c core/machine/definition.h \
	core/machine/devices.c core/machine/devices.h \
	core/machine/drives.c core/machine/drives.h \
	core/machine/ended.c core/machine/ended.h \
	core/machine/entries.c core/machine/entries.h \
	core/machine/events.c core/machine/events.h \
	core/machine/exports.c core/machine/exports.h \
	core/machine/fallbacks.c core/machine/fallbacks.h \
	core/machine/file_users.c core/machine/file_users.h \
	core/machine/firmware.c core/machine/firmware.h \
	core/machine/folder.c core/machine/folder.h \
	core/machine/full.c core/machine/full.h \
	core/machine/forks.c core/machine/forks.h \
	core/machine/generation.c core/machine/generation.h \
	core/machine/helpers.c core/machine/helpers.h \
	core/machine/helpers_record.c core/machine/helpers_record.h \
	core/machine/holders.c core/machine/holders.h \
	core/machine/images.c core/machine/images.h \
	core/machine/images_file.c core/machine/images_file.h \
	core/machine/inventory.c core/machine/inventory.h \
	core/machine/listing.c core/machine/listing.h \
	core/machine/keeper.c core/machine/keeper.h \
	core/machine/keys.c core/machine/keys.h \
	core/machine/login.c core/machine/login.h \
	core/machine/merge.c core/machine/merge.h \
	core/machine/monitor.c core/machine/monitor.h \
	core/machine/needs.c core/machine/needs.h \
	core/machine/network.c core/machine/network.h \
	core/machine/opened.c core/machine/opened.h \
	core/machine/others.c core/machine/others.h \
	core/machine/owner.c core/machine/owner.h \
	core/machine/pending.c core/machine/pending.h \
	core/machine/panic.c core/machine/panic.h \
	core/machine/qemu_log.c core/machine/qemu_log.h \
	core/machine/port_choice.c core/machine/port_choice.h \
	core/machine/ports.c core/machine/ports.h \
	core/machine/run.c core/machine/run.h \
	core/machine/run_folder.c core/machine/run_folder.h \
	core/machine/run_owner.c core/machine/run_owner.h \
	core/machine/sandbox_rules.c core/machine/sandbox_rules.h \
	core/machine/schema.c core/machine/schema.h \
	core/machine/schema_options.c core/machine/schema_options.h \
	core/machine/scratch.c core/machine/scratch.h \
	core/machine/started.c core/machine/started.h \
	core/machine/state.c core/machine/state.h \
	core/machine/serial.c core/machine/serial.h \
	core/machine/slots.c core/machine/slots.h \
	core/machine/store.c core/machine/store.h \
	core/machine/tap.c core/machine/tap.h \
	core/machine/unlike.c core/machine/unlike.h \
	core/machine/unused.c core/machine/unused.h \
	core/machine/usage.c core/machine/usage.h \
	core/machine/vm.c core/machine/vm.h \
	core/machine/vm_name.c core/machine/vm_name.h \
	core/plugin/call.c core/plugin/call.h \
	core/plugin/describe.c core/plugin/describe.h \
	core/plugin/folders.c core/plugin/folders.h \
	core/plugin/loader.c core/plugin/loader.h \
	core/plugin/option_table.c core/plugin/option_table.h \
	core/public/command.c \
	core/public/drive.c core/public/text.c \
	core/qemu/addresses.c core/qemu/addresses.h \
	core/qemu/agent.c core/qemu/agent.h \
	core/qemu/arguments.c core/qemu/arguments.h \
	core/qemu/block_nodes.c core/qemu/block_nodes.h \
	core/qemu/channel.c core/qemu/channel.h \
	core/qemu/confinement.c core/qemu/confinement.h \
	core/qemu/confinement_arguments.c core/qemu/confinement_arguments.h \
	core/qemu/exclusive.c core/qemu/exclusive.h \
	core/qemu/hotplug.c core/qemu/hotplug.h \
	core/qemu/hotplug_files.c core/qemu/hotplug_files.h \
	core/qemu/argument_check.c core/qemu/argument_check.h \
	core/qemu/image_tool.c core/qemu/image_tool.h \
	core/qemu/keyval.c core/qemu/keyval.h \
	core/qemu/launch.c core/qemu/launch.h \
	core/qemu/migration.c core/qemu/migration.h \
	core/qemu/migration_join.c core/qemu/migration_join.h \
	core/qemu/migration_limits.c core/qemu/migration_limits.h \
	core/qemu/migration_method.c core/qemu/migration_method.h \
	core/qemu/migration_pages.c core/qemu/migration_pages.h \
	core/qemu/migration_preamble.c core/qemu/migration_preamble.h \
	core/qemu/migration_save.c core/qemu/migration_save.h \
	core/qemu/migration_split.c core/qemu/migration_split.h \
	core/qemu/migration_writer.c core/qemu/migration_writer.h \
	core/qemu/objects.c core/qemu/objects.h \
	core/qemu/plugged.c core/qemu/plugged.h \
	core/qemu/ports.c core/qemu/ports.h \
	core/qemu/qemu_options.c core/qemu/qemu_options.h \
	core/qemu/qmp.c core/qemu/qmp.h \
	core/qemu/silence.c core/qemu/silence.h \
	core/qemu/surroundings.c core/qemu/surroundings.h \
	core/qemu/survey.c core/qemu/survey.h \
	core/qemu/trial.c core/qemu/trial.h \
	core/qemu/uefi.c core/qemu/uefi.h \
	core/qemu/version.c core/qemu/version.h \
	core/qemu/writables.c core/qemu/writables.h \
	core/snapshot/choice.c core/snapshot/choice.h \
	core/snapshot/convert.c core/snapshot/convert.h \
	core/snapshot/create.c core/snapshot/create.h \
	core/snapshot/delete.c core/snapshot/delete.h \
	core/snapshot/export.c core/snapshot/export.h \
	core/snapshot/flatten.c core/snapshot/flatten.h \
	core/snapshot/flatten_live.c core/snapshot/flatten_live.h \
	core/snapshot/history.c core/snapshot/history.h \
	core/snapshot/history_keys.c core/snapshot/history_keys.h \
	core/snapshot/identity.c core/snapshot/identity.h \
	core/snapshot/list.c core/snapshot/list.h \
	core/snapshot/load.c core/snapshot/load.h \
	core/snapshot/members.c core/snapshot/members.h \
	core/snapshot/model.c core/snapshot/model.h \
	core/snapshot/others.c core/snapshot/others.h \
	core/snapshot/merge_live.c core/snapshot/merge_live.h \
	core/snapshot/overlay_live.c core/snapshot/overlay_live.h \
	core/snapshot/overlay_qemu.c core/snapshot/overlay_qemu.h \
	core/snapshot/quiesce.c core/snapshot/quiesce.h \
	core/snapshot/revert.c core/snapshot/revert.h \
	core/snapshot/session.c core/snapshot/session.h \
	core/snapshot/snapshot.h \
	core/snapshot/steps.c core/snapshot/steps.h \
	core/snapshot/to_internal.c core/snapshot/to_internal.h \
	core/snapshot/to_overlays.c core/snapshot/to_overlays.h \
	core/storage/block_map.c core/storage/block_map.h \
	core/storage/callback.c core/storage/callback.h \
	core/storage/chain.c core/storage/chain.h \
	core/storage/conversion.c core/storage/conversion.h \
	core/storage/copy.c core/storage/copy.h \
	core/storage/compaction.c core/storage/compaction.h \
	core/storage/blank.c core/storage/blank.h \
	core/storage/creation.c core/storage/creation.h \
	core/storage/drive.c core/storage/drive.h \
	core/storage/close.c core/storage/close.h \
	core/storage/elsewhere.c core/storage/elsewhere.h \
	core/storage/emitted.c core/storage/emitted.h \
	core/storage/entry.c core/storage/entry.h \
	core/storage/export.c core/storage/export.h \
	core/storage/flattening.c core/storage/flattening.h \
	core/storage/folder.c core/storage/folder.h \
	core/storage/foreign.c core/storage/foreign.h \
	core/storage/handle.c core/storage/handle.h \
	core/storage/image.c core/storage/image.h \
	core/storage/keys.c core/storage/keys.h \
	core/storage/overlay_costs.c core/storage/overlay_costs.h \
	core/storage/overlay_damage.c core/storage/overlay_damage.h \
	core/storage/overlay_elsewhere.c core/storage/overlay_elsewhere.h \
	core/storage/overlay_files.c core/storage/overlay_files.h \
	core/storage/overlay_image.c core/storage/overlay_image.h \
	core/storage/overlay_merge.c core/storage/overlay_merge.h \
	core/storage/overlay_filling.c core/storage/overlay_filling.h \
	core/storage/overlay_frozen.c core/storage/overlay_frozen.h \
	core/storage/overlay_name.c core/storage/overlay_name.h \
	core/storage/overlay_nodes.c core/storage/overlay_nodes.h \
	core/storage/overlay_possible.c core/storage/overlay_possible.h \
	core/storage/overlay_room.c core/storage/overlay_room.h \
	core/storage/overlay_table.c core/storage/overlay_table.h \
	core/storage/overlay_tree.c core/storage/overlay_tree.h \
	core/storage/overlay_view.c core/storage/overlay_view.h \
	core/storage/overlays.c core/storage/overlays.h \
	core/storage/publication.c core/storage/publication.h \
	core/storage/record.c core/storage/record.h \
	core/storage/secret.c core/storage/secret.h \
	core/storage/served.c core/storage/served.h \
	core/storage/server.c core/storage/server.h \
	core/storage/slots.c core/storage/slots.h \
	core/storage/snapshots.c core/storage/snapshots.h \
	core/storage/space.c core/storage/space.h \
	core/storage/system_folders.c core/storage/system_folders.h \
	core/storage/volatile.c core/storage/volatile.h
# What a program that uses it links.
CORE_LIBS = libmaqet-core.a $(YAML_LIBS) $(JSON_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)

# What plugins may call is what the public header marks with MAQET_EXPORT: the lists of
# exported symbols are made from it, so that neither can name what the other doesn't. The
# second list pulls objects out of the library that only plugins refer to.
EXPORTS = $(AWK) ' \
	/^MAQET_EXPORT / { \
	  while ($$0 !~ /\(/) { getline more; $$0 = $$0 " " more } \
	  sub(/\(.*/, ""); sub(/.*[ *]/, ""); print }' \
	$(top_srcdir)/include/maqet-plugin.h
host.syms: include/maqet-plugin.h core/local.mk
	$(AM_V_GEN){ echo '{'; $(EXPORTS) | $(SED) 's/.*/    &;/'; echo '};'; } > $@.tmp && \
	mv $@.tmp $@
host.undefined: include/maqet-plugin.h core/local.mk
	$(AM_V_GEN)$(EXPORTS) | $(SED) 's/^/--undefined=/' > $@.tmp && mv $@.tmp $@
BUILT_SOURCES += host.syms host.undefined
CLEANFILES += host.syms host.undefined
