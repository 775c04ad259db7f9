/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sequence diagrams in plain text, for tools/sequences.c: lanes, and arrows between them. */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>

enum lane { APP_A, ENGINE_A, CORE, ENGINE_B, APP_B, LANES };

extern bool drawing;   /* or nothing is printed */
extern unsigned lanes; /* so many, from the left */

/* The names of the lanes, and the first empty row. */
void heads(void);
/* A row with an arrow; its label takes several rows, parted at " + ", if it is long. */
void __attribute__((format(printf, 3, 4)))
arrow(unsigned from, unsigned to, const char *format, ...);
/* A row with nothing but words between two lanes. */
void remark(unsigned from, unsigned to, const char *text);

#endif
