# SPDX-License-Identifier: MIT
# Looks at what maqet printed, without a word of maqet's own about it.
#
#   perl foreign-text.pl harmless FILE...    it is UTF-8, and nothing in it drives a terminal or
#                                            could be taken for a message of maqet's own
#   perl foreign-text.pl harmless-json FILE...  and each line, or all of it, is JSON
#   perl foreign-text.pl names FORMAT FILE   the texts below "name", each with NUL behind it
use strict;
use warnings;
use Encode ();
use JSON::PP ();

# What was printed, as characters.
sub characters {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    my $bytes = <$in> // '';
    return eval { Encode::decode('UTF-8', $bytes, Encode::FB_CROAK) } // die "$file: no UTF-8\n";
}

sub harmless {
    my ($file) = @_;
    my $text = characters($file);
    # Unicode's own properties: controls but for line feeds and tabs, formats (bidi, joiners),
    # line and paragraph separators.
    if ($text =~ /([^\P{Cc}\n\t]|\p{Cf}|\p{Zl}|\p{Zp})/) {
        die sprintf "%s: U+%04X is printed\n", $file, ord $1;
    }
    die "$file: a line of somebody else's looks like ours\n" if $text =~ /^(ERROR|WARNING): forged/m;
    die "$file: ", length $text, " characters\n" if length $text > 600_000;
}

# A byte that is no character stands there as U+FFFD and two digits.
sub bytes {
    my ($text) = @_;
    return join '', map { /^\x{fffd}(..)$/ ? chr hex $1 : Encode::encode('UTF-8', $_) }
        $text =~ /(\x{fffd}[0-9a-f]{2}|.)/gs;
}

sub documents {
    my ($format, $file) = @_;
    my $text = characters($file);
    require YAML::PP if $format eq 'yaml';
    return YAML::PP->new->load_string($text) if $format eq 'yaml';
    return () if $text eq '';
    my $json = JSON::PP->new->allow_nonref;
    my $all = eval { $json->decode($text) };
    return $@ ? map({ $json->decode($_) } split /\n/, $text) : $all;
}

my ($what, @files) = @ARGV;
binmode STDOUT, ':raw';
if ($what eq 'harmless') {
    harmless($_) for @files;
} elsif ($what eq 'harmless-json') {
    for (@files) {
        harmless($_);
        documents('json', $_);
    }
} elsif ($what eq 'names') {
    my ($rows) = documents(@files);
    print bytes($_->{name}), "\0" for @$rows;
} else {
    die "unknown: $what\n";
}
