/* SPDX-License-Identifier: MIT */
/* The structs of commands and of their actions: what the help, the manual and the completion rely on. */
#include <string.h>

#include "cli/invocation.h"
#include "cli/words.h"
#include "tests/unit/unit.h"

/* Calls it with each command that does something: those without actions, and actions. */
static void
for_each(void (*check)(const struct command *command))
{
    for (const struct command *const *command = all_commands; *command; command++) {
        if (!(*command)->actions)
            check(*command);
        for (const struct command *action = (*command)->actions; action && action->name;
             action++)
            check(action);
    }
}

static void
check_phrase(const char *phrase)
{
    CU_ASSERT_TRUE(strlen(phrase) > 0);
    CU_ASSERT_PTR_NULL(strchr(phrase, '\n'));
    CU_ASSERT_NOT_EQUAL(phrase[strlen(phrase) - 1], '.');
}

static void
check_row(const struct command_option *row)
{
    CU_ASSERT_EQUAL(row->type == OPTION_SWITCH, row->argument == NULL);
    CU_ASSERT_EQUAL(row->type == OPTION_CHOICE, row->choice != NULL);
    if (row->help)
        check_phrase(row->help);
}

/* Whether a row takes all words that another one does, and more. */
static bool
widens(const struct command_option *row, const struct command_option *other)
{
    for (unsigned i = 0; other->choice && other->choice(i); i++)
        if (!row->choice || !row->choice(i) ||
            strcmp(row->choice(i), other->choice(i)) != 0)
            return false;
    return other->choice != NULL;
}

/* Two tables that are parsed together have no name and no letter in common, unless a
 * command's row widens the global one. */
static void
check_distinct(const struct command_option *row, const struct command_option *others)
{
    const struct command_option *table = others;

    for (; others->name; others++) {
        if (others == row)
            continue;
        CU_ASSERT_TRUE(strcmp(row->name, others->name) != 0 ||
                       (table == global_options && widens(row, others)));
        CU_ASSERT_TRUE(!row->letter || row->letter != others->letter);
    }
}

static void
check_options(const struct command *command)
{
    CU_ASSERT_PTR_NULL(command->options[OPTIONS_MAX].name);
    for (const struct command_option *row = command->options; row->name; row++) {
        check_row(row);
        CU_ASSERT_PTR_NOT_NULL(row->help);
        check_distinct(row, command->options);
        check_distinct(row, global_options);
    }
}

static void
test_options(void)
{
    for (const struct command_option *row = global_options; row->name; row++) {
        check_row(row);
        check_distinct(row, global_options);
    }
    for_each(check_options);
}

/* Whether two rows are read from a command line in the same way. */
static bool
reads_alike(const struct command_option *row, const struct command_option *other)
{
    return row->letter == other->letter &&
           (row->type == OPTION_SWITCH) == (other->type == OPTION_SWITCH);
}

/* A command line is read before its action is known. */
static void
test_options_of_actions(void)
{
    for (const struct command *const *command = all_commands; *command; command++)
        for (const struct command *action = (*command)->actions; action && action->name;
             action++)
            for (const struct command_option *row = action->options; row->name; row++)
                CU_ASSERT_TRUE(reads_alike(row, command_option(*command, row->name)));
}

static void
check_words(const struct command *command)
{
    check_phrase(command->summary);
    CU_ASSERT_TRUE(command->run || command->run_each);
}

static void
test_words(void)
{
    for_each(check_words);
    for (const struct command *const *command = all_commands; *command; command++) {
        const char *meant;

        CU_ASSERT_PTR_EQUAL(
            invocation_find_command(&INVOCATION_INIT, (*command)->name, &meant, NULL),
            *command);
        CU_ASSERT_PTR_NULL(meant);
        check_phrase((*command)->summary);
        CU_ASSERT_TRUE(strlen((*command)->description) > 0);
        if (!(*command)->actions)
            continue;
        /* What an action has, its command has not. */
        CU_ASSERT_TRUE(!(*command)->run && !(*command)->run_each);
        CU_ASSERT_PTR_NULL((*command)->options->name);
        CU_ASSERT_PTR_NULL((*command)->examples->command);
        for (const struct command *action = (*command)->actions; action->name; action++) {
            CU_ASSERT_PTR_EQUAL(command_action(*command, action->name), action);
        }
    }
}

/* A word of other tools is no command of ours; one that runs something does not discard
 * anything, and any other has hints. */
static void
test_other_words(void)
{
    for (const struct word *word = all_words; word->word; word++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        const char *meant;
        const struct command *command =
            invocation_find_command(&INVOCATION_INIT, word->word, &meant, &error);

        for (const struct command *const *each = all_commands; *each; each++)
            CU_ASSERT_STRING_NOT_EQUAL((*each)->name, word->word);
        CU_ASSERT_PTR_EQUAL(word_find(word->word), word);
        if (!word->command) {
            CU_ASSERT_PTR_NULL(command);
            CU_ASSERT_TRUE(error && error->hints.count > 0 && word->hints[0]);
            continue;
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(command);
        UNIT_SAME(command->name, word->command);
        UNIT_SAME(meant, word->action);
        CU_ASSERT_FALSE(command->discards);
        if (word->action) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(command_action(command, word->action));
            CU_ASSERT_FALSE(command_action(command, word->action)->discards);
        }
    }
}

