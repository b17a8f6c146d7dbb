/* SPDX-License-Identifier: MIT */
/*
 * check_file.c - the plugin's file (elf(5)): only what maqet calls runs, and no symbol
 * can collide with another plugin's.
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/constructors.h"
#include "core/plugin/describe.h"

enum { FILE_LIMIT = 256 << 20 };

struct elf {
    const char *bytes;
    size_t size;
    ElfW(Ehdr) header;
};

/* A part of the file; NULL: it is beyond the end. */
static const void *
bytes_at(const struct elf *elf, uint64_t offset, uint64_t size)
{
    return offset <= elf->size && size <= elf->size - offset ? elf->bytes + offset : NULL;
}

/* Copies the @index-th struct of a table, which may not be aligned. */
static bool
read_row(const struct elf *elf, uint64_t table, uint64_t index, void *row, size_t size)
{
    const void *bytes = bytes_at(elf, table + index * size, size);

    if (bytes)
        memcpy(row, bytes, size);
    return bytes;
}

static bool
read_section(const struct elf *elf, unsigned index, ElfW(Shdr) * section)
{
    return index < elf->header.e_shnum &&
           read_row(elf, elf->header.e_shoff, index, section, sizeof(*section));
}

/* ---- symbols ---- */

/* What linkers and compilers add begins with an underscore. */
static bool
is_foreign(const char *name, const char *entry)
{
    return name[0] && name[0] != '_' && strcmp(name, entry) != 0;
}

static const char *
name_at(const struct elf *elf, const ElfW(Shdr) * names, uint64_t offset)
{
    const char *table = bytes_at(elf, names->sh_offset, names->sh_size);

    return table && offset < names->sh_size &&
                   memchr(table + offset, 0, names->sh_size - offset)
               ? table + offset
               : "";
}

/* The dynamic symbols. */
struct symbols {
    const char *foreign; /* the first that is exported besides the entry; NULL: none */
    bool instrumented;   /* compiled with a sanitizer, which adds constructors */
};

static void
read_table(const struct elf *elf, const ElfW(Shdr) * table, const char *entry,
           struct symbols *symbols)
{
    ElfW(Shdr) names = {0};
    ElfW(Sym) symbol;

    if (!read_section(elf, table->sh_link, &names))
        return;
    for (uint64_t i = 0; i < table->sh_size / sizeof(symbol); i++) {
        if (!read_row(elf, table->sh_offset, i, &symbol, sizeof(symbol)))
            return;
        const char *name = name_at(elf, &names, symbol.st_name);
        if (symbol.st_shndx == SHN_UNDEF && strstr(name, "san_init"))
            symbols->instrumented = true;
        if (symbol.st_shndx != SHN_UNDEF && is_foreign(name, entry) && !symbols->foreign)
            symbols->foreign = name;
    }
}

static void
read_symbols(const struct elf *elf, const char *entry, struct symbols *symbols)
{
    for (unsigned i = 0; i < elf->header.e_shnum; i++) {
        ElfW(Shdr) table;

        if (read_section(elf, i, &table) && table.sh_type == SHT_DYNSYM)
            read_table(elf, &table, entry, symbols);
    }
}

/* ---- the dynamic section ---- */

struct dynamic {
    struct constructors constructors;
    uint64_t rows[2]; /* where in the file it names function and count; 0: it doesn't */
    uint64_t destructors;
    bool text_relocations;
};

static void
note_row(const ElfW(Dyn) * row, uint64_t offset, struct dynamic *dynamic)
{
    struct constructors *constructors = &dynamic->constructors;

    switch (row->d_tag) {
    case DT_INIT:
        constructors->function = row->d_un.d_ptr;
        dynamic->rows[0] = offset;
        break;
    case DT_INIT_ARRAY:
        constructors->array = row->d_un.d_ptr;
        break;
    case DT_INIT_ARRAYSZ:
        constructors->count = row->d_un.d_val / sizeof(void *);
        dynamic->rows[1] = offset;
        break;
    case DT_FINI_ARRAYSZ:
        dynamic->destructors = row->d_un.d_val / sizeof(void *);
        break;
    case DT_TEXTREL:
        dynamic->text_relocations = true;
        break;
    case DT_FLAGS:
        dynamic->text_relocations |= (row->d_un.d_val & DF_TEXTREL) != 0;
        break;
    }
}

