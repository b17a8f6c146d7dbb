# SPDX-License-Identifier: MIT
# debhelper's sequence for packages of plugins of maqet: dh $@ --with maqetplugin
use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

insert_after('dh_shlibdeps', 'dh_maqetplugin');

1;
