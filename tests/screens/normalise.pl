#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# usage: normalise.pl FOLDER <SCREEN
#
# Prints a screen with fixed values in place of those that differ from run to run and from host to
# host, as wide as they are. The columns of a table that have such values get a fixed width; so do
# paths below FOLDER, whose last part is random.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

# A value for each such column, which is a number, aligned to the right, and the width.
my %column = (
    PID         => ["12345", 7],
    MEMORY      => ["64.0MB", 7],
    CPU         => ["1.0%", 6],
    "DISK/S"    => ["1.0KB", 7],
    "READ/S"    => ["0B", 7],
    "WRITE/S"   => ["0B", 7],
    UPTIME      => ["5s", 7],
    ALLOCATED   => ["200.0KB", 9],
    BEFORE      => ["200.0KB", 7],
    AFTER       => ["200.0KB", 7],
);
# The same in tables of snapshots and images.
my %size_column = (SIZE => ["200.0KB", 7], PAUSE => ["100 ms", 6]);
my ($folder) = @ARGV;
my $text = do { local $/; <STDIN> };
$text =~ s/[ ]+$//mg;
$text =~ s/\n+\z/\n/;

# ---- paths ----

# The random part, also if a line ends in it or if it is cut.
my ($random) = $folder =~ m{\.([^./]+)(?:/[^/]*)?\z} or die "not a folder of mktemp: $folder\n";
my $broken = join '(\n?)', map { quotemeta } split //, $random;
my $between = length($random) - 1;
$text =~ s/$broken/my $i = 0; no strict 'refs'; join '', map { 'X' . ($_ < $between ? ${$_ + 1} : '') } 0 .. $between/ge;
for my $length (1 .. length $random) {
    my ($head, $tail) = (substr($random, 0, $length), substr($random, -$length));
    my $x = 'X' x $length;
    $text =~ s/(maqet-screens\.)\Q$head\E…/$1$x…/g;
    $text =~ s/…\Q$tail\E\/(?=\d+x\d+\/|plugins\/)/…$x\//g;
}

# ---- IDs of backups ----

$text =~ s/\b20\d{6}T\d{6}Z\b/20260102T030405Z/g;

# ---- commands of a run ----

$text =~ s/^((?:passed|failed) +\d+ .*\()\d+\.\d s\)/${1}1.0 s)/mg;

# ---- tables ----

# The columns of lines: what two blanks in all of them separate, as a list of [begin, end].
sub columns_of {
    my @lines = @_;
    my ($width) = sort { $b <=> $a } map { length } @lines;
    my $used = '';
    for my $at (0 .. $width - 1) {
        $used .= (grep { substr($_ . ' ' x $width, $at, 1) ne ' ' } @lines) ? 'x' : ' ';
    }
    my @columns;
    push @columns, [$-[0], $+[0]] while $used =~ /x+(?: x+)*/g;
    return @columns;
}

# The same lines, in which columns with values that differ are as wide as ours.
sub table_of {
    my @lines = @_;
    my @rows = map { '' } @lines;
    for my $column (columns_of(@lines)) {
        my ($begin, $end) = @$column;
        my @cells = map { sprintf '%-*s', $end - $begin, substr($_ . ' ' x $end, $begin, $end - $begin) } @lines;
        (my $title = $cells[0]) =~ s/^ +| +$//g;
        my $fixed = ($column{$title} && ($title ne 'MEMORY' || $lines[0] !~ /PAUSE/) && $column{$title}) || ($lines[0] =~ / (?:PAUSE|LAST USED)/ && $size_column{$title});
        # What is not aligned stays as it is, and differs.
        if ($fixed && !grep { / $/ } @cells) {
            my ($value, $width) = @$fixed;
            @cells = ((sprintf '%*s', $width, $title),
                map { sprintf '%*s', $width, / -$|^-$/ ? '-' : $value } @cells[1 .. $#cells]);
        }
        $rows[$_] .= ($rows[$_] eq '' && $begin == 0 ? '' : '  ') . $cells[$_] for 0 .. $#lines;
    }
    s/ +$// for @rows;
    return @rows;
}

my @lines = split /\n/, $text;
my @result;
while (@lines) {
    my $line = shift @lines;
    if ($line !~ /^ *[A-Z][A-Z\/ ]* {2,}[A-Z]/) {
        push @result, $line;
        next;
    }
    my @table = ($line);
    push @table, shift @lines while @lines && $lines[0] =~ / {2}/;
    push @result, table_of(@table);
}
$text = join "\n", @result, '';

# ---- values ----

for ($text) {
    s/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/00000000-0000-4000-8000-000000000000/g;
    s/52:54:\n?00(?::[0-9a-f]{2}){3}/my $mac = $&; $mac =~ s,(?<=00):.*,:01:02:03,; $mac/ge;
    s/\b20[0-9]{2}-[0-9]{2}-[0-9]{2}([ T])[0-9]{2}:[0-9]{2}:[0-9]{2}/2026-01-31${1}12:00:00/g;
    s/[+-][0-9]{2}:?00\b/+0000/g if /was started at/;
    s/^(pid +)[0-9]+$/${1}12345/mg;
    s/\(PID [0-9]+\)/(PID 12345)/g;
    s/pc-q35-[0-9.]+/pc-q35-7.2/g;
    s/occupies [0-9.]+[KMG]B/occupies 64.0MB/g;
    s/^(cpu +).*$/${1}1.0% now, 10.0% since it was started/mg;
    s/^(disk\/s +).*$/${1}0B\/s read, 0B\/s written/mg;
    s/^(uptime +).*$/${1}5s/mg;
    s/^(confined +).*$/${1}landlock, seccomp, user alice/mg;
    s/127\.0\.0\.1:[0-9]{5}/127.0.0.1:40000/g;
    s/ssh -p [0-9]{5} /ssh -p 40000 /g;
    s/(Took|took|the guest for) [0-9.]+ ms\b/$1 100 ms/g;
    s/[0-9.]+([KMG]B) of memory/1.0${1} of memory/g;
    s/\([0-9.]+[KMG]B(?=[,)])/(200.0KB/g;
}
# What doctor says of the host.
if ($text =~ /^\$ maqet doctor/) {
    $text =~ s/^(?:ok|warning|error) +(?! |\d+ storage and|Images without|Nothing is left).*\n(?: .*\n)*//mg;
    $text =~ s/^\(exit status.*\n//mg;
}
print $text;
