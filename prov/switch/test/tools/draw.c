/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sequence diagrams in plain text: see tools/draw.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/draw.h"

enum { WIDTH = 107, LABEL_MAX = 512 };

static const unsigned lane_at[LANES] = {3, 27, 53, 79, 103};
static const char *const lane_name[LANES] = {"app A", "engine A", "core", "engine B", "app B"};

bool drawing;
unsigned lanes;

static void row_clear(char row[WIDTH + 1])
{
	memset(row, ' ', WIDTH);
	row[WIDTH] = '\0';
	for (unsigned i = 0; i < lanes; i++)
		row[lane_at[i]] = '|';
}

static void row_print(char row[WIDTH + 1])
{
	size_t len = WIDTH;

	while (len && row[len - 1] == ' ')
		len--;
	if (drawing)
		printf("%.*s\n", (int)len, row);
}

/* The label in the middle of what is between two lanes; across is what else is there. */
static void put_label(char row[WIDTH + 1], unsigned from, unsigned to, const char *label,
		      size_t len, char across)
{
	unsigned left = lane_at[from < to ? from : to] + 1;
	unsigned room = lane_at[from < to ? to : from] - left;

	if (len > room - 4)
		len = room - 4;
	if (across != ' ')
		memset(row + left, across, room);
	memset(row + left + (room - len) / 2 - 1, ' ', len + 2);
	memcpy(row + left + (room - len) / 2, label, len);
}

/* An arrow, with a label that takes several lines if it is long. */
void arrow(unsigned from, unsigned to, const char *format, ...)
{
	unsigned room = lane_at[from < to ? to : from] - lane_at[from < to ? from : to] - 5;
	char text[LABEL_MAX], row[WIDTH + 1], *label = text;
	va_list args;
	size_t len;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	while ((len = strlen(label)) > room) {
		for (len = room; len && strncmp(label + len, " + ", 3);)
			len--;
		if (!len) /* one word, which is cut */
			break;
		row_clear(row);
		put_label(row, from, to, label, len + 2, ' ');
		row_print(row);
		label += len + 3;
	}
	len = strlen(label);
	row_clear(row);
	put_label(row, from, to, label, len, '-');
	if (from < to)
		row[lane_at[to] - 1] = '>';
	else
		row[lane_at[to] + 1] = '<';
	row_print(row);
}

void heads(void)
{
	char row[WIDTH + 1];

	memset(row, ' ', WIDTH);
	row[WIDTH] = '\0';
	for (unsigned i = 0; i < lanes; i++)
		memcpy(row + lane_at[i] - strlen(lane_name[i]) / 2, lane_name[i],
		       strlen(lane_name[i]));
	row_print(row);
	row_clear(row);
	row_print(row);
}

void remark(unsigned from, unsigned to, const char *text)
{
	char row[WIDTH + 1];

	row_clear(row);
	put_label(row, from, to, text, strlen(text), ' ');
	row_print(row);
}
