# SPDX-License-Identifier: MIT
#
# usage: awk -v top=FOLDER -v except=FOLDER -f published.awk TRACE
#
# Reads what `strace -f -y` has seen and says which files in a folder were published, that is,
# got their name by a rename or a link once they were complete, and which were removed. After a
# power cut a name may lead to a file without its content, and may be missing, or there again,
# unless
#
#  - the content was written to the disk (fsync) before the file got its name, and not changed
#    in between; that of a folder are the names in it;
#  - the folder was written to the disk after a name in it was made, changed or removed, and
#    before the command has ended.
#
# What breaks that is printed as "UNSAFE: ...". Names that begin with a dot are temporary. What
# is in the folder @except need not survive.

function parent(path) {
    sub(/\/[^\/]*$/, "", path)
    return path
}

function is_watched(path) {
    return index(path, top "/") == 1 && index(path, except "/") != 1
}

# Whether it may be lost: it, or a folder above it, has a name for the time being.
function is_temporary(path) {
    return index(substr(path, length(top) + 1), "/.") > 0
}

# The path of the descriptor that an argument is: 3</the/path>.
function path_of_fd(argument) {
    sub(/^[^<]*</, "", argument)
    sub(/>[^>]*$/, "", argument)
    return argument
}

# That of a name, which may be relative to a descriptor before it.
function path_of(folder, name) {
    name = substr(name, 2, length(name) - 2)
    return name ~ /^\// ? name : path_of_fd(folder) "/" name
}

function unsafe(what) {
    print "UNSAFE: " what
    faults++
}

function change_folder(path, what) {
    folder = parent(path)
    if (is_watched(path))
        changed[folder] = what " " path
}

function make_folder(path) {
    known[path] = 1
    is_folder[path] = 1
    synced[path] = 1
    if (!is_temporary(path))
        change_folder(path, "made")
}

# What was known of one name is from now on known of another one.
function move(from, to) {
    known[to] = known[from]
    is_folder[to] = is_folder[from]
    synced[to] = synced[from]
    if (from in changed)
        changed[to] = changed[from]
    delete known[from]
    delete is_folder[from]
    delete synced[from]
    delete changed[from]
}

function publish(from, to) {
    if (!is_watched(to))
        return
    print "published " to
    # What this command has neither made nor opened was there before.
    if (known[from] && !synced[from] && !is_temporary(to))
        unsafe(to " got its name before its content was on the disk")
    # What is in a folder counts when that gets its name.
    for (path in known)
        if (!is_temporary(to) && index(path, from "/") == 1 && !synced[path])
            unsafe(to " got its name before the content of " path " was on the disk")
    if (from in changed && !is_temporary(to))
        unsafe(to " got its name before that was on the disk: " changed[from])
    move(from, to)
    change_folder(to, "published")
    if (parent(from) != parent(to))
        change_folder(from, "moved away")
}

function remove(path) {
    if (!is_watched(path) || is_temporary(path))
        return
    print "removed " path
    change_folder(path, "removed")
}

{
    process = $1
    sub(/^[0-9]+ +/, "")
    # Another process's call came in between: the halves belong together.
    if (sub(/ *<unfinished \.\.\.>$/, "")) {
        begun[process] = $0
        next
    }
    if (sub(/^<\.\.\. [a-z0-9_]+ resumed>/, ""))
        $0 = begun[process] $0
    if ($0 !~ /\) += [0-9]+/)
        next
    call = substr($0, 1, index($0, "(") - 1)
    line = $0
    sub(/^[a-z0-9_]+\(/, "", line)
    sub(/\) += [0-9]+.*$/, "", line)
    split(line, argument, ", ")
}

call ~ /^open/ && line ~ /O_WRONLY|O_RDWR|O_CREAT/ {
    path = $0
    sub(/^.*\) += [0-9]+</, "", path)
    sub(/>$/, "", path)
    if (!known[path]) {
        known[path] = 1
        synced[path] = 0
    }
}
call ~ /^p?write|^ftruncate|^fallocate|^copy_file_range/ {
    path = path_of_fd(argument[call ~ /copy/ ? 3 : 1])
    known[path] = 1
    synced[path] = 0
}
call ~ /^fsync|^fdatasync/ {
    path = path_of_fd(argument[1])
    synced[path] = 1
    delete changed[path]
}
call == "mkdir" { make_folder(path_of("", argument[1])) }
call == "mkdirat" { make_folder(path_of(argument[1], argument[2])) }
call == "rename" || call == "link" { publish(path_of("", argument[1]), path_of("", argument[2])) }
call ~ /^renameat/ || call == "linkat" {
    publish(path_of(argument[1], argument[2]), path_of(argument[3], argument[4]))
}
call == "unlink" { remove(path_of("", argument[1])) }
call == "rmdir" {
    delete changed[path_of("", argument[1])]
    remove(path_of("", argument[1]))
}
call == "unlinkat" { remove(path_of(argument[1], argument[2])) }

END {
    for (folder in changed)
        if (!is_temporary(folder))
            unsafe("the folder " folder " was not written to the disk: " changed[folder])
    exit faults > 0
}
