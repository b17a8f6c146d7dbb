/* SPDX-License-Identifier: MIT */
/*
 * maqet-plugin.h - all that a plugin of maqet may use, and nothing else.
 *
 * A plugin is one shared object that links to nothing: it is compiled against this header
 * alone, and the functions below come from the maqet program that loads it. There are two
 * kinds, told apart by their file's name and their entry symbol:
 *
 *   maqet-storage-NAME.so   what a drive is made of (an image format, a shared folder, ...)
 *   maqet-iface-NAME.so     how a drive is attached to the virtual machine (a bus)
 *
 * The promise: a plugin that was built against an older header of the same ABI number loads
 * in every later maqet; older source compiles against a newer header. New members are added
 * at the end of a struct and are 0 for the plugins that do not know them. Of the bits of a
 * @flags member, a maqet that does not know one of the upper 16 refuses the plugin, and
 * ignores those of the lower 16 that it does not know.
 *
 * A drive is *in use* from the moment before QEMU gets it, by a start or because it is attached
 * to a QEMU that runs, until QEMU has it no more, because the machine has ended or the drive was
 * detached.
 *
 * All state comes in the arguments. One plugin serves several drives of one machine, so a
 * plugin keeps no variables of its own between two calls; what it needs for one drive it keeps
 * in a handle (maqet_drive_handle()) or in the drive's folder (maqet_drive_folder()). A plugin
 * never prints and never exits: it returns -1 with an error set, or calls maqet_warn(). It is
 * called from one thread only, never from a signal handler, and what it is given may be used
 * until it returns. No exception and no panic leaves a callback. Threads of a plugin exist
 * between @open and @close only, block all signals, and call no function of this header. Each
 * call has a time limit, see maqet_time_left(). Wherever a function takes a format, another one
 * ending in _text, or maqet_command_word(), takes plain text, for languages without variable
 * arguments.
 */
#ifndef MAQET_PLUGIN_H
#define MAQET_PLUGIN_H

#ifndef MAQET_PLUGIN_ABI
#error "define MAQET_PLUGIN_ABI (as 1) before including maqet-plugin.h"
#elif MAQET_PLUGIN_ABI != 1
#error "this maqet-plugin.h offers MAQET_PLUGIN_ABI 1 only"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * MAQET_HEADER_VERSION - the version of maqet that this header comes from: a million times the
 * first number, a thousand times the second, and the third. A source that is compiled against
 * several headers can ask whether this one has a newer function.
 *
 * Since: 0.1
 */
#define MAQET_HEADER_VERSION 1000

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MAQET_PRINTF(message, first)                                                     \
    __attribute__((__format__(__printf__, message, first)))
#define MAQET_SENTINEL __attribute__((__sentinel__))
#define MAQET_EXPORT __attribute__((__visibility__("default")))
#else
#define MAQET_PRINTF(message, first)
#define MAQET_SENTINEL
#define MAQET_EXPORT
#endif

/* What a plugin's entry is declared with, whatever language the plugin is written in. */
#ifdef __cplusplus
#define MAQET_ENTRY extern "C" MAQET_EXPORT
#else
#define MAQET_ENTRY MAQET_EXPORT
#endif

/**
 * MAQET_MUST_UNDERSTAND - the bits of a @flags member that a maqet must know: one that does
 * not refuses the plugin. It ignores others that it does not know.
 *
 * Since: 0.1
 */
#define MAQET_MUST_UNDERSTAND 0xffff0000u

/* ---- memory ------------------------------------------------------------------------ */

/**
 * maqet_free - free what a function of this header returned to be freed by the caller.
 * @memory: the memory; NULL: nothing happens. Never give it to free(): the plugin may have
 *   another C library than maqet.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_free(void *memory);

/* ---- errors ------------------------------------------------------------------------ */

/**
 * struct maqet_error - why a call failed: a code, a message, and hints on what to do.
 *
 * Opaque. Every function that can fail takes a `struct maqet_error **err` as its last
 * parameter (maqet_run() and its like as the first, before the variable arguments), returns
 * 0 or -1 (or a pointer or NULL), and has set *err whenever it returned -1 or NULL. The core
 * gives a callback NULL for err where it doesn't want to know why: so a callback hands err on
 * and looks at *err only where it gave one of its own.
 *
 * Since: 0.1
 */
struct maqet_error;

/**
 * enum maqet_error_code - what kind of failure it was. maqet(1) tells which exit status
 * follows from it.
 * @MAQET_ERROR_FAILED: QEMU, the system or a service failed.
 * @MAQET_ERROR_INVALID: the configuration or the request is wrong.
 * @MAQET_ERROR_EXISTS: it is there already.
 * @MAQET_ERROR_MISSING: it is not there: no such machine, drive, file.
 * @MAQET_ERROR_STATE: the machine is in the wrong state for the request.
 * @MAQET_ERROR_UNSUPPORTED: this storage or interface can't do that.
 * @MAQET_ERROR_BUSY: somebody else holds it; the message names the holder.
 * @MAQET_ERROR_NO_SPACE: not enough room; the message has the bytes.
 * @MAQET_ERROR_TIMEOUT: it took longer than its deadline.
 * @MAQET_ERROR_REFUSED: a person was asked and said no.
 * @MAQET_ERROR_PERMISSION: not allowed.
 *
 * Since: 0.1
 */
enum maqet_error_code {
    MAQET_ERROR_FAILED = 1,
    MAQET_ERROR_INVALID = 2,
    MAQET_ERROR_EXISTS = 3,
    MAQET_ERROR_MISSING = 4,
    MAQET_ERROR_STATE = 5,
    MAQET_ERROR_UNSUPPORTED = 6,
    MAQET_ERROR_BUSY = 7,
    MAQET_ERROR_NO_SPACE = 8,
    MAQET_ERROR_TIMEOUT = 9,
    MAQET_ERROR_REFUSED = 10,
    MAQET_ERROR_PERMISSION = 11
};

/**
 * maqet_error_set - make an error.
 * @err: where to put it; an error that is there already stays, as the reason of all that
 *   follows. NULL: the caller doesn't want to know.
 * @code: the kind of failure.
 * @format: the message, one sentence or more without a line feed at the end; "%m" works.
 *
 * Returns: -1, so that a callback can end with `return maqet_error_set(...)`.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_error_set(struct maqet_error **err, enum maqet_error_code code,
                                 const char *format, ...) MAQET_PRINTF(3, 4);

/**
 * maqet_error_set_text - as maqet_error_set(), with a plain message.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_error_set_text(struct maqet_error **err, enum maqet_error_code code,
                                      const char *message);

/**
 * maqet_error_hint - add a next step for the person who reads the error.
 * @err: an error that was set; nothing happens where there is none, or @err is NULL.
 * @format: one step; several hints are numbered when they are shown.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_error_hint(struct maqet_error **err, const char *format, ...)
    MAQET_PRINTF(2, 3);

/**
 * maqet_error_hint_text - as maqet_error_hint(), with a plain text.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_error_hint_text(struct maqet_error **err, const char *hint);

/**
 * maqet_error_wrap - say what was being attempted when the error arose.
 * @err: an error that was set.
 * @format: the context; the message becomes "context: message".
 *
 * Returns: -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_error_wrap(struct maqet_error **err, const char *format, ...)
    MAQET_PRINTF(2, 3);

/**
 * maqet_error_wrap_text - as maqet_error_wrap(), with a plain context.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_error_wrap_text(struct maqet_error **err, const char *context);

/**
 * maqet_error_what - what kind of failure an error is.
 * @err: an error, or NULL.
 *
 * Returns: its code; 0 where there is none.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_error_what(const struct maqet_error *err);

/**
 * maqet_error_text - the message of an error, without its hints.
 * @err: an error, or NULL.
 *
 * Returns: the message, which lives as long as the error; "" where there is none.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_error_text(const struct maqet_error *err);

/**
 * maqet_error_clear - forget an error: a plugin that tries something which may fail gives a
 * `struct maqet_error *` of its own, set to NULL before, and clears it.
 * @err: the error; *err is NULL afterwards. One that the plugin was given is the core's.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_error_clear(struct maqet_error **err);

/**
 * maqet_error_move - pass an error of the plugin's own on to its caller.
 * @err: where to put it, as for maqet_error_set(); an error that is there already stays.
 * @reason: the error; it belongs to @err from now on, or is freed.
 *
 * Returns: -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_error_move(struct maqet_error **err, struct maqet_error *reason);

/* ---- options ----------------------------------------------------------------------- */

