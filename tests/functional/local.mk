# SPDX-License-Identifier: MIT
FUNCTIONAL_TESTS = \
	tests/functional/core-names-no-format.sh \
	tests/functional/public-header.sh \
	tests/functional/outside-virtiofs.sh \
	tests/functional/outside-storages.sh \
	tests/functional/outside-interfaces.sh \
	tests/functional/outside-template.sh \
	tests/functional/outside-plugin.sh \
	tests/functional/installed.sh \
	tests/functional/packages.sh \
	tests/functional/systemd-units.sh \
	tests/functional/unit-under-valgrind.sh \
	tests/functional/config-errors.sh \
	tests/functional/merging.sh \
	tests/functional/manuals.sh \
	tests/functional/plugin-calls.sh \
	tests/functional/plugins-guide.sh \
	tests/functional/schema.sh \
	tests/functional/plugins-refused.sh \
	tests/functional/plugin-check.sh \
	tests/functional/plugin-check-seeded.sh \
	tests/functional/plugins-setuid.sh \
	tests/functional/abi-binaries.sh \
	tests/functional/abi-compatible.sh \
	tests/functional/args-golden.sh \
	tests/functional/args-start.sh \
	tests/functional/too-many-drives.sh \
	tests/functional/lifecycle.sh \
	tests/functional/concurrent-starts.sh \
	tests/functional/resize.sh \
	tests/functional/elsewhere.sh \
	tests/functional/helpers.sh \
	tests/functional/shared-image.sh \
	tests/functional/lock-conflict.sh \
	tests/functional/odd-paths.sh \
	tests/functional/enospc.sh \
	tests/functional/failing-qemu.sh \
	tests/functional/killed-in-creation.sh \
	tests/functional/hostile-images.sh \
	tests/functional/snapshot-terminal.sh \
	tests/functional/system-folders.sh \
	tests/functional/vanished-images.sh \
	tests/functional/base-images.sh \
	tests/functional/storage.sh \
	tests/functional/removal.sh \
	tests/functional/nothing-lost.sh \
	tests/functional/qcow2-options.sh \
	tests/functional/raw-options.sh \
	tests/functional/shares.sh \
	tests/functional/commands.sh \
	tests/functional/snapshot-offline.sh \
	tests/functional/snapshot-live.sh \
	tests/functional/snapshot-enospc.sh \
	tests/functional/checkpoint-ordinary-user.sh \
	tests/functional/checkpoint-killed.sh \
	tests/functional/checkpoint-refused.sh \
	tests/functional/checkpoint-other-snapshot.sh \
	tests/functional/snapshot-other-type.sh \
	tests/functional/snapshot-killed.sh \
	tests/functional/benchmarks.sh \
	tests/functional/guest-checkpoints.sh \
	tests/functional/guest-checkpoints-busy.sh \
	tests/functional/guest-complete.sh \
	tests/functional/guest-interfaces.sh \
	tests/functional/guest-quiesce.sh \
	tests/functional/guest-run.sh \
	tests/functional/guest-service.sh \
	tests/functional/guest-snapshots.sh
TESTS += $(FUNCTIONAL_TESTS)
EXTRA_DIST += $(FUNCTIONAL_TESTS) \
	tests/functional/functions.sh \
	tests/functional/guest-functions.sh tests/functional/outside-functions.sh \
	tests/functional/image-functions.sh \
	tests/functional/unit-functions.sh \
	tests/functional/combinations.sh \
	tests/functional/args-golden.txt
