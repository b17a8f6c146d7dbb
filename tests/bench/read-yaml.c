/* SPDX-License-Identifier: MIT */
/*
 * read-yaml.c - how long it takes to read a file of YAML: by libyaml alone, which makes
 * events of it, or to the tree of configuration with all its places.
 *
 * usage: read-yaml events|tree COUNT FILE
 *
 * It reads the file COUNT times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/base/files.h"
#include "core/config/yaml.h"

enum { LIMIT = 16 * 1024 * 1024 /* bytes of a file */ };

/* Returns whether it is YAML. */
static bool
read_events(const char *path)
{
    _cleanup_free_ char *text = NULL;
    yaml_parser_t parser;
    yaml_event_t event;
    bool more = true, good = true;
    size_t length;

    if (maqet_file_read(path, LIMIT, &text, &length, NULL) < 0 ||
        !yaml_parser_initialize(&parser))
        return false;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    while (good && more) {
        good = yaml_parser_parse(&parser, &event);
        more = good && event.type != YAML_STREAM_END_EVENT;
        if (good)
            yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return good;
}

static bool
read_tree(const char *path)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *tree = maqet_yaml_read(path, &error);

    if (error)
        fprintf(stderr, "%s\n", error->message);
    return tree;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: read-yaml events|tree COUNT FILE\n", stderr);
        return 2;
    }
    for (long count = strtol(argv[2], NULL, 10); count > 0; count--)
        if (!(strcmp(argv[1], "tree") == 0 ? read_tree : read_events)(argv[3]))
            return 1;
    return 0;
}