/**
 * enum maqet_option_type - how the text that a person wrote is read.
 * @MAQET_OPTION_STRING: any text.
 * @MAQET_OPTION_PATH: a path; "~" expands, and what is relative starts at the folder of the
 *   YAML file. The plugin sees an absolute path.
 * @MAQET_OPTION_SIZE: bytes, with QEMU's suffixes (K, M, G, T, P, E; fractions allowed).
 * @MAQET_OPTION_INT: a whole number.
 * @MAQET_OPTION_BOOL: on/off, true/false, yes/no.
 * @MAQET_OPTION_CHOICE: one of a list of words.
 * @MAQET_OPTION_MODE: permission bits in octal, such as 0644.
 * @MAQET_OPTION_MAP: a mapping with options of its own; they are asked for as "map.option".
 * @MAQET_OPTION_LIST: a sequence, whose items are of the type that @items says; a single value
 *   counts as a sequence of one. The items are asked for as "list.0", "list.1", those of a
 *   sequence of mappings as "list.0.option"; maqet_drive_count() says how many there are.
 * @MAQET_OPTION_SECRET: the path of a file that holds a secret, which only the user may read.
 *   maqet_drive_secret() returns its content, which the core keeps out of command lines,
 *   messages, logs and its own output; maqet_drive_string() returns the path, for QEMU's
 *   objects of the type "secret".
 *
 * Since: 0.1
 */
enum maqet_option_type {
    MAQET_OPTION_STRING = 1,
    MAQET_OPTION_PATH = 2,
    MAQET_OPTION_SIZE = 3,
    MAQET_OPTION_INT = 4,
    MAQET_OPTION_BOOL = 5,
    MAQET_OPTION_CHOICE = 6,
    MAQET_OPTION_MODE = 7,
    MAQET_OPTION_MAP = 8,
    MAQET_OPTION_LIST = 9,
    MAQET_OPTION_SECRET = 10
};

/* Its size is part of the ABI: a compiler that is told to make enums short would differ. */
typedef char maqet_option_type_has_4_bytes[sizeof(enum maqet_option_type) == 4 ? 1 : -1];

/**
 * enum maqet_option_flag - what else holds for an option.
 * @MAQET_REQUIRED: a drive without it is an error.
 * @MAQET_MINIMUM: @minimum is the least value; for INT and SIZE, and lists of them.
 * @MAQET_MAXIMUM: @maximum is the greatest one.
 * @MAQET_LIMITS: both.
 *
 * Since: 0.1
 */
enum maqet_option_flag {
    MAQET_REQUIRED = 1,
    MAQET_MINIMUM = 2,
    MAQET_MAXIMUM = 4,
    MAQET_LIMITS = 6
};

/**
 * struct maqet_option - one key that a drive of this plugin may have in the YAML file.
 * @name: the key, [a-z][a-z0-9_]*; NULL ends the table.
 * @type: how its value is read.
 * @flags: those of MAQET_REQUIRED and its like that apply, combined by a bitwise or.
 * @items: for MAQET_OPTION_LIST: the type of each item, which is no LIST and no SECRET;
 *   @choices, limits and @options hold for each.
 * @reserved: 0.
 * @fallback: the value that holds when the key is absent, as text; NULL: none. A MAP, a LIST
 *   and a SECRET have none.
 * @choices: for MAQET_OPTION_CHOICE: the words, ended by NULL.
 * @options: for MAQET_OPTION_MAP: the table of what the mapping may hold. The fallbacks in it
 *   hold for an absent mapping, too; what is required in it is so only in one that is there.
 * @help: one line for people, without a full stop.
 * @minimum: for INT and SIZE: the least value, with MAQET_MINIMUM among the flags.
 * @maximum: for INT and SIZE: the greatest value, with MAQET_MAXIMUM.
 *
 * The core checks names, types, choices and limits from this table, before validate is
 * called, and makes the messages, the help and the manual from it.
 *
 * Each plugin has its options for itself. In the YAML file, a key is written plainly where
 * only one table has it. The keys of the storage's table may also stand below
 * `storage_options`, those of the interface's table below `interface_options`, and the core's
 * own below `drive_options`; a key that both plugins have must be written there. The names
 * name, type, interface, media, overcommit, snapshots, allow_system, options, drive_options,
 * storage_options and interface_options are the core's for ever. Whatever other key the core
 * gets: where a plugin has an option of that name, the plain key stays the plugin's.
 *
 * Since: 0.1
 */
struct maqet_option {
    const char *name;
    enum maqet_option_type type;
    uint32_t flags;
    enum maqet_option_type items;
    uint32_t reserved;
    const char *fallback;
    const char *const *choices;
    const struct maqet_option *options;
    const char *help;
    int64_t minimum;
    int64_t maximum;
};

/* A row has no padding at its end, where a later member could come to lie. */
typedef char maqet_option_has_no_tail[sizeof(struct maqet_option) ==
                                              offsetof(struct maqet_option, maximum) +
                                                  sizeof(int64_t)
                                          ? 1
                                          : -1];

/* ---- the drive --------------------------------------------------------------------- */

/**
 * struct maqet_drive - one entry of a machine's `storage` list. Opaque.
 *
 * All strings that the functions below return belong to the drive and live as long as it
 * does: to the end of the callback at least.
 *
 * Since: 0.1
 */
struct maqet_drive;

/**
 * enum maqet_media - what the guest sees; a set of them is their bitwise or.
 * @MAQET_MEDIA_DISK: a disk.
 * @MAQET_MEDIA_CDROM: a CD-ROM drive: read-only, possibly empty, and never created but for
 *   each start.
 *
 * Since: 0.1
 */
enum maqet_media { MAQET_MEDIA_DISK = 1, MAQET_MEDIA_CDROM = 2 };

/**
 * maqet_drive_name - the drive's name, which is its device id in QEMU too.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_name(const struct maqet_drive *drive);

/**
 * maqet_drive_vm_name - the name of the machine that the drive belongs to.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_vm_name(const struct maqet_drive *drive);

/**
 * maqet_drive_node - the node-name of the drive in QEMU: of the node that emit_args appends
 * and that live callbacks speak of, for a storage, and of the node that the device shows, for
 * an interface. It need not be the drive's name, and may differ from one call to the next.
 *
 * Returns: the node-name; the drive's name where it has no node (a share).
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_node(const struct maqet_drive *drive);

/**
 * maqet_drive_child_node - a node-name for another node of the drive, such as the one that a
 * filter filters.
 * @drive: the drive.
 * @suffix: what tells it from others of the drive: [a-z][a-z0-9]*, at most eight bytes.
 *
 * Returns: the name, which no other drive has, of no more bytes than QEMU takes. It belongs to
 * the drive.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_child_node(const struct maqet_drive *drive,
                                                const char *suffix);

/**
 * maqet_drive_backing_node - the node on which the drive stands, if it is an overlay that the
 * core has made (struct maqet_overlay_table).
 * maqet_drive_backing_name - the name by which the overlay stores the image of that node: relative
 *   to the folder of the overlay; or, if the node is no file of this host, QEMU's "json:{...}", of
 *   at most 1023 bytes.
 * maqet_drive_backing_format - QEMU's name of the format of that image; of a "json:" name, the
 *   driver.
 *
 * Returns: NULL if it is not such an overlay.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_backing_node(const struct maqet_drive *drive);
MAQET_EXPORT const char *maqet_drive_backing_name(const struct maqet_drive *drive);
MAQET_EXPORT const char *maqet_drive_backing_format(const struct maqet_drive *drive);

/**
 * maqet_drive_snapshot_date - the date of a snapshot of which the one that @create of the snapshot
 *   table makes is a copy, in another format.
 * @seconds: since 1970.
 * @vm_clock: ns that the guest had run.
 *
 * A plugin that can store them gives the new snapshot the same.
 *
 * Returns: whether it is a copy.
 *
 * Since: 0.1
 */
MAQET_EXPORT bool maqet_drive_snapshot_date(const struct maqet_drive *drive,
                                            int64_t *seconds, uint32_t *nanoseconds,
                                            uint64_t *vm_clock);

/**
 * maqet_drive_type - the name of the storage plugin that the drive uses.
 * maqet_drive_interface - the name of the interface plugin; "" where it uses none.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_type(const struct maqet_drive *drive);
MAQET_EXPORT const char *maqet_drive_interface(const struct maqet_drive *drive);

/**
 * maqet_drive_qemu_version - the version of the machine's QEMU.
 *
 * Returns: a million times the first number, a thousand times the second, and the third, such
 * as 7002022 for 7.2.22; 0 where it is not known.
 *
 * Since: 0.1
 */
MAQET_EXPORT uint32_t maqet_drive_qemu_version(const struct maqet_drive *drive);

/**
 * maqet_drive_machine - QEMU's machine type, such as "q35" or "pc-i440fx-7.2".
 *
 * Returns: the type as the user wrote it, or what QEMU takes when nobody says it; "" where
 * that is not known.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_machine(const struct maqet_drive *drive);

/**
 * maqet_drive_arch - the architecture of the guest as QEMU spells it, such as "x86_64".
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_arch(const struct maqet_drive *drive);

/**
 * maqet_drive_media - disk or CD-ROM; always one of the plugin's @media.
 *
 * Since: 0.1
 */
MAQET_EXPORT enum maqet_media maqet_drive_media(const struct maqet_drive *drive);

