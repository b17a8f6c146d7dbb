# SPDX-License-Identifier: MIT
EXTRA_DIST += script/lib.sh script/setup script/build script/test script/demo script/bench \
	script/test-rbd
