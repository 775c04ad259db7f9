/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A table of costs from a file, as util/switchtune writes it and
 * FI_OFI_SWITCH_COSTS names it: lines of a core's name and two sizes.
 *
 * Called once, when the provider is loaded (discover/init.c).  A user may name any file:
 * nothing in it is trusted, and its length and the number of faults that are reported are
 * limited.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rdma/fi_errno.h>

#include "base/switch.h"
#include "discover/costs.h"

enum { FIELDS = 3, WHAT_MAX = 128 };

static const char blanks[] = " \t\r";

/* The state of parsing one text; on the stack of switch_costs_parse(). */
struct parser {
	struct switch_costs *costs;
	switch_costs_report *report;
	void *arg;
	unsigned line, bad_cnt;
};

/* Reports a fault (what) of the current line; word: the word at fault, or NULL. */
static void bad(struct parser *parser, const char *what, const char *word)
{
	char text[WHAT_MAX];

	if (word)
		snprintf(text, sizeof(text), "\"%.40s\" %s", word, what);
	else
		snprintf(text, sizeof(text), "%s", what);
	parser->bad_cnt++;
	parser->report(parser->arg, parser->line, text);
}

/* isalnum() would depend on the program's locale. */
static bool is_name(const char *word)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	return strlen(word) < SWITCH_COSTS_NAME_MAX && !word[strspn(word, allowed)];
}

static bool take_size(const char *word, uint64_t *size)
{
	char *end;

	if (!strcmp(word, "never")) {
		*size = SWITCH_COSTS_NEVER;
		return true;
	}
	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*size = strtoull(word, &end, 10);
	return !*end && !errno && *size && *size <= SIZE_MAX / 2;
}

static void take_row(struct parser *parser, char *const field[FIELDS])
{
	struct switch_costs *costs = parser->costs;
	struct switch_costs_row *row;
	uint64_t size[2];

	if (!is_name(field[0])) {
		bad(parser, "is not the name of a core", field[0]);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (!take_size(field[1 + i], &size[i])) {
			bad(parser, "is neither a size in bytes, at least 1, nor never",
			    field[1 + i]);
			return;
		}
	}
	if (switch_costs_find(costs, field[0])) {
		bad(parser, "has a row already, which counts", field[0]);
		return;
	}
	if (costs->row_cnt == SWITCH_COSTS_MAX) {
		bad(parser, "is one row too many", field[0]);
		return;
	}
	row = &costs->rows[costs->row_cnt++];
	strcpy(row->core, field[0]);
	row->read = size[0];
	row->write = size[1];
}

/* Parses a line, without the comment behind a '#'. */
static void take_line(struct parser *parser, char *line)
{
	char *field[FIELDS], *rest = NULL, *word;
	unsigned cnt = 0;

	for (word = strtok_r(line, blanks, &rest); word; word = strtok_r(NULL, blanks, &rest)) {
		if (cnt == FIELDS) {
			bad(parser, "is one word too many", word);
			return;
		}
		field[cnt++] = word;
	}
	if (cnt == FIELDS)
		take_row(parser, field);
	else if (cnt)
		bad(parser, "a core, the size to read from and the size to write from are expected",
		    NULL);
}

static void check_line(struct parser *parser, const char *text, size_t len)
{
	char line[SWITCH_COSTS_LINE_MAX + 1];
	const char *comment;

	parser->line++;
	if (len > SWITCH_COSTS_LINE_MAX) {
		bad(parser, "the line is longer than 255 bytes", NULL);
		return;
	}
	comment = memchr(text, '#', len);
	if (comment)
		len = (size_t)(comment - text);
	for (size_t i = 0; i < len; i++) {
		if ((text[i] < ' ' && !strchr(blanks, text[i])) || text[i] > '~' || !text[i]) {
			bad(parser, "the line holds what is not a printable character", NULL);
			return;
		}
	}
	memcpy(line, text, len);
	line[len] = '\0';
	take_line(parser, line);
}

void switch_costs_parse(struct switch_costs *costs, const char *text, size_t len,
			switch_costs_report *report, void *arg)
{
	struct parser parser = {.costs = costs, .report = report, .arg = arg};

	while (len) {
		const char *newline = memchr(text, '\n', len);
		size_t line_len = newline ? (size_t)(newline - text) : len;

		check_line(&parser, text, line_len);
		if (parser.bad_cnt == SWITCH_COSTS_BAD_MAX) {
			report(arg, 0, "that many lines are wrong that the rest is not read");
			return;
		}
		if (newline)
			line_len++;
		text += line_len;
		len -= line_len;
	}
}

/* -- files --------------------------------------------------------------- */

static void warn(void *arg, unsigned line, const char *what)
{
	const char *name = *(const char **)arg;

	if (line)
		SW_WARN(CORE, "FI_OFI_SWITCH_COSTS: %s:%u: %s; the line is ignored\n", name, line,
			what);
	else
		SW_WARN(CORE, "FI_OFI_SWITCH_COSTS: %s: %s\n", name, what);
}

/* Fills buf as far as the file reaches: the length, or -1 with errno set. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, buf + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

static void load_fd(struct switch_costs *costs, int fd, const char *name)
{
	char *text = malloc(SWITCH_COSTS_FILE_MAX + 1);
	ssize_t len = text ? read_all(fd, text, SWITCH_COSTS_FILE_MAX + 1) : -1;

	if (len < 0) {
		warn(&name, 0, fi_strerror(errno));
	} else if (len > SWITCH_COSTS_FILE_MAX) {
		warn(&name, 0, "the file is longer than 65536 bytes and not read");
	} else {
		switch_costs_parse(costs, text, (size_t)len, warn, &name);
	}
	free(text);
}

/* Only regular files: a pipe could block the program, and a device might never end. */
void switch_costs_load(struct switch_costs *costs, const char *name)
{
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat))
		warn(&name, 0, fi_strerror(errno));
	else if (!S_ISREG(stat.st_mode))
		warn(&name, 0, "it is not a regular file");
	else
		load_fd(costs, fd, name);
	if (fd >= 0)
		close(fd);
}