/**
 * maqet_drive_readonly - whether nothing may be written.
 *
 * For a storage: whether its nodes, and its helper, must only read: because it is a CD-ROM, the
 * plugin's @readonly_option is on, or the core uses what the drive is made of as the base of
 * something else. The core refuses a drive of which emit_args says anything else. For an
 * interface: whether the guest may only read. A plugin does not ask for its @readonly_option
 * instead.
 *
 * Since: 0.1
 */
MAQET_EXPORT bool maqet_drive_readonly(const struct maqet_drive *drive);

/**
 * maqet_drive_path - the absolute path of the image.
 *
 * It is what the option that the plugin named as its @path_option holds, or the default
 * path when the drive has none.
 *
 * Returns: the path, or NULL: an empty CD-ROM drive, or a plugin without a path option.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_path(const struct maqet_drive *drive);

/**
 * maqet_drive_socket - the unix socket of the program that runs beside QEMU for the drive.
 *
 * The core makes it and hands it to what the plugin's @helper describes; emit_args names it
 * for QEMU, as the "path" of a character device for example.
 *
 * Returns: an absolute path; never NULL.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_socket(const struct maqet_drive *drive);

/**
 * maqet_drive_folder - a folder for the drive alone, in which the plugin may keep files.
 *
 * Only the user may enter it. For storage that is made once, or never, it lasts as long as the
 * machine's definition has the drive, with this type. For storage that is made for each start,
 * it is empty before @create, and is emptied when the drive is no longer in use, after
 * @ended. It is there in all callbacks of the storage but @validate and @emit_args, which only
 * name it, as soon as the machine has been added. Nothing in it may be worth keeping when the
 * drive is removed. QEMU gets access to those files in it that emit_args names and that exist by
 * then.
 *
 * Returns: an absolute path; never NULL.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_folder(const struct maqet_drive *drive);

/**
 * maqet_drive_handle - what @open of the storage plugin has left for the drive.
 *
 * Returns: the handle; NULL without @open, in all callbacks that have a limit of 10 s (see
 * maqet_time_left()), such as @validate, @emit_args and @helper, and in the interface's
 * callbacks.
 *
 * Since: 0.1
 */
MAQET_EXPORT void *maqet_drive_handle(const struct maqet_drive *drive);

/**
 * maqet_drive_empty - whether it is a CD-ROM drive without a disc.
 *
 * Then it has no node: of the storage's callbacks only @validate is called, and an interface
 * shows the guest an empty drive. Without a path option, a drive is never empty.
 *
 * Since: 0.1
 */
MAQET_EXPORT bool maqet_drive_empty(const struct maqet_drive *drive);

/**
 * maqet_drive_running - whether QEMU, or the helper, has what the drive is made of open.
 *
 * While it is true, the core calls only what works beside them: @validate, @open, @close,
 * @inspect, @holders, @emit_args, @check with MAQET_CHECK_QUICK, the callbacks that append
 * actions, @list and @can_create of the snapshot table, and for a storage with
 * MAQET_STORAGE_LIVE_READ its @write_out, @write_decrypted and @serve.
 *
 * Since: 0.1
 */
MAQET_EXPORT bool maqet_drive_running(const struct maqet_drive *drive);

/**
 * maqet_drive_has - whether an option was written down, or has a fallback.
 * @drive: the drive.
 * @option: the name of an option of the plugin's own table; "map.option" for one inside a
 *   mapping, "list.0" for an item. An interface may ask for a storage's option, which some
 *   storages have and others lack, by "storage_options.option".
 *
 * Since: 0.1
 */
MAQET_EXPORT bool maqet_drive_has(const struct maqet_drive *drive, const char *option);

/**
 * maqet_drive_string - an option's text: STRING, PATH, SECRET and CHOICE as read, others as
 * written.
 *
 * Returns: the text, or NULL when the option is absent and has no fallback, or is a MAP or a
 * LIST.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_string(const struct maqet_drive *drive,
                                            const char *option);

/**
 * maqet_drive_size - a SIZE option in bytes; 0 when it is absent.
 *
 * Since: 0.1
 */
MAQET_EXPORT uint64_t maqet_drive_size(const struct maqet_drive *drive, const char *option);

/**
 * maqet_drive_int - an INT or MODE option's value; 0 when it is absent.
 *
 * Since: 0.1
 */
MAQET_EXPORT int64_t maqet_drive_int(const struct maqet_drive *drive, const char *option);

/**
 * maqet_drive_bool - a BOOL option's value; false when it is absent.
 *
 * Since: 0.1
 */
MAQET_EXPORT bool maqet_drive_bool(const struct maqet_drive *drive, const char *option);

/**
 * maqet_drive_count - how many items a LIST option has; 0 when it is absent.
 *
 * Since: 0.1
 */
MAQET_EXPORT size_t maqet_drive_count(const struct maqet_drive *drive, const char *option);

/**
 * maqet_drive_secret - the content of the file that a SECRET option names, without a line feed
 * at its end.
 * @drive: the drive.
 * @option: the option.
 * @size: gets the number of bytes; NULL: the caller only needs the text. The NUL that follows
 *   the content is not counted.
 * @err: set when the option is absent, or the file can't be read, is larger than 64 KiB, may be
 *   read by others, or holds less than 4 bytes, which could not be told from other texts.
 *
 * What a plugin makes of it is its own affair, but a program must get it by
 * maqet_command_file(), maqet_command_input() or the SECRET's path: the core refuses command
 * lines that contain it, and masks it in messages.
 *
 * Returns: the content, which belongs to the drive; NULL on error.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_drive_secret(const struct maqet_drive *drive,
                                            const char *option, size_t *size,
                                            struct maqet_error **err);

/**
 * maqet_drive_error - make an error about an option of a drive.
 * @drive: the drive; the message begins with the file, line and column of the option (or of
 *   the drive, when the option is absent) and with the drive's name.
 * @option: the option, or NULL for the drive as a whole.
 * @err: where to put it.
 * @code: the kind of failure, mostly MAQET_ERROR_INVALID.
 * @format: the message.
 *
 * Returns: -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_drive_error(const struct maqet_drive *drive, const char *option,
                                   struct maqet_error **err, enum maqet_error_code code,
                                   const char *format, ...) MAQET_PRINTF(5, 6);

/**
 * maqet_drive_error_text - as maqet_drive_error(), with a plain message.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_drive_error_text(const struct maqet_drive *drive, const char *option,
                                        struct maqet_error **err, enum maqet_error_code code,
                                        const char *message);

/**
 * maqet_warn - tell the user something that is no failure.
 * @drive: the drive that it is about; its name is added by the core.
 * @format: one sentence.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_warn(const struct maqet_drive *drive, const char *format, ...)
    MAQET_PRINTF(2, 3);

/**
 * maqet_warn_text - as maqet_warn(), with a plain message.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_warn_text(const struct maqet_drive *drive, const char *message);

/**
 * maqet_debug - say what the plugin does, for those who ask for it (maqet --verbose).
 * @drive: the drive that it is about; its name and the plugin's are added by the core.
 * @format: one sentence.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_debug(const struct maqet_drive *drive, const char *format, ...)
    MAQET_PRINTF(2, 3);

/**
 * maqet_debug_text - as maqet_debug(), with a plain message.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_debug_text(const struct maqet_drive *drive, const char *message);

/**
 * maqet_time_left - how long the running callback may still take, in ms; 0: it is late.
 *
 * What maqet_run() and its like run is stopped at that moment, with MAQET_ERROR_TIMEOUT. A
 * plugin that waits for something by itself, such as a service, asks: the core ends the whole
 * command, and blames the plugin, when a callback has not returned some seconds after its
 * limit. The limits are at least 4 h for what moves data (create, remove, resize, check unless
 * it is quick, of the snapshot table create, load, remove, rename, repair and write_out, and all of
 * the overlay table but used),
 * 30 s for what may ask a service (open, close, inspect, holders, ended, and of that table list
 * and can_create), 10 s for the rest; a later maqet may allow more, never less.
 *
 * Since: 0.1
 */
MAQET_EXPORT int64_t maqet_time_left(const struct maqet_drive *drive);

/**
 * maqet_progress - show the user how far the running callback is.
 * @drive: the drive that it is about; its name is shown by the core.
 * @percent: from 0 to 100; negative where that is not known.
 *
 * It may be called as often as one likes: the core shows it now and then.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_progress(const struct maqet_drive *drive, double percent);

/* ---- running a program ------------------------------------------------------------- */

