/* SPDX-License-Identifier: MIT */
/*
 * migration_split.c - a stream is a header, its configuration, and sections. The section
 * "ram" begins with the sizes of all blocks of memory, and continues in parts, which consist
 * of records: a number of 64 bits with an offset and flags, the name of the block unless it
 * is that of the record before, and a page. All numbers are big-endian. A section of devices
 * has no length that could be read, but none is followed by memory.
 *
 * Bytes are kept (appended to the rest) as they are, except for the records of our block.
 */
#include "core/qemu/migration_split.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/qemu/migration_pages.h"
#include "core/qemu/migration_preamble.h"

enum {
    PAGE = MAQET_SPLIT_PAGE,
    NAME_SIZE = 256, /* a name has a length of one byte */
    U16 = sizeof(uint16_t),
    U32 = sizeof(uint32_t),
    U64 = sizeof(uint64_t),
};

/* What the next bytes are. */
enum state {
    STATE_PREAMBLE,
    STATE_SECTION, /* or the footer of a part */
    STATE_FOOTER,
    STATE_COMMAND,
    STATE_PART,
    STATE_RECORD,
    STATE_LENGTH, /* of its block's name */
    STATE_NAME,
    STATE_ZERO,
    STATE_PAGE,
    STATE_REST, /* nothing more is split */
};

struct maqet_split {
    struct maqet_split_plan plan;
    struct maqet_pages pages;
    const char *whole;

    /* The bytes that the state waits for. */
    enum state state;
    size_t need, have;
    unsigned char token[PAGE];

    /* The section "ram". */
    uint32_t section;
    bool may_have_footer; /* a part has just ended */
    bool footers;
    bool ended; /* the last part has begun */

    /* The record as it was read so far, without its page. */
    unsigned char record[U64 + 1 + NAME_SIZE];
    size_t record_length;
    uint64_t offset;
    unsigned flags;
    char name[NAME_SIZE]; /* of its block */

    /* The record before. Of another block than ours, its page as well. */
    char block[NAME_SIZE]; /* "": there was none */
    uint64_t last_offset;
    bool last_is_page;
    unsigned char last[PAGE];
};

struct maqet_split *
maqet_split_new(const struct maqet_split_plan *plan)
{
    struct maqet_split *split = calloc(1, sizeof(*split));

    if (!split)
        return NULL;
    split->plan = *plan;
    split->need = 1;
    /* At once, since some file systems reserve space behind the end of a file that grows. It is
     * done again at the end, and an error then counts. */
    int number = ftruncate(plan->memory, (off_t)plan->size);
    (void)number;
    if (maqet_pages_open(&split->pages, plan))
        return split;
    maqet_split_free(split);
    return NULL;
}

void
maqet_split_free(struct maqet_split *split)
{
    if (!split)
        return;
    maqet_pages_close(&split->pages);
    free(split);
}

const char *
maqet_split_whole(const struct maqet_split *split)
{
    return split->whole;
}

static bool
is_ours(const struct maqet_split *split, const char *name)
{
    return strcmp(name, split->plan.block) == 0;
}

/* ---- making it whole again ---- */

/* Puts the pages back, before a record or as all of a part. The next record may continue the
 * block of the one before, which is therefore repeated. */
static void
put_back(struct maqet_split *split)
{
    unsigned char length = (unsigned char)strlen(split->block);
    unsigned flag = split->last_is_page ? MAQET_RECORD_PAGE : MAQET_RECORD_ZERO;

    maqet_pages_put_back(&split->pages, split->plan.block);
    if (length == 0 || is_ours(split, split->block))
        return;
    maqet_pages_keep_number(&split->pages, split->last_offset | flag);
    maqet_pages_keep(&split->pages, &length, sizeof(length));
    maqet_pages_keep(&split->pages, split->block, length);
    maqet_pages_keep(&split->pages, split->last, split->last_is_page ? PAGE : 1);
}

/* Between two sections: the pages become a part of the section. */
static void
put_back_between(struct maqet_split *split)
{
    const unsigned char type = MAQET_STREAM_PART, footer = MAQET_STREAM_FOOTER;
    const uint32_t section = htobe32(split->section);

    maqet_pages_keep(&split->pages, &type, sizeof(type));
    maqet_pages_keep(&split->pages, &section, sizeof(section));
    put_back(split);
    maqet_pages_keep_number(&split->pages, MAQET_RECORD_EOS);
    if (split->footers) {
        maqet_pages_keep(&split->pages, &footer, sizeof(footer));
        maqet_pages_keep(&split->pages, &section, sizeof(section));
    }
}

