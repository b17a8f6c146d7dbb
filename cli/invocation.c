/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"

#include <getopt.h>
#include <math.h>
#include <string.h>

/* Above all characters, so that a long option's number is never a letter. */
enum { ROW_BASE = 256 };

/* The option tables of one parse, as getopt_long wants them. */
struct parser {
    const struct command_option **rows;
    struct option *longs;
    size_t count;
    struct maqet_text letters;
};

static void
parser_clear(struct parser *parser)
{
    free(parser->rows);
    free(parser->longs);
    maqet_text_clear(&parser->letters);
}

static void
parser_add(struct parser *parser, const struct command_option *row)
{
    size_t count = parser->count++;

    parser->rows =
        maqet_realloc(parser->rows, parser->count * sizeof(struct command_option *));
    parser->longs =
        maqet_realloc(parser->longs, (parser->count + 1) * sizeof(*parser->longs));
    parser->rows[count] = row;
    parser->longs[count] = (struct option){
        .name = row->name,
        .has_arg = row->type == OPTION_SWITCH ? no_argument : required_argument,
        .val = ROW_BASE + (int)count};
    parser->longs[count + 1] = (struct option){0};
    if (row->letter)
        maqet_text_appendf(&parser->letters, "%c%s", row->letter,
                           row->type == OPTION_SWITCH ? "" : ":");
}

/*
 * "+" makes getopt stop at the first operand, "-" makes it return each operand as option
 * 1; neither looks at POSIXLY_CORRECT. The colon makes it tell a missing value from an
 * unknown option.
 */
static void
parser_fill(struct parser *parser, const struct command *command)
{
    maqet_text_append(&parser->letters, command ? "-:" : "+:");
    if (command && command->options)
        for (const struct command_option *row = command->options; row->name; row++)
            parser_add(parser, row);
    for (const struct command_option *row = global_options; row->name; row++)
        parser_add(parser, row);
}

static const struct command_option *
parser_row(const struct parser *parser, int found)
{
    if (found >= ROW_BASE)
        return parser->rows[found - ROW_BASE];
    for (size_t i = 0; i < parser->count; i++)
        if (found > 0 && parser->rows[i]->letter == found)
            return parser->rows[i];
    return NULL;
}

/* ---- faults ---- */

static void
unknown_option(const struct parser *parser, const struct command *command,
               const char *word, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings longer = MAQET_STRINGS_INIT;
    _cleanup_free_ char *name = maqet_strndup(word, strcspn(word, "="));

    for (size_t i = 0; i < parser->count; i++) {
        if (!parser->rows[i]->help)
            continue;
        maqet_strings_addf(&names, "--%s", parser->rows[i]->name);
        if (maqet_text_starts(names.items[names.count - 1], name))
            maqet_strings_add(&longer, names.items[names.count - 1]);
    }

    _cleanup_free_ char *list = maqet_strings_join(&longer, " or ");
    const char *closest = maqet_text_closest(name, &names);
    if (longer.count > 1)
        usage_error(command, err, "Option '%s' may mean %s", name, list);
    else if (closest)
        usage_error(command, err, "Unknown option '%s'; did you mean '%s'?", name,
                    closest);
    else
        usage_error(command, err, "Unknown option '%s'", name);
}

/* What getopt's '?' or ':' was about. optopt and optind are its own account of it. */
static void
fault(const struct parser *parser, const struct command *command, char **argv, int kind,
      struct maqet_error **err)
{
    const struct command_option *row = parser_row(parser, optopt);

    if (row && kind == ':')
        usage_error(command, err, "Option '--%s' needs a value: %s", row->name,
                    row->argument);
    else if (row)
        usage_error(command, err, "Option '--%s' takes no value", row->name);
    else if (optopt)
        usage_error(command, err, "Unknown option '-%c'", optopt);
    else
        unknown_option(parser, command, argv[optind - 1], err);
}

/* ---- values ---- */

static bool
read_seconds(const char *text, double *seconds)
{
    char *end;

    /* strtod alone would also take "inf", "0x10", " 5" and "-0". */
    if (text[strspn(text, "0123456789.")] || !strpbrk(text, "0123456789"))
        return false;
    *seconds = strtod(text, &end);
    return *end == '\0' && *seconds <= 1e9;
}

static void
check_choice(const struct command *command, const struct command_option *row,
             const char *value, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    for (unsigned i = 0; row->choice(i); i++)
        maqet_strings_add(&words, row->choice(i));
    if (maqet_strings_has(&words, value))
        return;

    _cleanup_free_ char *list = maqet_strings_join(&words, ", ");
    usage_error(command, err, "Option '--%s' takes one of %s, not '%s'", row->name, list,
                value);
}

static void
check_value(const struct command *command, const struct command_option *row,
            const char *value, struct maqet_error **err)
{
    double seconds;

    if (row->type == OPTION_SECONDS && !read_seconds(value, &seconds))
        usage_error(command, err, "Option '--%s' takes a number of seconds, not '%s'",
                    row->name, value);
    if (row->type == OPTION_CHOICE)
        check_choice(command, row, value, err);
}

/* ---- parsing ---- */