/**
 * maqet_run - run a program, such as qemu-img, and wait for it. No shell is involved.
 * @err: set when it can't be run or fails; then its own words are in the message.
 * @program: its name, looked up in PATH, followed by its arguments and a NULL.
 *
 * Its standard input is empty, its output is kept from the terminal, and it has no other open
 * descriptors. It is killed when maqet dies, however maqet dies. maqet_command_word() and its
 * like do the same step by step, without variable arguments.
 *
 * Returns: 0 when it exited with 0, else -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_run(struct maqet_error **err, const char *program, ...)
    MAQET_SENTINEL;

/**
 * struct maqet_command - a program and its arguments in the making. Opaque.
 *
 * It is given to maqet_command_run() or maqet_command_output(), which free it, returned by
 * @helper or @serve, or given up by maqet_command_free().
 *
 * Since: 0.1
 */
struct maqet_command;

/**
 * maqet_command_new - begin a command.
 * @program: its name, looked up in PATH.
 *
 * Returns: the command; never NULL.
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_command *maqet_command_new(const char *program);

/**
 * maqet_command_arg - append one argument.
 * @command: the command.
 * @format: the argument, formatted.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_arg(struct maqet_command *command, const char *format, ...)
    MAQET_PRINTF(2, 3);

/**
 * maqet_command_word - append one argument as it is.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_word(struct maqet_command *command, const char *word);

/**
 * maqet_command_option - append one argument "PREFIX=VALUE" in QEMU's option syntax.
 * @command: the command.
 * @prefix: all up to the equals sign, such as "secret,id=key,file".
 * @value: the value; its commas are doubled, as that syntax wants them.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_option(struct maqet_command *command, const char *prefix,
                                       const char *value);

/**
 * maqet_command_environment - set a variable in the program's environment.
 * @command: the command.
 * @name: the variable's name.
 * @value: its value; copied. NULL: the program does not get the variable.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_environment(struct maqet_command *command, const char *name,
                                            const char *value);

/**
 * maqet_command_input - give a command something to read from its standard input.
 * @command: the command, which must not be that of @helper or @serve.
 * @bytes: what it reads before the end of the file; copied.
 * @size: how many bytes that are.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_input(struct maqet_command *command, const void *bytes,
                                      size_t size);

/**
 * maqet_command_exit_status - accept any exit status.
 * @command: the command.
 * @status: gets the status with which the program exited, which is no failure then, when the
 *   command is run. It stays a failure when the program can't be run, is stopped at the time
 *   limit, or is killed by a signal. It must live until the command is run or freed.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_exit_status(struct maqet_command *command, int *status);

/**
 * maqet_command_error_output - keep what a command writes to its standard error.
 * @command: the command.
 * @text: gets the last 64 KiB of it, with a NUL at its end, when the command is run, even if it
 *   fails; to be freed with maqet_free(). NULL until then, and where it could not be run. It must
 *   live until the command is run or freed.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_error_output(struct maqet_command *command, char **text);

/**
 * maqet_command_show_progress - show the user how far the program is.
 * @command: the command. It reports on its standard output as `qemu-img -p` does:
 *   "(12.34/100%)" again and again.
 * @drive: the drive that it is about.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_show_progress(struct maqet_command *command,
                                              const struct maqet_drive *drive);

/**
 * maqet_command_free - give up a command that was not run; NULL: nothing happens.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_command_free(struct maqet_command *command);

/**
 * maqet_command_run - run a command as maqet_run() does, and free it.
 *
 * Returns: 0 when it exited with 0 (or with any status, see maqet_command_exit_status()), else
 * -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_command_run(struct maqet_command *command, struct maqet_error **err);

/**
 * maqet_command_output - run a command as maqet_command_run() does, and keep what it writes.
 * @command: the command; it is freed.
 * @size: gets the number of bytes that it wrote to its standard output; NULL: the caller only
 *   needs the text.
 * @err: as there.
 *
 * Returns: what it wrote, with a NUL at its end that is not counted, to be freed with
 * maqet_free(); NULL on error. More than 16 MiB is an error.
 *
 * Since: 0.1
 */
MAQET_EXPORT char *maqet_command_output(struct maqet_command *command, size_t *size,
                                        struct maqet_error **err);

/**
 * maqet_command_image - append the drive's image, in the way in which qemu-img takes it.
 * @command: the command.
 * @drive: the drive; what its emit_args says is what qemu-img is told: the node, with all named
 *   nodes that it refers to, as a "json:" name, and the objects that they refer to (secrets)
 *   before it. So a base comes from the configuration and never from the image. Filters of the
 *   guest's requests ("throttle" and "copy-on-read") are left out, since they would hide the
 *   image's format.
 * @err: set when the drive has no image, its emit_args fails, or what that appends names
 *   maqet_drive_socket(), where nobody listens unless QEMU runs.
 *
 * Returns: 0 or -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int maqet_command_image(struct maqet_command *command,
                                     const struct maqet_drive *drive,
                                     struct maqet_error **err);

/**
 * maqet_command_file - give a command a temporary file to read.
 * @command: the command; the file lasts until the command is freed, which the core does with
 *   one that serves (@serve of the snapshot table) when its program greets the first client, and
 *   with that of a @helper when the drive is no longer in use.
 *   The file has no name in any folder, so nothing is left of it however maqet ends.
 * @bytes: what the file holds; copied.
 * @size: how many bytes that are.
 * @err: set when the file can't be made.
 *
 * Returns: a path by which the program can open the file for reading; it lives as long as the
 * command. NULL on error.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_command_file(struct maqet_command *command,
                                            const void *bytes, size_t size,
                                            struct maqet_error **err);

/* ---- what is emitted --------------------------------------------------------------- */

/**
 * struct maqet_args - the objects that QEMU is to be given. Opaque.
 * struct maqet_props - the properties of one of them. Opaque; it belongs to the args.
 *
 * An object is appended after those to which it refers. No function that appends one returns
 * NULL.
 * The core renders objects for the command line (as JSON, or with commas doubled where QEMU
 * takes no JSON). A plugin never quotes and never joins strings with commas.
 *
 * Since: 0.1
 */
struct maqet_args;
struct maqet_props;

/**
 * maqet_args_blockdev - append a `-blockdev`.
 * @node_name: its node-name: maqet_drive_node() for the node that an interface attaches, which
 *   must be among those that are appended. The names of others come from
 *   maqet_drive_child_node(); nodes refer to them by name, such as a filter to the node that it
 *   filters.
 *
 * What the core does with a node: it closes the end of each backing chain (`"backing": null`),
 * so that no backing file is opened because an image names it; and it refuses, as a fault of
 * the plugin, a node of a read-only drive that may be written to, a node without a driver, one
 * that refers to a node which the plugin did not append, and a node or another object that
 * names a file which no PATH or SECRET option of the drive names, which lies in no folder that
 * one names nor in maqet_drive_folder(), which is not maqet_drive_socket(), and which inspect
 * has not reported by maqet_image_file().
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_props *maqet_args_blockdev(struct maqet_args *args,
                                                     const char *node_name);

/**
 * maqet_args_device - append a `-device`.
 * @driver: QEMU's driver, such as "virtio-9p-pci".
 * @id: its id: maqet_drive_name() for the device that shows the drive's node, or its disc, to the
 *   guest, by which the drive is detached; others begin with that name and a hyphen.
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_props *maqet_args_device(struct maqet_args *args,
                                                   const char *driver, const char *id);

/**
 * maqet_args_object - append an `-object`.
 * @qom_type: its type, such as "secret".
 * @id: its id. A storage begins it with maqet_drive_node() and a hyphen, since a drive may be in
 *   QEMU twice while it is copied; an interface with maqet_drive_name() and a hyphen.
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_props *maqet_args_object(struct maqet_args *args,
                                                   const char *qom_type, const char *id);

/**
 * maqet_args_fsdev - append an `-fsdev`.
 * @driver: the file system driver, such as "local".
 * @id: its id.
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_props *maqet_args_fsdev(struct maqet_args *args,
                                                  const char *driver, const char *id);

/**
 * maqet_args_chardev - append a `-chardev`.
 * @backend: its backend, such as "socket".
 * @id: its id, as for maqet_args_object(); that of a share may be the drive's name.
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_props *maqet_args_chardev(struct maqet_args *args,
                                                    const char *backend, const char *id);

/**
 * maqet_args_share_memory - say that another process must be able to map the guest's memory.
 *
 * A device whose other half is a process of its own (vhost-user) needs that. However many
 * drives say so, the core gives the machine one memory of that kind. It has no effect on what
 * maqet_command_image() makes.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_args_share_memory(struct maqet_args *args);

/**
 * maqet_command_node - append an image as maqet_command_image() does, but one that the plugin
 * describes for this command alone, such as what a snapshot of the drive holds.
 * @command: the command.
 * @drive: the drive.
 * @emit: called once, with @data; appends the block node whose node-name is maqet_drive_node(),
 *   and the objects that it refers to. It may also name the command's files, see
 *   maqet_command_file(). Returns 0, or -1 with an error set.
 * @data: handed to @emit.
 * @err: set when @emit fails, or what it appends can't be used.
 *
 * Returns: 0 or -1.
 *
 * Since: 0.1
 */
