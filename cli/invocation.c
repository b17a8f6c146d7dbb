/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"

#include <getopt.h>
#include <math.h>
#include <string.h>

#include "cli/words.h"

/* ---- errors ---- */

/* "start" or "snapshot create"; "" for the program. The caller frees. */
static char *
title_of(const struct invocation *invocation)
{
    if (!invocation || !invocation->command)
        return maqet_strdup("");
    return invocation->group == invocation->command
               ? maqet_strdup(invocation->command->name)
               : maqet_format("%s %s", invocation->group->name,
                              invocation->command->name);
}

int
usage_error(const struct invocation *invocation, struct maqet_error **err,
            const char *format, ...)
{
    _cleanup_free_ char *title = title_of(invocation);
    va_list arguments;

    va_start(arguments, format);
    maqet_error_vset(err, MAQET_ERROR_INVALID, format, arguments);
    va_end(arguments);
    maqet_error_hint(err, "Try 'maqet %s%s--help'", title, *title ? " " : "");
    return -1;
}

int
usage_error_unknown(const struct invocation *invocation, const char *what,
                    const char *word, const struct maqet_strings *known,
                    struct maqet_error **err)
{
    const char *closest = maqet_text_closest(word, known);

    return closest ? usage_error(invocation, err, "Unknown %s '%s'; did you mean '%s'?",
                                 what, word, closest)
                   : usage_error(invocation, err, "Unknown %s '%s'", what, word);
}

static const struct command *
find_by_name(const struct command *const *commands, const char *name)
{
    while (*commands && strcmp((*commands)->name, name) != 0)
        commands++;
    return *commands;
}

/* The error for a word that is no command. */
static void
error_word(const struct invocation *invocation, const char *name, const struct word *word,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    /* Of two that are equally close, our own. */
    for (const struct command *const *each = invocation->commands; *each; each++)
        if (!(*each)->discards)
            maqet_strings_add(&names, (*each)->name);
    words_that_run(&names);
    if (!word) {
        usage_error_unknown(NULL, "command", name, &names, err);
        return;
    }
    maqet_error_set(err, MAQET_ERROR_INVALID, "maqet has no command '%s'", name);
    for (size_t i = 0; i < sizeof(word->hints) / sizeof(*word->hints) && word->hints[i];
         i++)
        maqet_error_hint(err, "%s", word->hints[i]);
}

const struct command *
invocation_find_command(const struct invocation *invocation, const char *name,
                        const char **action, struct maqet_error **err)
{
    const struct command *command = find_by_name(invocation->commands, name);
    const struct word *word = command ? NULL : word_find(name);

    *action = word ? word->action : NULL;
    if (word && word->command)
        command = find_by_name(invocation->commands, word->command);
    if (!command)
        error_word(invocation, name, word, err);
    return command;
}

/* ---- getopt ---- */

/* Greater than any character, so that a long option's number is never a letter. */
enum { ROW_BASE = 256 };

/* The options of one parse, for getopt_long(3). The number of a long one is ROW_BASE plus
 * the index of its row. */
struct parser {
    const struct command *command;
    struct option *longs;
    struct maqet_text letters;
};

static void
parser_clear(struct parser *parser)
{
    free(parser->longs);
    maqet_text_clear(&parser->letters);
}

/* With "+", getopt stops at the first operand; with "-", it returns each operand as option
 * 1; neither depends on POSIXLY_CORRECT. With the colon, it distinguishes a missing value
 * from an unknown option. The action is not known yet, so it gets the options of all. */
static void
parser_fill(struct parser *parser)
{
    const struct command_option *row;
    size_t count = 0;

    maqet_text_append(&parser->letters, parser->command ? "-:" : "+:");
    for (size_t i = 0; (row = command_row(parser->command, i)); i++) {
        if (command_option(parser->command, row->name) != row)
            continue;
        parser->longs =
            maqet_realloc(parser->longs, (count + 2) * sizeof(*parser->longs));
        parser->longs[count++] = (struct option){
            .name = row->name,
            .has_arg = row->type == OPTION_SWITCH ? no_argument : required_argument,
            .val = ROW_BASE + (int)i};
        parser->longs[count] = (struct option){0};
        if (row->letter)
            maqet_text_appendf(&parser->letters, "%c%s", row->letter,
                               row->type == OPTION_SWITCH ? "" : ":");
    }
}

static const struct command_option *
parser_row(const struct parser *parser, int found)
{
    const struct command_option *row;

    if (found >= ROW_BASE)
        return command_row(parser->command, (size_t)(found - ROW_BASE));
    for (size_t i = 0; (row = command_row(parser->command, i)); i++)
        if (found > 0 && row->letter == found)
            return row;
    return NULL;
}

/* ---- faults ---- */