static void
read_dynamic(const struct elf *elf, const ElfW(Phdr) * header, struct dynamic *dynamic)
{
    ElfW(Dyn) row;

    for (uint64_t i = 0; i < header->p_filesz / sizeof(row); i++) {
        if (!read_row(elf, header->p_offset, i, &row, sizeof(row)) ||
            row.d_tag == DT_NULL)
            return;
        note_row(&row, header->p_offset + i * sizeof(row), dynamic);
    }
}

static int
check_constructors(const struct elf *elf, const struct dynamic *dynamic,
                   struct maqet_error **err)
{
    static const char hint[] = "Remove constructors, destructors and, in C++, variables "
                               "that have one: a plugin has no state of its own";
    /* What DT_DEBUG has means nothing in a shared object. */
    const ElfW(Dyn) instead[] = {{.d_tag = DT_DEBUG}, {.d_tag = DT_INIT_ARRAYSZ}};
    _cleanup_free_ char *copy = maqet_alloc(elf->size);
    _cleanup_free_ char *effect = NULL;

    memcpy(copy, elf->bytes, elf->size);
    for (size_t i = 0; i < sizeof(instead) / sizeof(*instead); i++)
        if (dynamic->rows[i])
            memcpy(copy + dynamic->rows[i], instead + i, sizeof(*instead));
    if (constructors_try(copy, elf->size, &dynamic->constructors, &effect, err) < 0)
        return -1;
    if (effect)
        return bench_fail(err, hint, "it runs code when it is loaded, which %s", effect);
    /* One is the compiler's own (crtbegin.o). */
    if (dynamic->destructors > 1)
        return bench_fail(err, hint, "it runs code when it is unloaded (%zu destructors)",
                          (size_t)dynamic->destructors - 1);
    return 0;
}

static int
check_segments(const struct elf *elf, bool instrumented, struct maqet_error **err)
{
    struct dynamic dynamic = {0};

    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        ElfW(Phdr) segment;

        if (!read_row(elf, elf->header.e_phoff, i, &segment, sizeof(segment)))
            break;
        if (segment.p_type == PT_DYNAMIC)
            read_dynamic(elf, &segment, &dynamic);
        if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X))
            return bench_fail(err, "Assembler files need .note.GNU-stack",
                              "it wants an executable stack");
    }
    if (dynamic.text_relocations)
        return bench_fail(err, "Compile with -fPIC", "it has text relocations");
    return instrumented ? 0 : check_constructors(elf, &dynamic, err);
}

/* ---- the check ---- */

static int
check_elf(const struct elf *elf, bool is_iface, struct maqet_error **err)
{
    const char *entry = is_iface ? "maqet_iface_plugin" : "maqet_storage_plugin";
    struct symbols symbols = {0};

    if (memcmp(elf->header.e_ident, ELFMAG, SELFMAG) != 0 ||
        elf->header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return bench_fail(err, "Build it for this machine, with -shared -fPIC",
                          "it is not an ELF file for this machine");
    if (elf->header.e_type != ET_DYN)
        return bench_fail(err, "Link it with -shared -fPIC", "it is not a shared object");
    read_symbols(elf, entry, &symbols);
    if (symbols.foreign)
        return bench_fail(err,
                          "Make everything static but the entry, or compile with "
                          "-fvisibility=hidden",
                          "it exports '%s' besides %s", symbols.foreign, entry);
    return check_segments(elf, symbols.instrumented, err);
}

static int
check_file(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *bytes = NULL;
    struct elf elf = {0};

    if (maqet_file_read(bench->file, FILE_LIMIT, &bytes, &elf.size, err) < 0)
        return -1;
    elf.bytes = bytes;
    /* If the file is shorter, the header stays zero, and is not valid. */
    read_row(&elf, 0, 0, &elf.header, sizeof(elf.header));
    return check_elf(&elf, bench->is_iface, err);
}

static int
check_loads(struct bench *bench, struct maqet_error **err)
{
    bench_doing(bench, "loading the plugin");
    return bench_load(bench, err);
}

const struct check checks_of_file[] = {
    {"file", OF_BOTH, 0, 10, check_file,
     "The file exports only its entry, and runs no code when it is loaded"},
    {"loads", OF_BOTH, 0, 20, check_loads,
     "maqet loads it: its kind, ABI, structs, name and callbacks are valid"},
    {0},
};