MAQET_EXPORT int
maqet_command_node(struct maqet_command *command, const struct maqet_drive *drive,
                   int (*emit)(const struct maqet_drive *drive, struct maqet_args *args,
                               void *data, struct maqet_error **err),
                   void *data, struct maqet_error **err);

/**
 * maqet_props_string - set a property to a text.
 * @props: the object's properties.
 * @key: the property; dots lead into nested objects ("file.filename"), and numbers into
 *   lists ("server.0.host").
 * @value: the text. It is copied. NULL is JSON's null (as in `"backing": null`).
 *
 * A key that is set twice, or that is both a value and a nested object, is a fault of the
 * plugin, which the core reports after emit_args returned.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_props_string(struct maqet_props *props, const char *key,
                                     const char *value);

/**
 * maqet_props_int - set a property to a whole number.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_props_int(struct maqet_props *props, const char *key,
                                  int64_t value);

/**
 * maqet_props_bool - set a property to true or false.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_props_bool(struct maqet_props *props, const char *key, bool value);

/* ---- what an image says of itself --------------------------------------------------- */

/**
 * struct maqet_image - the result of looking at an existing image. Opaque.
 *
 * Since: 0.1
 */
struct maqet_image;

/**
 * maqet_image_format - report what the image really is.
 * @format: QEMU's name of the format; the core refuses an image whose format is not the
 *   plugin's @format.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_format(struct maqet_image *image, const char *format);

/**
 * maqet_image_missing - report that what the drive is made of is not there, for storage without
 * a path option.
 * @image: the image. @inspect then fails, with an error that says what is missing.
 *
 * Nothing else tells the core so, whatever the error's code: where this was not called, a failed
 * @inspect means that it is not known whether there is anything, and nothing is created. Call it
 * only when whoever keeps the storage says so, never when it can't be asked.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_missing(struct maqet_image *image);

/**
 * maqet_image_virtual_size - report the size that the guest sees, in bytes.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_virtual_size(struct maqet_image *image, uint64_t bytes);

/**
 * maqet_image_names_file - report another file that the image names.
 * @image: the image.
 * @option: the option ("list.0" for an item) in which the configuration must name the same
 *   file; where it doesn't, the core refuses the image, unless @name leads to no file any more,
 *   since the image was moved: then what the configuration names holds. NULL: nothing may name
 *   it, so the image is always refused.
 * @what: what it is to the image, for the message, such as "backing file".
 * @name: as it stands in the image; what is relative starts at the image's folder.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_names_file(struct maqet_image *image, const char *option,
                                         const char *what, const char *name);

/**
 * maqet_image_file - report a file that emit_args names, although no option of the drive names
 * it or a folder in which it lies.
 * @image: the image.
 * @path: its absolute path. Take it from what the plugin knows, never from what an image says:
 *   a file that an image names is reported by maqet_image_names_file().
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_file(struct maqet_image *image, const char *path);

/**
 * maqet_image_relink - report the command by which a person makes the image name the file
 * that the configuration names, and changes nothing else of it.
 * @image: the image.
 * @format: the command. It is shown where the core refuses the image because the two name
 *   different files.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_relink(struct maqet_image *image, const char *format, ...)
    MAQET_PRINTF(2, 3);

/**
 * maqet_image_relink_text - as maqet_image_relink(), with a plain command.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_image_relink_text(struct maqet_image *image, const char *command);

/* ---- who else uses it --------------------------------------------------------------- */

/**
 * struct maqet_holders - other users of what a drive is made of. Opaque.
 *
 * Since: 0.1
 */
struct maqet_holders;

/**
 * maqet_holders_add - report one more user, who may write, or who can't be told from one who
 * may.
 * @holders: the list.
 * @who: whom a person would look for, such as "client.4123 at 192.0.2.7"; copied.
 * @hint: what can be done about it, one step; copied; NULL: nothing that is known.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_holders_add(struct maqet_holders *holders, const char *who,
                                    const char *hint);

/* ---- damage ------------------------------------------------------------------------- */

/**
 * enum maqet_check_depth - how thoroughly a drive is checked for damage.
 * @MAQET_CHECK_QUICK: by what can be read at once, such as whether the tables lie inside the
 *   file: no program is run, and no more than a few MiB are read. The core asks before each
 *   start and each change, and refuses to let a guest write to a damaged image.
 * @MAQET_CHECK_FULL: all of it, however long it takes.
 * @MAQET_CHECK_REPAIR_LEAKS: all of it, and what takes up space without being in use is freed,
 *   by which nothing can be lost.
 * @MAQET_CHECK_REPAIR: all of it, and whatever can be repaired is repaired. The user has
 *   agreed to it, since what is damaged may be lost.
 *
 * No other depth will ever be added.
 *
 * Since: 0.1
 */
enum maqet_check_depth {
    MAQET_CHECK_QUICK = 1,
    MAQET_CHECK_FULL = 2,
    MAQET_CHECK_REPAIR_LEAKS = 3,
    MAQET_CHECK_REPAIR = 4
};

/**
 * struct maqet_check_report - what a check has found. Opaque.
 *
 * Since: 0.1
 */
struct maqet_check_report;

/**
 * maqet_check_damage - report that a file is damaged.
 * @report: the report.
 * @path: the file: the drive's own image (maqet_drive_path()), or another one that the drive
 *   reads, such as the base of an overlay; NULL: what the drive is made of is no file. The core
 *   warns of damage in what is only read.
 * @format: what is wrong, as the end of a sentence that begins with the file, such as "it is
 *   marked as corrupt".
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_check_damage(struct maqet_check_report *report, const char *path,
                                     const char *format, ...) MAQET_PRINTF(3, 4);

/**
 * maqet_check_damage_text - as maqet_check_damage(), with a plain text.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_check_damage_text(struct maqet_check_report *report,
                                          const char *path, const char *damage);

/**
 * maqet_check_counts - report what a thorough check of a file has counted.
 * @report: the report.
 * @path: the file, as for maqet_check_damage().
 * @errors: the faults that are in it now; any of them is damage.
 * @leaks: the clusters that take up space without being in use; they are no damage.
 * @errors_fixed: the faults that were repaired.
 * @leaks_fixed: the clusters that were freed.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_check_counts(struct maqet_check_report *report, const char *path,
                                     uint64_t errors, uint64_t leaks, uint64_t errors_fixed,
                                     uint64_t leaks_fixed);

/* ---- snapshots ---------------------------------------------------------------------- */

/**
 * struct maqet_snapshot - one snapshot of a drive. Opaque; it belongs to the core.
 * struct maqet_snapshots - the list of them that a plugin reports. Opaque.
 *
 * A snapshot has an id, by which the format tells it from all others, and a name, by which
 * people do. Formats without ids give the name for both.
 *
 * Since: 0.1
 */
struct maqet_snapshot;
struct maqet_snapshots;

/**
 * maqet_snapshots_add - report one more snapshot.
 * @snapshots: the list; report the oldest snapshot first.
 * @id: what the format knows it by; no other one of the drive has it.
 * @name: its name, as it stands in the format, whatever that is. Both are copied.
 *
 * Returns: the snapshot, for the functions below, until the callback returns. What is not
 * told of it is not known.
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_snapshot *maqet_snapshots_add(struct maqet_snapshots *snapshots,
                                                        const char *id, const char *name);

/**
 * maqet_snapshot_date - report when it was taken.
 * @snapshot: the snapshot.
 * @seconds: since 1970, UTC.
 * @nanoseconds: of that second, 0 to 999999999.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_snapshot_date(struct maqet_snapshot *snapshot, int64_t seconds,
                                      uint32_t nanoseconds);

/**
 * maqet_snapshot_vm_clock - report for how many ns the guest had been running then.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_snapshot_vm_clock(struct maqet_snapshot *snapshot,
                                          uint64_t nanoseconds);

/**
 * maqet_snapshot_vm_state - report the bytes of the guest's memory that it holds; 0: none.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_snapshot_vm_state(struct maqet_snapshot *snapshot,
                                          uint64_t bytes);

/**
 * maqet_snapshot_virtual_size - report the size that the guest saw then, in bytes.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_snapshot_virtual_size(struct maqet_snapshot *snapshot,
                                              uint64_t bytes);

/**
 * maqet_snapshot_used - report its cost: the bytes that deleting it would free.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_snapshot_used(struct maqet_snapshot *snapshot, uint64_t bytes);

/**
 * maqet_snapshot_id - the id that the plugin, or QEMU, reported.
 * maqet_snapshot_name - likewise the name.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_snapshot_id(const struct maqet_snapshot *snapshot);
MAQET_EXPORT const char *maqet_snapshot_name(const struct maqet_snapshot *snapshot);

/**
 * struct maqet_actions - what QEMU's monitor is to be told. Opaque.
 *
 * Since: 0.1
 */
struct maqet_actions;

