# SPDX-License-Identifier: MIT
# Completion for maqet in bash (4 or later). It knows no command and no option: it asks the
# program, with the hidden options --list-commands and --list-options.

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

# Adds what an operand or an option's value of this kind may be.
_maqet_kind() {
    local kind=$1 current=$2

    case $kind in
    VM)
        _maqet_add_words "$current" < <("$maqet" ls --format plain 2>/dev/null | cut -f 1)
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
    DIR)
        compopt -o filenames 2>/dev/null
        _maqet_add_files < <(compgen -d -- "$current")
        ;;
    *'|'*)
        _maqet_add_words "$current" < <(tr '|' '\n' <<<"$kind")
        ;;
    esac
}

_maqet() {
    local maqet=$1 current=$2 previous=$3 command="" word i
    local -a rows=()
    local IFS=$' \t\n'

    COMPREPLY=()
    # "--format=js" comes in three words where "=" breaks words.
    if [[ $current == "=" ]]; then
        current=
    elif [[ $previous == "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    # The command is the first word that is a command's name.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        mapfile -t rows < <("$maqet" --list-options "$word" 2>/dev/null)
        if [[ $word != -* && ${#rows[@]} -gt 0 ]]; then
            command=$word
            break
        fi
    done
    [[ -n $command ]] || mapfile -t rows < <("$maqet" --list-options help)

    # A value of the option before it.
    for word in "${rows[@]}"; do
        if [[ $word == "$previous="* ]]; then
            _maqet_kind "${word#*=}" "$current"
            return
        fi
    done
    if [[ $current == -* ]]; then
        _maqet_add_words "$current" < <(printf '%s\n' "${rows[@]%%=*}" | grep '^-')
        return
    fi
    if [[ -z $command ]]; then
        _maqet_kind COMMAND "$current"
        return
    fi
    for word in "${rows[@]}"; do
        [[ $word == -* ]] || _maqet_kind "$word" "$current"
    done
}

complete -F _maqet maqet
