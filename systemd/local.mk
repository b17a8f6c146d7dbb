# SPDX-License-Identifier: MIT
# Units of systemd, of which `systemctl enable maqet@NAME` makes an instance a machine: one for
# the machines of root, one for those of each user. They differ in what they come after.
UNIT = $(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(SED) 's|@BINDIR@|$(bindir)|g' $< > $@.tmp && mv $@.tmp $@

systemd/system/maqet@.service: systemd/system/maqet@.service.in Makefile
	$(UNIT)
systemd/user/maqet@.service: systemd/user/maqet@.service.in Makefile
	$(UNIT)

if INSTALL_SYSTEM_UNIT
nodist_systemdsystemunit_DATA = systemd/system/maqet@.service
endif
if INSTALL_USER_UNIT
nodist_systemduserunit_DATA = systemd/user/maqet@.service
endif
CLEANFILES += systemd/system/maqet@.service systemd/user/maqet@.service
EXTRA_DIST += systemd/system/maqet@.service.in systemd/user/maqet@.service.in
