# SPDX-License-Identifier: MIT
# Completion for maqet in bash (4 or later). It knows no command and no option: it asks the
# program what may come next, with the hidden option --complete.

# Adds those lines of its input that begin with the word. They are compared as they are and
# quoted for the command line: bash would run what stands in the words of `compgen -W`.
_maqet_add_words() {
    local current=$1 line

    while IFS= read -r line; do
        [[ -n $line && ${line:0:${#current}} == "$current" ]] || continue
        printf -v line %q "$line"
        COMPREPLY+=("$line")
    done
}

# Adds the lines of its input, the names of files, which bash quotes.
_maqet_add_files() {
    local -a lines

    mapfile -t lines
    COMPREPLY+=("${lines[@]}")
}

# Adds the first column of what maqet says, for scripts, to these arguments.
_maqet_add_column() {
    local current=$1

    shift
    _maqet_add_words "$current" < <("$maqet" --format plain "$@" 2>/dev/null | cut -f 1)
}

# Adds what an operand or an option's value of this kind may be. The operands before it follow.
_maqet_kind() {
    local kind=$1 current=$2

    case $kind in
    VM)
        _maqet_add_column "$current" ls
        ;;
    VM-OR-FILE)
        _maqet_kind VM "$current"
        _maqet_kind FILE "$current"
        ;;
    DRIVE)
        _maqet_add_words "$current" < <("$maqet" --format plain status "$3" 2>/dev/null |
            sed -n 's/^storage\t\([^\t]*\).*/\1/p')
        ;;
    SNAPSHOT)
        # Without a drive, those of all.
        _maqet_add_column "$current" snapshot "${@:3:1}" list "${@:4:1}"
        ;;
    CHECKPOINT)
        _maqet_add_column "$current" checkpoint "$3" list
        ;;
    IMAGE)
        _maqet_add_column "$current" storage ls
        ;;
    PLUGIN)
        _maqet_add_column "$current" plugin list
        ;;
    COMMAND)
        _maqet_add_words "$current" < <("$maqet" --list-commands | cut -f 1)
        ;;
    FILE)
        compopt -o filenames 2>/dev/null
        _maqet_add_files < <(compgen -f -X '!*.yaml' -- "$current")
        _maqet_add_files < <(compgen -f -X '!*.yml' -- "$current")
        _maqet_add_files < <(compgen -d -- "$current")
        ;;
    PATH)
        compopt -o filenames 2>/dev/null
        _maqet_add_files < <(compgen -f -- "$current")
        ;;
    DIR)
        compopt -o filenames 2>/dev/null
        _maqet_add_files < <(compgen -d -- "$current")
        ;;
    PROGRAM)
        _maqet_add_files < <(compgen -c -- "$current")
        ;;
    *'|'*)
        _maqet_add_words "$current" < <(tr '|' '\n' <<<"$kind")
        ;;
    esac
}

_maqet() {
    local maqet=$1 current=$2 row i
    local -a words=() rows=() fields=()
    local IFS=$' \t\n'

    COMPREPLY=()
    # "--format=js" comes in three words where "=" breaks words.
    [[ $current != "=" ]] || current=
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != "=" || ${#words[@]} -eq 0 ]]; then
            words+=("${COMP_WORDS[i]}")
        elif ((++i < COMP_CWORD)); then
            words[${#words[@]} - 1]+="=${COMP_WORDS[i]}"
        fi
    done

    mapfile -t rows < <("$maqet" --complete "${words[@]}" 2>/dev/null)
    for row in "${rows[@]}"; do
        if [[ $row == -* ]]; then
            [[ $current != -* ]] || _maqet_add_words "$current" <<<"$row"
        elif [[ $current != -* ]]; then
            IFS=$'\t' read -r -a fields <<<"$row"
            _maqet_kind "${fields[0]}" "$current" "${fields[@]:1}"
        fi
    done
}

complete -F _maqet maqet
