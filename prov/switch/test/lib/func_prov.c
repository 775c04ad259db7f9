/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functional tests, the provider: see lib/func_prov.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/func_prov.h"

const char *func_prov(void)
{
	const char *name = getenv("FUNC_PROV");

	return name ? name : "tcp;ofi_switch";
}

const char *func_host(void)
{
	const char *host = getenv("FUNC_HOST");

	return host ? host : "127.0.0.1";
}

void func_own_host(void)
{
	const unsigned number = (unsigned)getppid(); /* the same in all processes of a team */
	char host[24];

	snprintf(host, sizeof(host), "127.%u.%u.%u", 128 + (number >> 16) % 64, (number >> 8) % 256,
		 number % 256);
	setenv("FUNC_HOST", host, 0);
}

const char *func_core(void)
{
	static char core[64];

	snprintf(core, sizeof(core), "%.*s", (int)strcspn(func_prov(), ";"), func_prov());
	return core;
}

bool func_is_switch(void)
{
	return strstr(func_prov(), "ofi_switch") != NULL;
}