/* The first fault that getopt has found. Its error is set once the action is known. */
struct fault {
    int kind;                         /* '?' or ':', as from getopt; '\0': none */
    const struct command_option *row; /* NULL: an unknown option */
    int letter;                       /* of an unknown option; '\0': it is a word */
    const char *word;
    bool early; /* it precedes the command */
};

/* The options of a command, or of the program (NULL), that are not hidden. */
static void
names_of_options(const struct command *command, struct maqet_strings *names)
{
    const struct command_option *row;

    for (size_t i = 0; (row = command_row(command, i)); i++)
        if (row->help)
            maqet_strings_addf(names, "--%s", row->name);
}

static int
unknown_option(const struct invocation *invocation, const char *word,
               struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings longer = MAQET_STRINGS_INIT;
    _cleanup_free_ char *name = maqet_strndup(word, strcspn(word, "="));

    names_of_options(invocation ? invocation->command : NULL, &names);
    for (size_t i = 0; i < names.count; i++)
        if (maqet_text_starts(names.items[i], name) &&
            !maqet_strings_has(&longer, names.items[i]))
            maqet_strings_add(&longer, names.items[i]);

    _cleanup_free_ char *list = maqet_strings_join(&longer, " or ");
    return longer.count > 1
               ? usage_error(invocation, err, "Option '%s' is ambiguous: %s", name, list)
               : usage_error_unknown(invocation, "option", name, &names, err);
}

/* @invocation: NULL if the fault precedes the command. */
static int
word_fault(const struct fault *fault, const struct invocation *invocation,
           struct maqet_error **err)
{
    if (fault->row && fault->kind == ':')
        return usage_error(invocation, err, "Option '--%s' needs a value: %s",
                           fault->row->name, fault->row->argument);
    if (fault->row)
        return usage_error(invocation, err, "Option '--%s' takes no value",
                           fault->row->name);
    if (fault->letter)
        return usage_error(invocation, err, "Unknown option '-%c'", fault->letter);
    return unknown_option(invocation, fault->word, err);
}

/* The error for an option that only other actions have. */
static int
not_an_option(const struct invocation *invocation, const char *name,
              struct maqet_error **err)
{
    const struct command *group = invocation->group;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings owners = MAQET_STRINGS_INIT;
    _cleanup_free_ char *title = title_of(invocation);
    _cleanup_free_ char *word = maqet_format("--%s", name);

    for (const struct command *other = group->actions; other->name; other++)
        if (command_option(other, name))
            maqet_strings_addf(&owners, "'%s %s'", group->name, other->name);
    names_of_options(invocation->command, &names);

    _cleanup_free_ char *list = maqet_strings_join(&owners, " and ");
    const char *closest = maqet_text_closest(word, &names);
    return usage_error(invocation, err, "%s is not an option of '%s', but of %s%s%s%s",
                       word, title, list, closest ? "; did you mean '" : "",
                       closest ? closest : "", closest ? "'?" : "");
}

/* ---- values ---- */

static bool
read_seconds(const char *text, double *seconds)
{
    char *end;

    /* strtod alone would also accept "inf", "0x10", " 5" and "-0". */
    if (text[strspn(text, "0123456789.")] || !strpbrk(text, "0123456789"))
        return false;
    *seconds = strtod(text, &end);
    return *end == '\0' && *seconds <= 1e9;
}

static int
check_choice(const struct invocation *invocation, const struct command_option *row,
             const char *value, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    for (unsigned i = 0; row->choice(i); i++)
        maqet_strings_add(&words, row->choice(i));
    if (maqet_strings_has(&words, value))
        return 0;

    _cleanup_free_ char *list = maqet_strings_join(&words, ", ");
    return usage_error(invocation, err, "Option '--%s' takes one of %s, not '%s'",
                       row->name, list, value);
}

static int
check_value(const struct invocation *invocation, const struct command_option *row,
            const char *value, struct maqet_error **err)
{
    double seconds;

    if (row->type == OPTION_SECONDS && !read_seconds(value, &seconds))
        return usage_error(invocation, err,
                           "Option '--%s' takes a number of seconds, not '%s'", row->name,
                           value);
    return row->type == OPTION_CHOICE ? check_choice(invocation, row, value, err) : 0;
}

