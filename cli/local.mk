# SPDX-License-Identifier: MIT
# The program. All but main() is a library, so that unit tests can link it.
noinst_LIBRARIES += libmaqet-cli.a
# The commands' files, in the order in which the help lists them: the table of commands is made
# from them, so a new command is a new file and a line here.
COMMANDS = \
	cli/cmd_new.c \
	cli/cmd_import.c \
	cli/cmd_add.c \
	cli/cmd_args.c \
	cli/cmd_start.c \
	cli/cmd_ls.c \
	cli/cmd_status.c \
	cli/cmd_top.c \
	cli/cmd_console.c \
	cli/cmd_logs.c \
	cli/cmd_events.c \
	cli/cmd_config.c \
	cli/cmd_edit.c \
	cli/cmd_rename.c \
	cli/cmd_clone.c \
	cli/cmd_fork.c \
	cli/cmd_snapshot.c \
	cli/cmd_checkpoint.c \
	cli/cmd_backup.c \
	cli/cmd_recover.c \
	cli/cmd_check.c \
	cli/cmd_run.c \
	cli/cmd_attach.c \
	cli/cmd_cdrom.c \
	cli/cmd_exec.c \
	cli/cmd_cp.c \
	cli/cmd_ssh.c \
	cli/cmd_wait.c \
	cli/cmd_resize.c \
	cli/cmd_compact.c \
	cli/cmd_flatten.c \
	cli/cmd_export.c \
	cli/cmd_move.c \
	cli/cmd_storage.c \
	cli/cmd_plugin.c \
	cli/cmd_qmp.c \
	cli/cmd_doctor.c \
	cli/cmd_rm.c \
	cli/cmd_help.c

# The commands that these files define: a line COMMAND(NAME) for each.
commands.inc: $(COMMANDS) cli/local.mk
	$(AM_V_GEN)(cd $(srcdir) && LC_ALL=C $(SED) -n \
	  's/^const struct command command_\([a-z0-9_]*\) = {$$/COMMAND(\1)/p' $(COMMANDS)) > $@.tmp && \
	mv $@.tmp $@
cli/commands.$(OBJEXT): commands.inc
CLEANFILES += commands.inc

libmaqet_cli_a_SOURCES = $(COMMANDS) \
	cli/cmd_checkpoint.h \
	cli/at_cursor.c cli/at_cursor.h \
	cli/backups.c cli/backups.h \
	cli/candidates.c cli/candidates.h cli/candidate_keys.c cli/candidate_keys.h \
	cli/command.c cli/command.h cli/commands.c \
	cli/completion.c cli/completion.h \
	cli/context.c cli/context.h \
	cli/described.c cli/described.h \
	cli/drives.c cli/drives.h \
	cli/editor.c cli/editor.h \
	cli/fold.c cli/fold.h \
	cli/help.c cli/help.h \
	cli/hints.c cli/hints.h \
	cli/image_format.c cli/image_format.h \
	cli/invocation.c cli/invocation.h \
	cli/labelled.c cli/labelled.h \
	cli/machines.c cli/machines.h \
	cli/manual.c cli/manual.h \
	cli/manual_command.c cli/manual_command.h \
	cli/new_file.c cli/new_file.h \
	cli/new_key.c cli/new_key.h \
	cli/new_place.c cli/new_place.h \
	cli/new_yaml.c cli/new_yaml.h \
	cli/operands.c cli/operands.h \
	cli/options.h \
	cli/output.c cli/output.h \
	cli/plugin_check.c cli/plugin_check.h \
	cli/raw.c cli/raw.h \
	cli/ready.c cli/ready.h \
	cli/reference.c cli/reference.h \
	cli/related.c cli/related.h \
	cli/roff.c cli/roff.h \
	cli/run_report.c cli/run_report.h \
	cli/shown.c cli/shown.h \
	cli/snapshot_convert.c cli/snapshot_convert.h \
	cli/snapshots.c cli/snapshots.h \
	cli/table.c cli/table.h \
	cli/terminal.c cli/terminal.h \
	cli/welcome.c cli/welcome.h \
	cli/words.c cli/words.h

bin_PROGRAMS += maqet
maqet_SOURCES = cli/main.c
maqet_LDADD = libmaqet-cli.a $(CORE_LIBS)
maqet_LDFLAGS = $(AM_LDFLAGS) $(EXPORT_FLAGS)
EXTRA_maqet_DEPENDENCIES = host.syms host.undefined

dist_bashcomp_DATA = completions/maqet.bash
dist_zshcomp_DATA = completions/_maqet
dist_fishcomp_DATA = completions/maqet.fish