/**
 * maqet_actions_add - append one action.
 * @actions: the actions.
 * @name: its name in QEMU's QMP reference, such as "blockdev-snapshot-internal-sync".
 *
 * Returns: its arguments, to be filled by the maqet_props_ functions. The drive's node is
 * maqet_drive_node().
 *
 * Since: 0.1
 */
MAQET_EXPORT struct maqet_props *maqet_actions_add(struct maqet_actions *actions,
                                                   const char *name);

/**
 * struct maqet_snapshot_table - how a storage keeps snapshots.
 * @size: sizeof(struct maqet_snapshot_table), as it was when the plugin was compiled.
 * @flags: none so far; 0.
 *
 * The first four callbacks are needed. While one of those without "live" in its name runs, but
 * for @list, @can_create and what MAQET_STORAGE_LIVE_READ is about, the core holds the machine's
 * lock, and QEMU does not run; but another program may use the image, which qemu-img and its like
 * find out by themselves. The names and ids that @list has reported are given to the others as
 * they are, whatever they contain.
 *
 * @create: makes a snapshot of the present state. The core has made sure that there is none
 *   of that name, which is [A-Za-z0-9][A-Za-z0-9_.:+-]* of at most 128 bytes; one that the core
 *   makes for a while may begin with any of these characters but the hyphen.
 * @load: makes the present state that of the snapshot, and leaves all snapshots as they are.
 * @remove: deletes the snapshot, and leaves all others as they are.
 * @list: reports all snapshots with maqet_snapshots_add(). @fd is the image, open for
 *   reading, or -1 where the plugin has no path option. It is called while QEMU runs, too,
 *   and must then change nothing and trust nothing; with @fd it should spawn no process.
 *   While QEMU runs it is QEMU that tells of a file's snapshots, and @list only adds what they
 *   cost; without a path option @list is all that the core goes by.
 *
 * @live_create: appends what makes a snapshot while QEMU runs. The core runs what all
 *   drives have appended as one `transaction`: all or none. NULL: not while it runs.
 * @live_remove: appends the commands that delete one while QEMU runs; they are run one
 *   after the other. NULL: not while it runs.
 * @rename: gives a snapshot another name, of as many bytes, without touching anything else.
 *   @fd is the image, open for reading and writing, or -1. A call that was killed may be repeated:
 *   it succeeds when the snapshot has the new name already. NULL: there is no such way.
 * @repair: after an operation was killed: frees what it may have left behind in the image.
 *   NULL: nothing can be left behind.
 * @write_out: writes what the snapshot holds to the new file @path, as an image of @format
 *   ("raw", or another one that the helper knows), @compress: compressed; see
 *   maqet_command_show_progress(). The image has the size that the guest saw when the snapshot
 *   was taken, whatever the drive's size is now. An empty file that only the user may read
 *   stands at @path already; its permissions must stay. What an encrypted drive holds is
 *   encrypted in the file as well, with the same key; what can't be (for want of encryption in
 *   @format) is MAQET_ERROR_UNSUPPORTED. NULL: not supported.
 * @serve: a command that offers what the snapshot holds to readers, as a raw disk by the NBD
 *   protocol, at the unix socket @socket, until SIGTERM ends it. It serves any number of
 *   connections one after another, goes on when one is closed, and need not serve two at once;
 *   several servers may run for one snapshot. It refuses writes, and writes nothing to the image.
 *   The disk has the size that the guest saw when the snapshot was taken.
 *   The core runs it. NULL: not supported, or an error.
 * @write_decrypted: as @write_out, but not encrypted, because the user said so. It fails with
 *   MAQET_ERROR_INVALID where the drive is not encrypted. NULL: the storage encrypts nothing.
 * @can_create: fails, with the reason, where this very image can't keep a snapshot, whose
 *   creation would fail halfway. @fd is as for @list. It is asked before anything is changed,
 *   also while QEMU runs. NULL: each of them can.
 *
 * Every one of them fails with MAQET_ERROR_ codes as all callbacks do.
 *
 * Since: 0.1
 */
struct maqet_snapshot_table {
    uint32_t size;
    uint32_t flags;

    int (*create)(const struct maqet_drive *drive, const char *name,
                  struct maqet_error **err);
    int (*load)(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err);
    int (*remove)(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                  struct maqet_error **err);
    int (*list)(const struct maqet_drive *drive, int fd,
                struct maqet_snapshots *snapshots, struct maqet_error **err);

    int (*live_create)(const struct maqet_drive *drive, const char *name,
                       struct maqet_actions *actions, struct maqet_error **err);
    int (*live_remove)(const struct maqet_drive *drive,
                       const struct maqet_snapshot *snapshot,
                       struct maqet_actions *actions, struct maqet_error **err);
    int (*rename)(const struct maqet_drive *drive, int fd,
                  const struct maqet_snapshot *snapshot, const char *name,
                  struct maqet_error **err);
    int (*repair)(const struct maqet_drive *drive, struct maqet_error **err);
    int (*write_out)(const struct maqet_drive *drive,
                     const struct maqet_snapshot *snapshot, const char *path,
                     const char *format, bool compress, struct maqet_error **err);
    struct maqet_command *(*serve)(const struct maqet_drive *drive,
                                   const struct maqet_snapshot *snapshot,
                                   const char *socket, struct maqet_error **err);
    int (*write_decrypted)(const struct maqet_drive *drive,
                           const struct maqet_snapshot *snapshot, const char *path,
                           const char *format, bool compress, struct maqet_error **err);
    int (*can_create)(const struct maqet_drive *drive, int fd, struct maqet_error **err);
};

/* ---- the two kinds of plugin -------------------------------------------------------- */

/**
 * MAQET_PLUGIN_KIND_STORAGE - @kind of a storage's header.
 * MAQET_PLUGIN_KIND_IFACE - @kind of an interface's header.
 *
 * Since: 0.1
 */
#define MAQET_PLUGIN_KIND_STORAGE 1
#define MAQET_PLUGIN_KIND_IFACE 2

/**
 * struct maqet_plugin_header - the first 16 bytes of every plugin, for ever.
 * @size: the size of the plugin's struct, as it was when the plugin was compiled.
 * @abi: MAQET_PLUGIN_ABI.
 * @kind: MAQET_PLUGIN_KIND_STORAGE or MAQET_PLUGIN_KIND_IFACE.
 * @option_size: the size of struct maqet_option, likewise.
 *
 * Filled by MAQET_STORAGE_PLUGIN_HEADER and MAQET_IFACE_PLUGIN_HEADER only. All that belongs to
 * one plugin is compiled against one header.
 *
 * Since: 0.1
 */
struct maqet_plugin_header {
    uint32_t size;
    uint32_t abi;
    uint32_t kind;
    uint32_t option_size;
};

/**
 * enum maqet_storage_flag - what a storage can besides its callbacks.
 * @MAQET_STORAGE_HOTPLUG: its objects can be added to a QEMU that runs, and removed.
 * @MAQET_STORAGE_PLAIN: the image holds the guest's data and nothing else, so its beginning
 *   says nothing about its format: the guest may have written it. Such a storage has a CHOICE
 *   option "format" with its own @format as the only word; where a drive has it, @inspect
 *   reports that format and looks at no beginning.
 * @MAQET_STORAGE_LIVE_READ: the callbacks @write_out, @write_decrypted and @serve of its
 *   snapshot table work while QEMU runs, too. The core keeps the snapshot from being deleted
 *   meanwhile. See maqet_drive_running().
 * @MAQET_STORAGE_PCI: a device that it emits without a "bus" takes the next free address of the
 *   machine's PCI bus. The core then keeps the addresses of all drives when one is removed.
 *
 * Since: 0.1
 */
enum maqet_storage_flag {
    MAQET_STORAGE_HOTPLUG = 1,
    MAQET_STORAGE_PLAIN = 2,
    MAQET_STORAGE_LIVE_READ = 4,
    MAQET_STORAGE_PCI = 8
};

/**
 * enum maqet_creation - when what a drive is made of is created.
 * @MAQET_CREATION_NEVER: it is there, or using it is an error. There is no @create.
 * @MAQET_CREATION_ONCE: it is created when it is missing, and kept when the machine ends. It is
 *   never created over something: with a @path_option the core sees to that, and without one
 *   there must be an @inspect, which calls maqet_image_missing() before.
 * @MAQET_CREATION_EACH_START: it is created in maqet_drive_folder() each time before the drive
 *   is in use, and deleted afterwards. There is no @path_option, no @remove and no @snapshot:
 *   what @create makes elsewhere is deleted by @ended, and snapshots would be lost with it.
 *
 * Since: 0.1
 */
enum maqet_creation {
    MAQET_CREATION_NEVER = 0,
    MAQET_CREATION_ONCE = 1,
    MAQET_CREATION_EACH_START = 2
};

typedef char maqet_creation_has_4_bytes[sizeof(enum maqet_creation) == 4 ? 1 : -1];