/* Checks the options that are given against the rows of the command. */
static int
check_given(struct invocation *invocation, struct maqet_error **err)
{
    for (size_t i = 0; i < invocation->given_count; i++) {
        const struct given *given = &invocation->given[i];
        const struct command_option *row =
            command_option(invocation->command, given->name);

        if (!row)
            return not_an_option(invocation, given->name, err);
        if (check_value(invocation, row, given->value, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- parsing ---- */

/* Parses up to the command, or to the end once that is known. Returns the index of the
 * first word that remains. */
static int
parse_words(struct invocation *invocation, int argc, char **argv, struct fault *fault)
{
    _cleanup_(parser_clear) struct parser parser = {.command = invocation->command};
    int found;

    parser_fill(&parser);
    optind = 0; /* starts a new scan (getopt(3), NOTES) */
    opterr = 0;
    while ((found = getopt_long(argc, argv, parser.letters.data, parser.longs, NULL)) >=
           0) {
        const struct command_option *row = parser_row(&parser, found);

        if (found == 1)
            maqet_strings_add(&invocation->operands, optarg);
        else if (row)
            *MAQET_APPEND(invocation->given, invocation->given_count) =
                (struct given){.name = row->name, .value = optarg};
        else if (!fault->kind)
            *fault = (struct fault){.kind = found,
                                    .row = parser_row(&parser, optopt),
                                    .letter = optopt,
                                    .word = argv[optind - 1]};
        if (found == ':')
            invocation->awaiting = parser_row(&parser, optopt);
    }
    return optind;
}

static void
find_action(struct invocation *invocation)
{
    struct maqet_strings *operands = &invocation->operands;
    size_t index;
    const struct command *action =
        command_named_action(invocation->group, operands, &index);

    if (!action)
        return;
    invocation->command = action;
    if (index == operands->count)
        return;
    free(operands->items[index]);
    operands->count--;
    memmove(&operands->items[index], &operands->items[index + 1],
            (operands->count - index) * sizeof(*operands->items));
}

int
invocation_parse(struct invocation *invocation, int argc, char **argv,
                 struct maqet_error **err)
{
    struct maqet_error *unknown = NULL;
    struct fault fault = {0};
    const char *action = NULL;
    int index = parse_words(invocation, argc, argv, &fault);

    fault.early = fault.kind != '\0';
    if (index < argc)
        invocation->command =
            invocation_find_command(invocation, argv[index], &action, &unknown);
    invocation->group = invocation->command;
    if (invocation->command) {
        argc -= index;
        argv += index;
        if (action)
            maqet_strings_add(&invocation->operands, action);
        for (index = parse_words(invocation, argc, argv, &fault); index < argc; index++)
            maqet_strings_add(&invocation->operands, argv[index]);
        find_action(invocation);
    }
    if (fault.kind) {
        maqet_error_free(unknown);
        return word_fault(&fault, fault.early ? NULL : invocation, err);
    }
    return unknown ? maqet_error_move(err, unknown) : check_given(invocation, err);
}

void
invocation_clear(struct invocation *invocation)
{
    free(invocation->given);
    maqet_strings_clear(&invocation->operands);
    maqet_context_clear(&invocation->context);
}

void
invocation_note_undone(const struct invocation *invocation, struct maqet_error *error)
{
    if (error && error->signal && !error->remark && invocation->command->undone)
        maqet_error_remark(&error, "%s", invocation->command->undone);
}

void
invocation_show_error(struct invocation *invocation, const struct maqet_error *error)
{
    int exit_code = maqet_error_exit_code(error->code);

    output_error(&invocation->output, error);
    if (exit_code > invocation->exit_code)
        invocation->exit_code = exit_code;
}

/* ---- options ---- */

static const struct command_option *
row_of(const struct invocation *invocation, const char *name)
{
    const struct command_option *row = command_option(invocation->command, name);

    if (!row)
        row = command_option(invocation->group, name);
    if (!row)
        abort();
    return row;
}

/* The last option of a name, or NULL. */
static const struct given *
find_given(const struct invocation *invocation, const struct command_option *row)
{
    for (size_t i = invocation->given_count; i > 0; i--)
        if (strcmp(invocation->given[i - 1].name, row->name) == 0)
            return &invocation->given[i - 1];
    return NULL;
}

bool
invocation_knows(const struct invocation *invocation, const char *option)
{
    return command_option(invocation->command, option) != NULL;
}

bool
invocation_has(const struct invocation *invocation, const char *option)
{
    return find_given(invocation, row_of(invocation, option)) != NULL;
}

const char *
invocation_text(const struct invocation *invocation, const char *option)
{
    const struct command_option *row = row_of(invocation, option);
    const struct given *given = find_given(invocation, row);

    return given ? given->value : row->fallback;
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
        if (strcmp(invocation->given[i].name, row->name) == 0)
            maqet_strings_add(values, invocation->given[i].value);
}

unsigned
invocation_choice(const struct invocation *invocation, const char *option,
                  const char *(*word)(unsigned index))
{
    _cleanup_strings_ struct maqet_strings values = MAQET_STRINGS_INIT;
    unsigned choice = 0;

    invocation_texts(invocation, option, &values);
    for (size_t i = 0; i < values.count; i++)
        for (unsigned index = 0; word(index); index++)
            if (strcmp(word(index), values.items[i]) == 0)
                choice = index;
    return choice;
}