static void
give(struct invocation *invocation, const struct command_option *row, const char *value)
{
    size_t count = invocation->given_count++;

    invocation->given =
        maqet_realloc(invocation->given, (count + 1) * sizeof(*invocation->given));
    invocation->given[count] = (struct given){.option = row, .value = value};
}

/* Parses up to the command when none is known yet, else to the end. Returns the index of
 * the first word that was left. */
static int
parse_words(struct invocation *invocation, int argc, char **argv,
            struct maqet_error **err)
{
    _cleanup_(parser_clear) struct parser parser = {0};
    int found;

    parser_fill(&parser, invocation->command);
    optind = 0; /* getopt begins anew (getopt(3), NOTES) */
    opterr = 0;
    while ((found = getopt_long(argc, argv, parser.letters.data, parser.longs, NULL)) >=
           0) {
        struct maqet_error **first = *err ? NULL : err;
        const struct command_option *row = parser_row(&parser, found);

        if (found == 1) {
            maqet_strings_add(&invocation->operands, optarg);
        } else if (!row) {
            fault(&parser, invocation->command, argv, found, first);
        } else {
            if (row->type != OPTION_SWITCH)
                check_value(invocation->command, row, optarg, first);
            give(invocation, row, optarg);
        }
    }
    return optind;
}

int
invocation_parse(struct invocation *invocation, int argc, char **argv,
                 struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    int index = parse_words(invocation, argc, argv, &error);

    if (index < argc) {
        invocation->command = command_find(argv[index], error ? NULL : &error);
        if (invocation->command) {
            argc -= index;
            argv += index;
            for (index = parse_words(invocation, argc, argv, &error); index < argc;
                 index++)
                maqet_strings_add(&invocation->operands, argv[index]);
        }
    }
    return error ? maqet_error_move(err, error) : 0;
}

int
invocation_check_operands(const struct invocation *invocation, struct maqet_error **err)
{
    const struct command *command = invocation->command;
    size_t count = invocation->operands.count;

    if (command->all && invocation_has(invocation, command->all))
        return count == 0
                   ? 0
                   : usage_error(command, err,
                                 "Either --%s or names: both together are no request",
                                 command->all);
    if (count > command->max_operands)
        return usage_error(command, err, "Unexpected operand '%s'; usage: maqet %s %s",
                           invocation->operands.items[command->max_operands],
                           command->name, command->operands);
    if (count < command->min_operands)
        return usage_error(command, err, "Missing operand; usage: maqet %s %s",
                           command->name, command->operands);
    return 0;
}

void
invocation_clear(struct invocation *invocation)
{
    free(invocation->given);
    maqet_strings_clear(&invocation->operands);
    maqet_context_clear(&invocation->context);
    output_clear(&invocation->output);
    *invocation = INVOCATION_INIT;
}

void
invocation_show_error(struct invocation *invocation, const struct maqet_error *error)
{
    int exit_code = maqet_error_exit_code(error->code);

    output_error(&invocation->output, error);
    if (exit_code > invocation->exit_code)
        invocation->exit_code = exit_code;
}

/* ---- what was given ---- */

static const struct command_option *
row_named(const struct command_option *row, const char *name)
{
    while (row && row->name && strcmp(row->name, name) != 0)
        row++;
    return row && row->name ? row : NULL;
}

/* A command's row goes before a global one of the same name, which it widens. */
static const struct command_option *
row_of(const struct invocation *invocation, const char *name)
{
    const struct command_option *row = NULL;

    if (invocation->command)
        row = row_named(invocation->command->options, name);
    if (!row)
        row = row_named(global_options, name);
    if (!row)
        abort();
    return row;
}

/* Which row it was given by depends on where in the line it stood. */
static bool
is_given(const struct given *given, const struct command_option *row)
{
    return strcmp(given->option->name, row->name) == 0;
}

bool
invocation_knows(const struct invocation *invocation, const char *option)
{
    return (invocation->command && row_named(invocation->command->options, option)) ||
           row_named(global_options, option);
}

unsigned
invocation_count(const struct invocation *invocation, const char *option)
{
    const struct command_option *row = row_of(invocation, option);
    unsigned count = 0;

    for (size_t i = 0; i < invocation->given_count; i++)
        count += is_given(&invocation->given[i], row);
    return count;
}

bool
invocation_has(const struct invocation *invocation, const char *option)
{
    return invocation_count(invocation, option) > 0;
}

const char *
invocation_text(const struct invocation *invocation, const char *option)
{
    const struct command_option *row = row_of(invocation, option);

    for (size_t i = invocation->given_count; i > 0; i--)
        if (is_given(&invocation->given[i - 1], row))
            return invocation->given[i - 1].value;
    return row->fallback;
}

int64_t
invocation_milliseconds(const struct invocation *invocation, const char *option)
{
    const char *text = invocation_text(invocation, option);
    double seconds = 0;

    if (text)
        read_seconds(text, &seconds);
    return (int64_t)(seconds * 1000);
}

void
invocation_texts(const struct invocation *invocation, const char *option,
                 struct maqet_strings *values)
{
    const struct command_option *row = row_of(invocation, option);

    for (size_t i = 0; i < invocation->given_count; i++)
        if (is_given(&invocation->given[i], row))
            maqet_strings_add(values, invocation->given[i].value);
}
