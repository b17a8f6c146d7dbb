# SPDX-License-Identifier: MIT
EXTRA_DIST += script/apt.sh script/lib.sh script/setup script/build script/test script/demo script/bench \
	script/coverage script/package script/test-packages script/test-rbd
