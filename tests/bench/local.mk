# SPDX-License-Identifier: MIT
# What script/bench measures, and with what. memory.c is for the guest alone.
check_PROGRAMS += tests/bench/heartbeat tests/bench/incoming tests/bench/monitor \
	tests/bench/read-snapshots tests/bench/read-yaml tests/bench/stopwatch
tests_bench_heartbeat_SOURCES = tests/bench/heartbeat.c
tests_bench_heartbeat_LDADD =
tests_bench_incoming_SOURCES = tests/bench/incoming.c
tests_bench_incoming_LDADD =
tests_bench_monitor_SOURCES = tests/bench/monitor.c
tests_bench_monitor_LDADD =
tests_bench_read_snapshots_SOURCES = tests/bench/read-snapshots.c
tests_bench_read_snapshots_LDADD = .libs/libmaqet-qcow2-image.a .libs/libmaqet-blockdev.a $(CORE_LIBS)
tests_bench_read_yaml_SOURCES = tests/bench/read-yaml.c
tests_bench_read_yaml_LDADD = $(CORE_LIBS)
tests_bench_stopwatch_SOURCES = tests/bench/stopwatch.c
tests_bench_stopwatch_LDADD =
EXTRA_DIST += tests/bench/bench-functions.sh tests/bench/chain.sh tests/bench/checkpoint.sh tests/bench/fork.sh \
	tests/bench/memory.c tests/bench/shares.sh tests/bench/snapshot.sh tests/bench/yaml.sh
