# SPDX-License-Identifier: MIT
# Completion for maqet in bash (4 or later). It knows no command and no option: it asks the
# program, with the hidden options --list-commands and --list-options.

# Adds the lines of its input to the replies; a name may have spaces in it.
_maqet_add() {
    local -a lines

    mapfile -t lines
    COMPREPLY+=("${lines[@]}")
}

# Adds what an operand or an option's value of this kind may be.
_maqet_kind() {
    local kind=$1 current=$2

    case $kind in
    VM)
        _maqet_add < <(compgen -W "$("$maqet" ls --format plain 2>/dev/null | cut -f 1)" \
            -- "$current")
        ;;
    COMMAND)
        _maqet_add < <(compgen -W "$("$maqet" --list-commands | cut -f 1)" -- "$current")
        ;;
    FILE)
        compopt -o filenames 2>/dev/null
        _maqet_add < <(compgen -f -X '!*.yaml' -- "$current")
        _maqet_add < <(compgen -f -X '!*.yml' -- "$current")
        _maqet_add < <(compgen -d -- "$current")
        ;;
    DIR)
        compopt -o filenames 2>/dev/null
        _maqet_add < <(compgen -d -- "$current")
        ;;
    *'|'*)
        _maqet_add < <(compgen -W "${kind//|/ }" -- "$current")
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
        _maqet_add < <(compgen -W "$(printf '%s\n' "${rows[@]%%=*}" | grep '^-')" \
            -- "$current")
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
