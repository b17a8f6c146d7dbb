# SPDX-License-Identifier: MIT
# Completion for maqet in bash (4 or later). It knows no command and no option: it asks the
# program, with the hidden option --candidates, what the word at the cursor may become.

# Removes the quotes and backslashes of a word of the command line; sets REPLY. Nothing is
# expanded, and a quote need not be closed.
_maqet_unquote() {
    local word=$1 quote='' char i

    REPLY=
    for ((i = 0; i < ${#word}; i++)); do
        char=${word:i:1}
        if [[ $quote == "'" && $char != "'" ]] || [[ $quote == '"' && $char != [\"\\] ]]; then
            REPLY+=$char
        elif [[ $char == "\\" ]]; then
            ((++i))
            REPLY+=${word:i:1}
        elif [[ $char == [\"\'] ]]; then
            if [[ $quote ]]; then quote=; else quote=$char; fi
        else
            REPLY+=$char
        fi
    done
}

# Adds a candidate as it has to stand in the command line. $skip is what precedes the part of
# the word that bash replaces, and $raw that part as it was typed.
_maqet_add() {
    local word=${1:${#skip}}

    # Within quotes, bash quotes what it inserts.
    [[ $raw == [\"\']* ]] || printf -v word %q "$word"
    COMPREPLY+=("$word")
}

# Adds files or folders ($1, of compgen) after a prefix of the word ($2), whose names end with $3.
# If bash replaces the prefix, too ("=" is not in $COMP_WORDBREAKS), it must not take all of it for
# the name of a file.
_maqet_add_files() {
    local file part=${2:${#skip}}
    local -a options=("-$1")

    [[ -z $3 ]] || options+=(-X "!*.$3")
    [[ $part ]] || compopt -o filenames 2>/dev/null
    while IFS= read -r file; do
        if [[ $part && -d $file ]]; then
            file+=/
            compopt -o nospace 2>/dev/null
        fi
        [[ -z $part || $raw == [\"\']* ]] || printf -v file %q "$file"
        COMPREPLY+=("$part$file")
    done < <(compgen "${options[@]}" -- "${current:${#2}}")
}

# What is asked: the words before the cursor, joined where bash has split them at one of
# $COMP_WORDBREAKS, which is not a separator of words to the shell. Sets words and current,
# and raw: the part of the last one that bash replaces.
_maqet_split() {
    local line=${COMP_LINE:0:COMP_POINT} i word apart

    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        apart=
        while [[ $line == [[:space:]]* ]]; do
            line=${line:1}
            apart=yes
        done
        # The rest of the last word is behind the cursor.
        [[ $i -lt $COMP_CWORD ]] || word=$line
        line=${line:${#word}}
        if [[ $apart || $i -eq 0 ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        raw=$word
    done
    [[ $raw != [=:] ]] || raw=
    for i in "${!words[@]}"; do
        _maqet_unquote "${words[i]}"
        words[i]=$REPLY
    done
    current=${words[${#words[@]} - 1]}
    unset "words[${#words[@]} - 1]"
}

_maqet() {
    local maqet=$1 current raw skip line kind word rest REPLY
    local -a words

    COMPREPLY=()
    _maqet_split
    _maqet_unquote "$raw"
    skip=${current:0:${#current} - ${#REPLY}}
    # Fields may be empty, which `read` does not see where they are separated by tabs.
    while IFS= read -r line; do
        kind=${line%%$'\t'*}
        rest=${line#*$'\t'}
        word=${rest%%$'\t'*}
        rest=${rest#*$'\t'}
        case $kind in
        word)
            _maqet_add "$word"
            ;;
        part)
            _maqet_add "$word"
            compopt -o nospace 2>/dev/null
            ;;
        files)
            if [[ $rest ]]; then
                _maqet_add_files f "$word" yaml
                _maqet_add_files f "$word" yml
                _maqet_add_files d "$word" ''
            else
                _maqet_add_files f "$word" ''
            fi
            ;;
        folders)
            _maqet_add_files d "$word" ''
            ;;
        programs)
            _maqet_add_files c '' ''
            ;;
        esac
    done < <("$maqet" "--candidates=$current" "${words[@]:1}" 2>/dev/null)
}

complete -F _maqet maqet
