# SPDX-License-Identifier: MIT
include_HEADERS += include/maqet-plugin.h
