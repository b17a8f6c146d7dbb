# SPDX-License-Identifier: MIT
# Completion for maqet in fish (3 or later). It knows no command and no option: it asks the
# program, with the hidden option --candidates, what the word at the cursor may become.

# The files that complete the part of the word after a prefix, with that prefix again.
function __maqet_files --argument-names current prefix pattern
    set -l rest (string sub --start (math (string length -- $prefix) + 1) -- $current)
    for path in (complete -C "'' "(string escape -- $rest) | string replace --regex '\t.*' '')
        if test -z "$pattern"; or string match --quiet --regex '(/|\.yaml|\.yml)$' -- $path
            echo $prefix$path
        end
    end
end

function __maqet_candidates
    set -l current (commandline -ct | string unescape)
    set -l words (commandline -opc)
    test -n "$current"; or set current ''
    for line in ($words[1] --candidates=$current $words[2..-1] 2>/dev/null)
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case word part
                printf '%s\t%s\n' $fields[2] $fields[3]
            case files
                __maqet_files "$current" "$fields[2]" "$fields[3]"
            case folders
                __maqet_files "$current" "$fields[2]" '' | string match --regex '.*/$'
            case programs
                complete -C "$current" | string match --invert --regex '^-'
        end
    end
end

complete -c maqet -f -a '(__maqet_candidates)'
