/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The costs of moving data over each core: from which size of a message a read or
 * a write takes less time than a copy.  discover/costs.c has the table,
 * discover/costs_file.c reads another one from a file.
 */
#ifndef SWITCH_COSTS_H
#define SWITCH_COSTS_H

#include <stddef.h>
#include <stdint.h>

enum {
	SWITCH_COSTS_MAX = 32,	     /* rows of a file */
	SWITCH_COSTS_NAME_MAX = 32,  /* bytes of a core's name, with the zero behind it */
	SWITCH_COSTS_LINE_MAX = 255, /* bytes of a line of a file */
	SWITCH_COSTS_FILE_MAX = 65536,
	SWITCH_COSTS_BAD_MAX = 8, /* bad lines after which the rest is not read */
};

#define SWITCH_COSTS_NEVER   UINT64_MAX
#define SWITCH_COSTS_DEFAULT "default" /* the name of the row for cores without one */

/* Bytes of a message from which it is read, or written, rather than copied. */
struct switch_costs_row {
	char core[SWITCH_COSTS_NAME_MAX];
	uint64_t read, write;
};

/* Rows from a file.  On the caller's storage; all zeros is empty. */
struct switch_costs {
	struct switch_costs_row rows[SWITCH_COSTS_MAX];
	unsigned row_cnt;
};

/* The row of these that has this name, or NULL. */
const struct switch_costs_row *switch_costs_find(const struct switch_costs *costs,
						 const char *core);
/* The row for a core, never NULL: the file's, else the committed one, else the
 * file's for all others, else the committed one for all others. */
const struct switch_costs_row *switch_costs_for(const struct switch_costs *costs, const char *core);

/* Callback of the parser: reports a fault (what) of a line, counted from 1; line 0: a
 * fault of the whole text. */
typedef void switch_costs_report(void *arg, unsigned line, const char *what);

/* Adds the rows of a text (fi_switch(7) has the format) to costs.  A line that
 * is wrong is reported and adds nothing. */
void switch_costs_parse(struct switch_costs *costs, const char *text, size_t len,
			switch_costs_report *report, void *arg);
/* The same for a file, with warnings in the log. */
void switch_costs_load(struct switch_costs *costs, const char *name);

#endif