/**
 * struct maqet_overlay_table - how a storage serves as an overlay: an image that holds what was
 * written since it was created, over another node, its backing node, that shows through
 * everywhere else.
 * @size: sizeof(struct maqet_overlay_table), as it was when the plugin was compiled.
 * @flags: none so far; 0.
 * @inherited: the options that an overlay takes over from the drive that it is for, where that
 *   has an option of the same name, such as "cache"; ended by NULL. NULL: none.
 *
 * With it, drives of any type may have `snapshots: overlay`. The core makes such overlays, beside
 * the image of the drive or, if that is no file of this host, in the machine's folder, and knows
 * which stands on which. To the plugin, each of them is a
 * drive of its own type, whose path is that of the overlay, and which has a backing node
 * (maqet_drive_backing_node()). @emit_args appends a node that refers to that one by name;
 * @inspect, @check, @resize and @live_resize of the storage are called for overlays, too. Only the
 * topmost one is written to; all others are read-only (maqet_drive_readonly()) unless one of the
 * callbacks below runs, none of which is called while any QEMU has the overlay open. Then the
 * overlay may be written to, and while @merge_down runs, its backing image, too;
 * maqet_command_image() describes it so, with all that it stands on.
 *
 * What an overlay holds must be the same wherever the files were moved to together: the name of
 * the backing image that it stores is maqet_drive_backing_name(). New ones over the same image are
 * alike, so the core may copy an image that @create of the storage has made with a backing file,
 * for other machines, instead of calling it for each.
 *
 * @create: makes the overlay at @path, where an empty file with the right permissions stands
 *   already, which must stay. The guest sees @bytes, which may be more than the backing node has.
 *   It takes a time that does not depend on either size. Needed.
 * @rename_backing: makes the overlay store maqet_drive_backing_name() and
 *   maqet_drive_backing_format(), and changes nothing else of it. Needed.
 * @merge_down: writes what the overlay holds into its backing image, which then shows to the guest
 *   what the overlay showed, and is as large; the overlay keeps what it holds. A call that was
 *   killed may be repeated. Needed.
 * @merge_up: makes the overlay hold what its backing image holds and it does not, so that it can
 *   stand on the backing image of that, @name of the format @format, or, if @name is NULL, on none; it
 *   stores that name. A call that was killed may be repeated. It is also called, with NULL, for the
 *   image of a drive that is no overlay of the core (maqet_drive_backing_node() returns NULL) and
 *   whose options name its backing files, which it then needs no longer. Needed.
 * @used: reports in *@bytes how much the overlay holds, which merging it down would move, without
 *   reading more than its tables. @fd is the image, open for reading. Needed.
 *
 * Since: 0.1
 */
struct maqet_overlay_table {
    uint32_t size;
    uint32_t flags;
    const char *const *inherited;

    int (*create)(const struct maqet_drive *drive, const char *path, uint64_t bytes,
                  struct maqet_error **err);
    int (*rename_backing)(const struct maqet_drive *drive, struct maqet_error **err);
    int (*merge_down)(const struct maqet_drive *drive, struct maqet_error **err);
    int (*merge_up)(const struct maqet_drive *drive, const char *name, const char *format,
                    struct maqet_error **err);
    int (*used)(const struct maqet_drive *drive, int fd, uint64_t *bytes,
                struct maqet_error **err);
};

/**
 * MAQET_HELPER_FD - the descriptor at which a helper finds its listening socket.
 *
 * Since: 0.1
 */
#define MAQET_HELPER_FD 3

/**
 * struct maqet_storage_plugin - what a drive is made of.
 * @header: MAQET_STORAGE_PLUGIN_HEADER.
 * @name: the word for `type:` in the YAML, [a-z0-9][a-z0-9-]*, as in the file's name.
 * @summary: one line for people.
 * @version: the plugin's own version, such as "1.4"; NULL: not said.
 * @author: who answers for it, such as "Jo Doe <jo@example.org>"; NULL: not said.
 * @url: where to find more about it; NULL: not said.
 * @options: the keys that a drive of this type may have; NULL: none.
 * @flags: those MAQET_STORAGE_ values that apply, combined by a bitwise or.
 * @media: the bitwise or of the MAQET_MEDIA_ values that such a drive may be; 0: a disk only. The
 *   core refuses any other `media` before it calls the plugin.
 *
 * @format: QEMU's name of the format, which @inspect reports and hints name; NULL: the same as
 *   @name. Several plugins may have the same.
 * @interface: the interface plugin that attaches it when the drive doesn't say; NULL: the
 *   storage is no block device but emits its own device (a share), and `interface` on such a
 *   drive is an error.
 * @path_option: the PATH option that says where the image is, a file or a block device of this
 *   host; NULL: what the drive is made of is none of these (a network block device, a folder).
 *   With it, the core opens the image, and makes a missing one where @creation is
 *   MAQET_CREATION_ONCE: it checks the path and the space, calls @create with a temporary name,
 *   and publishes the result.
 * @size_option: the SIZE option with the size of a new image, in bytes that the guest sees;
 *   NULL: there is none.
 * @readonly_option: the BOOL option by which the guest may only read; NULL: there is none.
 * @creation: when what the drive is made of is created.
 *
 * @open: prepares what the other callbacks share, such as a connection to a service, and leaves
 *   it in *@handle; optional. It is called at most once for a drive and command, after
 *   @validate, before the first of the callbacks that have a limit of 30 s or more, which fails
 *   if @open does. *@handle may stay NULL. A command that has waited for the machine's end may
 *   call it once more.
 * @close: undoes it, if @open has returned 0, before the command ends, or begins to wait for the
 *   machine's end; needed with @open. A command that is killed calls nothing. It is never called
 *   in another process than @open was.
 * @validate: checks what the option table can't say; optional. Nothing may be changed.
 *   A drive that it refuses is not given to QEMU, but may still be looked at: by @inspect,
 *   @check with MAQET_CHECK_QUICK, and the snapshot table's list.
 * @space: how many bytes the image takes in the file system as soon as it is made, and at
 *   most (its full virtual size); needed with @create and @path_option; optional for storage
 *   that is made for each start, where it is about maqet_drive_folder(). Fails when an option
 *   that creation needs is absent.
 * @create: makes what @creation says; needed unless that is MAQET_CREATION_NEVER. With a
 *   @path_option it makes the image at @path, where an empty file with the right permissions
 *   stands already, which must stay; what a failed call leaves at @path is removed by the core.
 *   Otherwise @path is NULL. Made once, it is what @inspect has just said to be missing, and
 *   never for a read-only drive; when it finds the thing there after all, it changes nothing and
 *   fails with MAQET_ERROR_EXISTS: the core then uses what is there, and never deletes it. Made
 *   for each start, it is made in maqet_drive_folder(), which is empty, for a read-only drive,
 *   too.
 * @inspect: looks at an existing image through @fd, which is open for reading, and reports
 *   with the maqet_image_ functions. It may move the file offset; the core closes it.
 *   Needed without a path option where @creation is MAQET_CREATION_ONCE, and with @resize.
 *   Never trust what the image says. Without a path option @fd is -1; it is called before each
 *   start, and reports what is not there yet by maqet_image_missing().
 * @holders: reports with maqet_holders_add() who else uses what the drive is made of, where
 *   the format or its service can tell; optional. The core asks before a drive that writes gets
 *   in use, and before it changes what no QEMU has open; it refuses when anybody is reported, or
 *   when this fails, whatever the error. What is not there has no users, and is no error. Users
 *   of a file need no report: the core finds them by itself. It asks again when QEMU has the
 *   drive open and the guest cannot use it yet, since two starts may both have found nobody.
 *   Then report each QEMU that has it open, ours included, exactly once; if there is another, the
 *   core ends ours.
 * @helper: describes a program that must run beside QEMU for the drive: the core starts it
 *   before QEMU gets the drive, and ends it when the drive is no longer in use, however that
 *   comes about. It finds the drive's socket
 *   (maqet_drive_socket), already listening, as its descriptor 3, and LISTEN_FDS and
 *   LISTEN_PID in its environment as systemd's socket activation has them; QEMU's connection
 *   waits until it accepts. Its standard input is empty; what it prints goes where QEMU's
 *   errors go. It must stay in the foreground, and end when it is told by SIGTERM; one that
 *   does not is killed ten seconds later. The core frees the command. NULL: there is none, or
 *   an error. Optional. With a path option, too: then it is the helper that opens the image,
 *   read-only where maqet_drive_readonly() says so.
 * @resize: makes what the drive is made of larger, to @bytes; no QEMU has it open. The core
 *   never asks for less than there is, and therefore needs an @inspect that reports the size.
 *   NULL: it has one size for ever.
 * @live_resize: appends the commands that do the same while QEMU runs. NULL: not while it
 *   runs.
 * @emit_args: appends the block node whose node-name is maqet_drive_node() (or the share's
 *   objects); needed. It is never called for an empty CD-ROM drive.
 * @check: looks for damage, as thoroughly as @depth says, in what the drive is made of and in
 *   what it reads besides, and reports it; optional. A file that is not there is no damage.
 *   With MAQET_CHECK_QUICK nothing is changed and nothing trusted; with the other depths no
 *   QEMU has the drive open, and with the two that repair no other program has. A read-only
 *   drive, and what the drive only reads, are never repaired. It fails where it can't find
 *   out; what is damaged is reported and is no failure.
 * @remove: deletes what @create has made once, because the user said so; only without a
 *   @path_option, whose file is deleted by the core. It is called only when @create is
 *   known to have made it for this machine, no other machine of the user has it, and @holders
 *   reports nobody. It succeeds when there is nothing. NULL: the user is told that it stays.
 * @ended: the drive is no longer in use: the machine has ended, however it did, or the drive was
 *   detached, and then QEMU and other drives may go on; or getting it in use has failed when it
 *   was being made; optional. What @create has made once stays. It is called by the first command
 *   that notices it: at the latest before the drive is in use again, and once more where it
 *   failed or was killed. It gets the options that the drive had when it got in use, and succeeds
 *   when there is nothing to do.
 * @snapshot: how it keeps snapshots; NULL: it has none.
 * @overlay: how it serves as an overlay; NULL: it does not.
 *
 * Since: 0.1
 */