/* From now on the stream is written as it is. What was read of it, but is not written yet,
 * comes first. */
static void
give_up(struct maqet_split *split, const char *reason)
{
    if (split->pages.any && split->state >= STATE_RECORD)
        put_back(split);
    else if (split->pages.any)
        put_back_between(split);
    maqet_pages_keep(&split->pages, split->record, split->record_length);
    maqet_pages_keep(&split->pages, split->token, split->have);
    split->have = 0;
    split->state = STATE_REST;
    split->whole = reason;
}

/* ---- from state to state ---- */

/* The functions that read what a state has waited for return NULL, or why the stream is not
 * as expected. */

/* Waits for further bytes; those that were read are done with. */
static const char *
go_on(struct maqet_split *split, enum state state, size_t need)
{
    split->state = state;
    split->need = need;
    split->have = 0;
    return NULL;
}

static const char *
keep_and_go_on(struct maqet_split *split, enum state state, size_t need)
{
    maqet_pages_keep(&split->pages, split->token, split->have);
    return go_on(split, state, need);
}

/* Waits for further bytes that belong to those that were read. */
static const char *
extend(struct maqet_split *split, enum state state, size_t need)
{
    split->state = state;
    split->need = need;
    return NULL;
}

static uint32_t
number32(const unsigned char *bytes)
{
    uint32_t big;

    memcpy(&big, bytes, sizeof(big));
    return be32toh(big);
}

static uint64_t
number64(const unsigned char *bytes)
{
    uint64_t big;

    memcpy(&big, bytes, sizeof(big));
    return be64toh(big);
}

/* ---- sections ---- */

static const char *
read_preamble(struct maqet_split *split)
{
    const char *reason;

    if (maqet_preamble_read(&split->plan, split->token, split->have, &split->section,
                            &reason)) {
        return reason ? reason : keep_and_go_on(split, STATE_RECORD, U64);
    }
    return split->have == sizeof(split->token)
               ? "its beginning is too long"
               : extend(split, STATE_PREAMBLE, split->have + 1);
}

static const char *
read_section(struct maqet_split *split)
{
    unsigned char type = *split->token;

    if (split->may_have_footer && type == MAQET_STREAM_FOOTER)
        return extend(split, STATE_FOOTER, 1 + U32);
    if (split->may_have_footer && split->footers)
        return "a section in it does not end as others do";
    if (split->ended || type == MAQET_STREAM_FULL)
        return keep_and_go_on(split, STATE_REST, 1);
    if (type == MAQET_STREAM_COMMAND)
        return extend(split, STATE_COMMAND, 1 + U16 + U16);
    return type == MAQET_STREAM_PART || type == MAQET_STREAM_END
               ? extend(split, STATE_PART, 1 + U32)
               : "a section in it is of an unexpected type";
}

static const char *
read_footer(struct maqet_split *split)
{
    if (number32(split->token + 1) != split->section)
        return "a section in it has the footer of another one";
    split->may_have_footer = false;
    split->footers = true;
    return keep_and_go_on(split, STATE_SECTION, 1);
}

/* QEMU 10.0 and later say that the last part follows (MIG_CMD_SWITCHOVER_START). */
static const char *
read_command(struct maqet_split *split)
{
    static const unsigned char switchover[] = {MAQET_STREAM_COMMAND, 0, 11, 0, 0};

    return memcmp(split->token, switchover, sizeof(switchover)) == 0
               ? keep_and_go_on(split, STATE_SECTION, 1)
               : "a command in it is not known";
}

static const char *
read_part(struct maqet_split *split)
{
    if (number32(split->token + 1) != split->section)
        return "more than the memory is saved while the guest runs";
    split->ended = *split->token == MAQET_STREAM_END;
    return keep_and_go_on(split, STATE_RECORD, U64);
}

/* ---- records ---- */

/* Adds what was read to the record, which is kept or not when it is complete. */
static const char *
record_and_go_on(struct maqet_split *split, enum state state, size_t need)
{
    memcpy(split->record + split->record_length, split->token, split->have);
    split->record_length += split->have;
    return go_on(split, state, need);
}

static const char *
read_content(struct maqet_split *split)
{
    if (is_ours(split, split->name) && split->offset >= split->plan.size)
        return "a page in it is beyond the memory";
    return split->flags & MAQET_RECORD_PAGE ? record_and_go_on(split, STATE_PAGE, PAGE)
                                            : record_and_go_on(split, STATE_ZERO, 1);
}

