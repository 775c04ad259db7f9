/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The identity of this host: asked of the kernel once for each domain.  Keeps nothing and
 * locks nothing.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/host.h"

enum { BOOT_ID_LEN = 16, PARTS = 5 };

_Static_assert(SWITCH_HOST_LEN == BOOT_ID_LEN + PARTS * (int)sizeof(uint32_t), "all of it");

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" */
static bool read_boot_id(uint8_t id[BOOT_ID_LEN])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	unsigned byte, cnt = 0;

	if (!file)
		return false;
	while (cnt < BOOT_ID_LEN && fscanf(file, "%2x", &byte) == 1) {
		id[cnt++] = (uint8_t)byte;
		fscanf(file, "-");
	}
	fclose(file);
	return cnt == BOOT_ID_LEN;
}

size_t switch_host(uint8_t host[SWITCH_HOST_LEN])
{
	static const char *const namespaces[] = {
		"/proc/self/ns/pid",
		"/proc/self/ns/user",
		"/proc/self/ns/ipc",
	};
	uint32_t parts[PARTS] = {[3] = 0, [4] = geteuid()};
	struct stat status;

	if (!read_boot_id(host))
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		if (stat(namespaces[i], &status))
			return 0;
		parts[i] = (uint32_t)status.st_ino;
	}
	if (!stat("/dev/shm", &status))
		parts[3] = (uint32_t)status.st_dev;
	memcpy(host + BOOT_ID_LEN, parts, sizeof(parts));
	return SWITCH_HOST_LEN;
}