struct maqet_storage_plugin {
    struct maqet_plugin_header header;
    const char *name;
    const char *summary;
    const char *version;
    const char *author;
    const char *url;
    const struct maqet_option *options;
    uint32_t flags;
    uint32_t media;

    const char *format;
    const char *interface;
    const char *path_option;
    const char *size_option;
    const char *readonly_option;
    enum maqet_creation creation;

    int (*open)(const struct maqet_drive *drive, void **handle, struct maqet_error **err);
    void (*close)(const struct maqet_drive *drive, void *handle);
    int (*validate)(const struct maqet_drive *drive, struct maqet_error **err);
    int (*space)(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
                 struct maqet_error **err);
    int (*create)(const struct maqet_drive *drive, const char *path,
                  struct maqet_error **err);
    int (*inspect)(const struct maqet_drive *drive, int fd, struct maqet_image *image,
                   struct maqet_error **err);
    int (*holders)(const struct maqet_drive *drive, struct maqet_holders *holders,
                   struct maqet_error **err);
    struct maqet_command *(*helper)(const struct maqet_drive *drive,
                                    struct maqet_error **err);
    int (*resize)(const struct maqet_drive *drive, uint64_t bytes,
                  struct maqet_error **err);
    int (*live_resize)(const struct maqet_drive *drive, uint64_t bytes,
                       struct maqet_actions *actions, struct maqet_error **err);
    int (*emit_args)(const struct maqet_drive *drive, struct maqet_args *args,
                     struct maqet_error **err);
    int (*check)(const struct maqet_drive *drive, enum maqet_check_depth depth,
                 struct maqet_check_report *report, struct maqet_error **err);
    int (*remove)(const struct maqet_drive *drive, struct maqet_error **err);
    int (*ended)(const struct maqet_drive *drive, struct maqet_error **err);

    const struct maqet_snapshot_table *snapshot;
    const struct maqet_overlay_table *overlay;
};

/**
 * struct maqet_capacity - how many drives an interface takes on a machine type. Opaque.
 *
 * Since: 0.1
 */
struct maqet_capacity;

/**
 * maqet_capacity_builtin - report how many drives fit on what the machine has by itself.
 *
 * Without this call it is none.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_capacity_builtin(struct maqet_capacity *capacity, uint32_t drives);

/**
 * maqet_capacity_controllers - report the controllers that can be added.
 * @capacity: the capacity.
 * @controllers: how many can be added at most.
 * @drives: how many drives fit on each; not 0.
 *
 * Without this call none is needed or possible, and the built-in places are all there is.
 *
 * Since: 0.1
 */
MAQET_EXPORT void maqet_capacity_controllers(struct maqet_capacity *capacity,
                                             uint32_t controllers, uint32_t drives);

/**
 * struct maqet_slot - where the core puts a drive. Opaque.
 *
 * Since: 0.1
 */
struct maqet_slot;

/**
 * maqet_slot_controller - the id of the added controller; NULL: the machine's own.
 *
 * Since: 0.1
 */
MAQET_EXPORT const char *maqet_slot_controller(const struct maqet_slot *slot);

/**
 * maqet_slot_index - the place on that controller, from 0.
 *
 * Since: 0.1
 */
MAQET_EXPORT uint32_t maqet_slot_index(const struct maqet_slot *slot);

/**
 * enum maqet_iface_flag - what an interface can besides its callbacks.
 * @MAQET_IFACE_HOTPLUG: its devices can be added to a QEMU that runs, and removed, on the
 *   machine's own places and on those of controllers that are there.
 * @MAQET_IFACE_PCI: what it emits without a "bus", devices and controllers, takes the next free
 *   address of the machine's PCI bus each. The core then keeps the addresses of all drives when
 *   one is removed.
 * @MAQET_IFACE_HOTPLUG_CONTROLLER: its controllers can be added to a QEMU that runs, too.
 *
 * Since: 0.1
 */
enum maqet_iface_flag {
    MAQET_IFACE_HOTPLUG = 1,
    MAQET_IFACE_PCI = 2,
    MAQET_IFACE_HOTPLUG_CONTROLLER = 4
};

/**
 * struct maqet_iface_plugin - how a drive is attached.
 * @header: MAQET_IFACE_PLUGIN_HEADER.
 * @name: the word for `interface:` in the YAML, as in the file's name.
 * @summary: one line for people.
 * @version: as in struct maqet_storage_plugin, like the next two.
 * @author: who answers for it.
 * @url: where to find more about it.
 * @options: the keys that a drive on this interface may have besides its storage's.
 * @flags: those MAQET_IFACE_ values that apply, combined by a bitwise or.
 * @media: the bitwise or of the MAQET_MEDIA_ values that it can show; 0: disks only.
 *
 * @validate: checks what the option table can't say; optional.
 * @capacity: how many drives fit on the drive's machine type; needed.
 * @emit_controller: appends one more controller with the given id; needed when @capacity
 *   ever reports controllers.
 * @emit_device: appends the device that shows the node maqet_drive_node() to the guest; its
 *   id is the drive's name; needed. An empty CD-ROM drive (maqet_drive_empty()) has no node.
 *
 * Since: 0.1
 */
struct maqet_iface_plugin {
    struct maqet_plugin_header header;
    const char *name;
    const char *summary;
    const char *version;
    const char *author;
    const char *url;
    const struct maqet_option *options;
    uint32_t flags;
    uint32_t media;

    int (*validate)(const struct maqet_drive *drive, struct maqet_error **err);
    int (*capacity)(const struct maqet_drive *drive, struct maqet_capacity *capacity,
                    struct maqet_error **err);
    int (*emit_controller)(const struct maqet_drive *drive, const char *id,
                           struct maqet_args *args, struct maqet_error **err);
    int (*emit_device)(const struct maqet_drive *drive, const struct maqet_slot *slot,
                       struct maqet_args *args, struct maqet_error **err);
};

/**
 * MAQET_STORAGE_PLUGIN_HEADER - the value of .header in a struct maqet_storage_plugin.
 * MAQET_IFACE_PLUGIN_HEADER - the same in a struct maqet_iface_plugin.
 *
 * Since: 0.1
 */
#define MAQET_STORAGE_PLUGIN_HEADER                                                       \
    {                                                                                     \
        sizeof(struct maqet_storage_plugin), MAQET_PLUGIN_ABI, MAQET_PLUGIN_KIND_STORAGE, \
            sizeof(struct maqet_option)                                                   \
    }
#define MAQET_IFACE_PLUGIN_HEADER                                                         \
    {                                                                                     \
        sizeof(struct maqet_iface_plugin), MAQET_PLUGIN_ABI, MAQET_PLUGIN_KIND_IFACE,     \
            sizeof(struct maqet_option)                                                   \
    }

/**
 * MAQET_REGISTER_STORAGE_PLUGIN - export a storage plugin; once, at the end of the file.
 * MAQET_REGISTER_IFACE_PLUGIN - export an interface plugin.
 *
 * Since: 0.1
 */
#define MAQET_REGISTER_STORAGE_PLUGIN(plugin)                                            \
    MAQET_ENTRY const struct maqet_storage_plugin *maqet_storage_plugin(void);           \
    MAQET_ENTRY const struct maqet_storage_plugin *maqet_storage_plugin(void)            \
    {                                                                                    \
        return &(plugin);                                                                \
    }
#define MAQET_REGISTER_IFACE_PLUGIN(plugin)                                              \
    MAQET_ENTRY const struct maqet_iface_plugin *maqet_iface_plugin(void);               \
    MAQET_ENTRY const struct maqet_iface_plugin *maqet_iface_plugin(void)                \
    {                                                                                    \
        return &(plugin);                                                                \
    }

#ifdef __cplusplus
}
#endif

#endif
