#!/bin/sh
# SPDX-License-Identifier: MIT
# The kit's check 'file' tells the code that languages bring along, and that keeps no more than its
# arguments, from code of the plugin that runs before maqet calls anything.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
CC=${CC%% *}
requires "$CC"
umask 022
unset MAQET_PLUGIN_PATH

cat >plugin.c <<'EOF'
#include <stdlib.h>
#include <unistd.h>
__attribute__((__visibility__("default"))) const void *maqet_storage_plugin(void);
const void *
maqet_storage_plugin(void)
{
    return NULL;
}
#define BEFORE static void __attribute__((__constructor__, __used__))
/* As Rust's std has it. */
#ifdef KEEPS
static long count;
static char **arguments, **environment;
static int number;
BEFORE begin(int argc, char **argv, char **envp)
{
    count = number = argc;
    arguments = argv;
    environment = envp;
}
#endif
#ifdef TWO
BEFORE first(void) {}
BEFORE second(void) {}
#endif
#ifdef COUNTS
static volatile int calls;
BEFORE begin(void) { calls++; }
#endif
#ifdef CONSTANT
static volatile char state[3];
BEFORE begin(void) { state[2] = 1; }
#endif
#ifdef CALLS
BEFORE begin(void) { setenv("PLUGIN", "1", 1); }
#endif
#ifdef CALLS_LAST
BEFORE begin(void) { alarm(1); }
#endif
#ifdef KERNEL
BEFORE begin(void)
{
    long result = 39;
    __asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
}
#endif
#ifdef LOOPS
static volatile int calls;
BEFORE begin(void)
{
    while (calls == 0)
        continue;
}
#endif
#ifdef CRASHES
static int *volatile nothing;
BEFORE begin(void) { *nothing = 1; }
#endif
#ifdef ENDS
static void __attribute__((__destructor__, __used__)) end(void) { alarm(0); }
#endif
#ifdef INIT
void plugin_init(void);
static volatile int calls;
__attribute__((__visibility__("hidden"))) void plugin_init(void) { calls++; }
#endif
EOF
build() { # CASE FLAGS...
    case=$1
    shift
    mkdir "$case"
    "$CC" -O1 -fPIC -shared "-D$case" "$@" -o "$case/maqet-storage-x.so" plugin.c
    [ "$case" != STRIPPED ] || strip "$case/maqet-storage-x.so"
}
passes() { # CASE FLAGS...
    build "$@"
    expect 0 maqet plugin check "$1/maqet-storage-x.so" --only file
}
fails() { # CASE WORDS FLAGS...
    case=$1 words=$2
    shift 2
    build "$case" "$@"
    expect 1 maqet --format plain plugin check "$case/maqet-storage-x.so" --only file
    out_has "file	FAILED	$words"
    out_has "a plugin has no state of its own"
}
passes PLAIN
passes KEEPS
passes TWO
# What nothing tells of but what it does.
passes STRIPPED -DKEEPS -s
fails COUNTS "it runs code when it is loaded, which changes the plugin's variables"
fails CONSTANT "it runs code when it is loaded, which changes the plugin's variables"
fails CALLS "it runs code when it is loaded, which calls code outside of the file"
fails CALLS_LAST "it runs code when it is loaded, which calls code outside of the file" \
    -foptimize-sibling-calls
[ "$(uname -m)" != x86_64 ] ||
    fails KERNEL "it runs code when it is loaded, which makes a system call"
fails LOOPS "it runs code when it is loaded, which runs for long"
fails CRASHES "it runs code when it is loaded, which crashes"
fails ENDS "it runs code when it is unloaded (1 destructors)"
fails INIT "it runs code when it is loaded, which changes the plugin's variables" \
    -Wl,-init,plugin_init
# Without the compiler's own code, one of the plugin's is as much one as ever.
fails BARE "it runs code when it is loaded, which changes the plugin's variables" \
    -DCOUNTS -nostartfiles

if command -v g++ >/dev/null; then
    cat >plugin.cc <<'EOF'
#include <string>
#include <cstdlib>
extern "C" __attribute__((visibility("default"))) const void *
maqet_storage_plugin()
{
#ifdef GLOBAL
    static const std::string name(std::getenv("PATH"));
    return name.c_str();
#else
    return nullptr;
#endif
}
#ifndef GLOBAL
static std::string name(std::getenv("PATH"));
#endif
EOF
    mkdir global
    g++ -O1 -fPIC -shared -fvisibility=hidden -o global/maqet-storage-x.so plugin.cc
    expect 1 maqet --format plain plugin check global/maqet-storage-x.so --only file
    out_has "file	FAILED	it runs code when it is loaded, which calls code outside of the file"
fi

# Rust's std has a constructor in each file.
if command -v rustc >/dev/null && rustc --version >/dev/null 2>&1; then
    cat >plugin.rs <<'EOF'
#[no_mangle]
pub extern "C" fn maqet_storage_plugin() -> *const u8 {
    if std::env::args().count() > 99 { std::ptr::null() } else { std::ptr::null() }
}
EOF
    for flags in "" "-O" "-C strip=symbols" "-C panic=abort -O"; do
        rm -rf rust
        mkdir rust
        # shellcheck disable=SC2086 # one flag a word
        rustc --edition 2021 --crate-type cdylib $flags -o rust/maqet-storage-x.so plugin.rs
        expect 0 maqet plugin check rust/maqet-storage-x.so --only file
    done
    cat >>plugin.rs <<'EOF'
extern "C" fn begin() { std::env::set_var("PLUGIN", "1"); }
#[used]
#[link_section = ".init_array"]
static BEGIN: extern "C" fn() = begin;
EOF
    rustc --edition 2021 --crate-type cdylib -o rust/maqet-storage-x.so plugin.rs
    expect 1 maqet --format plain plugin check rust/maqet-storage-x.so --only file
    out_has "file	FAILED	it runs code when it is loaded, which calls code outside of the file"
fi