static const char *
read_page_record(struct maqet_split *split)
{
    if (!(split->flags & MAQET_RECORD_CONTINUE))
        return record_and_go_on(split, STATE_LENGTH, 1);
    if (!*split->block)
        return "it continues memory that it has not begun";
    memcpy(split->name, split->block, NAME_SIZE);
    return read_content(split);
}

static const char *
read_record(struct maqet_split *split)
{
    uint64_t number = number64(split->token);

    split->flags = (unsigned)(number % PAGE);
    split->offset = number - split->flags;
    switch (split->flags) {
    case MAQET_RECORD_ZERO:
    case MAQET_RECORD_ZERO | MAQET_RECORD_CONTINUE:
    case MAQET_RECORD_PAGE:
    case MAQET_RECORD_PAGE | MAQET_RECORD_CONTINUE:
        return read_page_record(split);
    case MAQET_RECORD_FLUSH:
        return keep_and_go_on(split, STATE_RECORD, U64);
    case MAQET_RECORD_EOS:
        split->may_have_footer = true;
        return keep_and_go_on(split, STATE_SECTION, 1);
    default:
        return "a record of the memory in it is of an unknown kind";
    }
}

static const char *
read_length(struct maqet_split *split)
{
    size_t length = *split->token;

    return length == 0 ? "a name in it is empty"
                       : record_and_go_on(split, STATE_NAME, length);
}

static const char *
read_name(struct maqet_split *split)
{
    memset(split->name, 0, NAME_SIZE);
    memcpy(split->name, split->token, split->have);
    return read_content(split);
}

static void
keep_record(struct maqet_split *split, const unsigned char *content, size_t length)
{
    maqet_pages_keep(&split->pages, split->record, split->record_length);
    maqet_pages_keep(&split->pages, content, length);
    memcpy(split->last, content, length);
    split->last_offset = split->offset;
    split->last_is_page = split->flags & MAQET_RECORD_PAGE;
}

/* The record is complete; @page is NULL for a page that is filled with one byte. */
static const char *
take_record(struct maqet_split *split, const unsigned char *page)
{
    if (!is_ours(split, split->name))
        keep_record(split, page ? page : split->token, page ? PAGE : 1);
    else if (!page && *split->token != 0)
        return "a page in it is filled with one byte";
    else
        maqet_pages_set(&split->pages, split->offset, page);
    memcpy(split->block, split->name, NAME_SIZE);
    split->record_length = 0;
    return go_on(split, STATE_RECORD, U64);
}

static const char *
read_zero(struct maqet_split *split)
{
    return take_record(split, NULL);
}

static const char *
read_page(struct maqet_split *split)
{
    return take_record(split, split->token);
}

/* ---- feeding ---- */

static const char *(*const readers[])(struct maqet_split *split) = {
    [STATE_PREAMBLE] = read_preamble, [STATE_SECTION] = read_section,
    [STATE_FOOTER] = read_footer,     [STATE_COMMAND] = read_command,
    [STATE_PART] = read_part,         [STATE_RECORD] = read_record,
    [STATE_LENGTH] = read_length,     [STATE_NAME] = read_name,
    [STATE_ZERO] = read_zero,         [STATE_PAGE] = read_page,
};

/* Takes @count bytes, at most what the state waits for. */
static void
take(struct maqet_split *split, const unsigned char *bytes, size_t count)
{
    /* Most bytes are pages, which need not be collected. */
    if (split->state == STATE_PAGE && count == PAGE) {
        take_record(split, bytes);
        return;
    }
    memcpy(split->token + split->have, bytes, count);
    split->have += count;
    if (split->have < split->need)
        return;
    const char *reason = readers[split->state](split);
    if (reason)
        give_up(split, reason);
}

int
maqet_split_feed(struct maqet_split *split, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    while (length > 0 && !split->pages.failed && split->state != STATE_REST) {
        size_t missing = split->need - split->have;
        size_t count = length < missing ? length : missing;

        take(split, at, count);
        at += count;
        length -= count;
    }
    maqet_pages_keep(&split->pages, at, length);
    return split->pages.failed;
}

int
maqet_split_finish(struct maqet_split *split)
{
    if (split->state != STATE_REST)
        give_up(split, "it ends early");
    maqet_pages_finish(&split->pages, split->whole != NULL);
    return split->pages.failed;
}