/* Each field says what it is, and no key stands for two. */
static void
check_fields(const struct maqet_fields *fields)
{
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        CU_ASSERT_PTR_EQUAL(maqet_field_find(fields, field->key), field);
        CU_ASSERT_PTR_NOT_NULL_FATAL(field->help);
        check_phrase(field->help);
        /* One that has others of its kind below it is the same again. */
        if (field->value.fields && field->value.fields != fields)
            check_fields(field->value.fields);
    }
}

/* Each "{key}" of a sentence is a field. */
static void
check_sentence(const struct view *view)
{
    for (const char *at = view->sentence; at && (at = strchr(at, '{'));) {
        _cleanup_free_ char *key = maqet_strndup(at + 1, strcspn(at + 1, "}"));

        CU_ASSERT_PTR_NOT_NULL(maqet_field_find(view->table.fields, key));
        at += strlen(key) + 2;
    }
}

/* docs/json.md can tell what comes of it, and --format plain and table can show it. */
static void
check_view(const struct command *command)
{
    static const char *const without[] = {"console", "exec", "help", "logs",
                                          "run",     "ssh",  NULL};
    const struct view *view = command->view;

    if (!view) {
        CU_ASSERT_TRUE(maqet_text_is_one_of(command->name, without));
        return;
    }
    CU_ASSERT_TRUE(view->table.fields || view->remark);
    if (!view->table.fields)
        return;
    check_fields(view->table.fields);
    check_sentence(view);
    for (const char *at = view->table.columns; *at; at += strspn(at, " ")) {
        _cleanup_free_ char *key = maqet_strndup(at, strcspn(at, " "));

        CU_ASSERT_TRUE(*key == '=' || maqet_field_find(view->table.fields, key));
        at += strlen(key);
    }
}

static void
test_views(void)
{
    for_each(check_view);
}

/* Only the last operands may be left out, and only the very last one be repeated; where
 * --all stands for one, there is that option. */
static void
check_operands(const struct command *command)
{
    bool optional = false;

    for (const unsigned *operand = command->operands; *operand; operand++) {
        CU_ASSERT_TRUE(!optional || (*operand & OPERAND_OPTIONAL));
        optional = *operand & OPERAND_OPTIONAL;
        CU_ASSERT_TRUE(!(*operand & OPERAND_REPEATED) || !operand[1]);
        CU_ASSERT_TRUE(!(*operand & OPERAND_OR_ALL) || command_option(command, "all"));
    }
}

static void
test_operands(void)
{
    for_each(check_operands);
    for (const struct command *const *command = all_commands; *command; command++)
        for (size_t i = 0; (*command)->actions && (*command)->operands[i]; i++)
            CU_ASSERT_FALSE((*command)->operands[i] &
                            (OPERAND_OPTIONAL | OPERAND_REPEATED | OPERAND_OR_ALL));
    for (unsigned kind = OPERAND_NONE; kind < OPERAND_KINDS; kind++)
        CU_ASSERT_PTR_NOT_NULL(operand_completion(kind));
}

/* Splits at spaces outside of single quotes, as far as examples need it. */
static int
split(char *line, char **argv, int max)
{
    int argc = 0;

    while (*line && argc < max) {
        char end = *line == '\'' ? '\'' : ' ';

        line += end == '\'';
        argv[argc++] = line;
        line += strcspn(line, end == '\'' ? "'" : " ");
        if (*line)
            *line++ = '\0';
        line += strspn(line, " ");
    }
    return argc;
}

/* Examples are command lines that parse. */
static void
check_examples(const struct command *command)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(command->examples[0].command);
    CU_ASSERT_PTR_NULL(command->examples[EXAMPLES_MAX].command);
    for (const struct command_example *example = command->examples; example->command;
         example++) {
        _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
        _cleanup_error_ struct maqet_error *error = NULL;
        _cleanup_free_ char *line =
            maqet_strndup(example->command, strcspn(example->command, "|>"));
        char *argv[16] = {NULL};
        int argc = split(line, argv, 15);

        char **words = argv; /* behind assignments, such as EDITOR=nano */
        while (argc > 1 && strchr(*words, '=')) {
            words++;
            argc--;
        }
        UNIT_SAME(words[0], "maqet");
        CU_ASSERT_EQUAL(invocation_parse(&invocation, argc, words, &error), 0);
        CU_ASSERT_PTR_EQUAL_FATAL(invocation.command, command);
        CU_ASSERT_EQUAL(operands_check(&invocation, &error), 0);
        check_phrase(example->what);
    }
}

/* What a signal does has been decided for each, and what is undone is said. */
static void
check_signals(const struct command *command)
{
    if (command->undoes == command->endable)
        printf("    %s: decide what a signal does: undoes or endable?\n", command->name);
    CU_ASSERT_NOT_EQUAL(command->undoes, command->endable);
    CU_ASSERT_TRUE(command->undoes || !command->undone);
    CU_ASSERT_TRUE(command->undoes || !command->discards);
    if (command->undone)
        check_phrase(command->undone);
}

static void
test_signals(void)
{
    for_each(check_signals);
}

static void
test_examples(void)
{
    for_each(check_examples);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"option tables", test_options},
        {"options of actions", test_options_of_actions},
        {"names and summaries", test_words},
        {"words of other tools", test_other_words},
        {"views", test_views},
        {"operands", test_operands},
        {"signals", test_signals},
        {"examples", test_examples},
        CU_TEST_INFO_NULL,
    };

    return unit_run("commands", tests);
}
