/* SPDX-License-Identifier: MIT */
/*
 * notify.h - tells the service manager that started us how far we are (sd_notify(3)).
 */
#ifndef MAQET_BASE_NOTIFY_H
#define MAQET_BASE_NOTIFY_H

/*
 * Sends a state such as "READY=1" to the socket that NOTIFY_SOCKET names. Without a
 * manager that asked for it nothing happens. That it can't be told is no error of ours:
 * it notices by itself that it was told nothing.
 */
void maqet_notify(const char *state);

#endif
