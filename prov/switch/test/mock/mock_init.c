/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The entry point of the mock.  It reads the environment, once:
 *
 *   MOCK_CORE       anything: the core exists
 *   MOCK_MODE       what it requires, a comma list of FI_CONTEXT, FI_CONTEXT2,
 *                   FI_MSG_PREFIX, FI_ASYNC_IOV, FI_RX_CQ_DATA
 *   MOCK_MR_MODE    what it requires of registrations: FI_MR_LOCAL, FI_MR_VIRT_ADDR,
 *                   FI_MR_ALLOCATED, FI_MR_PROV_KEY, FI_MR_ENDPOINT, FI_MR_RAW,
 *                   FI_MR_RMA_EVENT
 *   MOCK_CAPS       its kinds of RMA, a comma list of READ, WRITE, REMOTE_READ,
 *                   REMOTE_WRITE, or NONE (default: everything)
 *   MOCK_IOV_LIMIT  pieces of an operation, local and remote (4, at most 16)
 *   MOCK_INJECT     bytes that can be injected (64)
 *   MOCK_PREFIX     bytes of a message's prefix, a multiple of 8 (24)
 *   MOCK_KEY_SIZE   bytes of a key (8; always 16 with FI_MR_RAW)
 *   MOCK_MAX_MSG    bytes of an operation (1 GiB)
 *   MOCK_TX_SIZE    sends, reads and writes out before -FI_EAGAIN (64)
 *   MOCK_RX_SIZE    receives out before -FI_EAGAIN (1024)
 *   MOCK_RM         0: no resource management: a message that finds no receive,
 *                   and a completion queue that is full, are the user's errors
 *   MOCK_ORDER      0: messages are not in order either (default: FI_ORDER_SAS;
 *                   writes are late in any case, unless FI_DELIVERY_COMPLETE)
 *   MOCK_EAGER      1: the call that posts writes at once, for programs that then
 *                   block elsewhere (default: the next read of a queue writes)
 *   MOCK_FAIL_MR    n: the nth registration and all behind it fail
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mock.h"

FI_EXT_INI;

struct mock_config mock_config;

static void mock_cleanup(void)
{
}

struct fi_provider mock_prov = {
	.version = FI_VERSION(1, 0),
	.fi_version = FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION),
	.name = "mock",
	.getinfo = mock_getinfo,
	.fabric = mock_fabric_open,
	.cleanup = mock_cleanup,
};

struct word {
	const char *name;
	uint64_t bits;
};

static const struct word modes[] = {
	{"FI_CONTEXT", FI_CONTEXT},	  {"FI_CONTEXT2", FI_CONTEXT2},
	{"FI_MSG_PREFIX", FI_MSG_PREFIX}, {"FI_ASYNC_IOV", FI_ASYNC_IOV},
	{"FI_RX_CQ_DATA", FI_RX_CQ_DATA}, {NULL, 0},
};

static const struct word mr_modes[] = {
	{"FI_MR_LOCAL", FI_MR_LOCAL},	      {"FI_MR_VIRT_ADDR", FI_MR_VIRT_ADDR},
	{"FI_MR_ALLOCATED", FI_MR_ALLOCATED}, {"FI_MR_PROV_KEY", FI_MR_PROV_KEY},
	{"FI_MR_ENDPOINT", FI_MR_ENDPOINT},   {"FI_MR_RAW", FI_MR_RAW},
	{"FI_MR_RMA_EVENT", FI_MR_RMA_EVENT}, {NULL, 0},
};

static const struct word caps[] = {
	{"READ", FI_READ},
	{"WRITE", FI_WRITE},
	{"REMOTE_READ", FI_REMOTE_READ},
	{"REMOTE_WRITE", FI_REMOTE_WRITE},
	{"NONE", 0},
	{NULL, 0},
};

static uint64_t config_word(const char *name, const char *text, size_t len,
			    const struct word *words)
{
	for (; words->name; words++)
		if (strlen(words->name) == len && !memcmp(words->name, text, len))
			return words->bits;
	mock_violation("%s does not know \"%.*s\"", name, (int)len, text);
}

static uint64_t config_words(const char *name, const struct word *words, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t bits = 0;

	if (!text || !*text)
		return otherwise;
	for (;;) {
		const size_t len = strcspn(text, ",");

		bits |= config_word(name, text, len, words);
		if (!text[len])
			return bits;
		text += len + 1;
	}
}

static size_t config_number(const char *name, size_t otherwise, size_t most)
{
	const char *text = getenv(name);
	char *end;
	unsigned long long number;

	if (!text || !*text)
		return otherwise;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > most)
		mock_violation("%s=%s is no number up to %zu", name, text, most);
	return number;
}

FI_EXT_INI
{
	struct mock_config *config = &mock_config;
	const char *on = getenv("MOCK_CORE");

	config->on = on && *on;
	if (!config->on)
		return &mock_prov;
	config->mode = config_words("MOCK_MODE", modes, 0);
	config->mr_mode = (int)config_words("MOCK_MR_MODE", mr_modes, 0);
	config->rma = config_words("MOCK_CAPS", caps,
				   FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE);
	config->iov_limit = config_number("MOCK_IOV_LIMIT", 4, MOCK_IOV_MAX);
	config->inject_size = config_number("MOCK_INJECT", 64, MOCK_CHUNK);
	config->prefix_size = config_number("MOCK_PREFIX", 24, 4096);
	config->key_size = config_number("MOCK_KEY_SIZE", 8, 8);
	config->max_msg = config_number("MOCK_MAX_MSG", 1 << 30, SIZE_MAX / 2);
	config->tx_size = config_number("MOCK_TX_SIZE", 64, 1 << 20);
	config->rx_size = config_number("MOCK_RX_SIZE", 1024, 1 << 20);
	config->rm = config_number("MOCK_RM", 1, 1);
	config->sas = config_number("MOCK_ORDER", 1, 1);
	config->eager = config_number("MOCK_EAGER", 0, 1);
	config->fail_mr = config_number("MOCK_FAIL_MR", 0, SIZE_MAX);
	if (config->prefix_size % 8)
		mock_violation("MOCK_PREFIX=%zu is no multiple of 8", config->prefix_size);
	if (!(config->mode & FI_MSG_PREFIX))
		config->prefix_size = 0;
	if (config->mr_mode & FI_MR_RAW)
		config->key_size = 16;
	return &mock_prov;
}

void mock_violation(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("mock core: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	signal(SIGABRT, SIG_DFL); /* libinfinipath's handler would exit with a status of its own */
	abort();
}

void mock_random(void *buf, size_t len)
{
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort(); /* getrandom() always fills up to 256 bytes */
}

void *mock_alloc(size_t len)
{
	void *mem = calloc(1, len);

	if (!mem)
		abort();
	return mem;
}
