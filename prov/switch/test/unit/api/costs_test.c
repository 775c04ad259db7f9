/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tables of costs: the committed one, what a file may contain, and every error in it: each is
 * reported once, by line, and the other lines still count.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discover/costs.h"
#include "lib/switch_fixture.h"

enum { REPORTS = 16 };

/* The errors that were reported for a text. */
struct reports {
	unsigned cnt, line[REPORTS];
	char what[REPORTS][160];
};

static void note(void *arg, unsigned line, const char *what)
{
	struct reports *reports = arg;

	cr_assert_lt(reports->cnt, REPORTS, "one complaint after the other");
	reports->line[reports->cnt] = line;
	snprintf(reports->what[reports->cnt++], sizeof(reports->what[0]), "%s", what);
}

static struct reports parse_bytes(struct switch_costs *costs, const char *text, size_t len)
{
	struct reports reports = {0};
	/* of its exact size, so that a sanitizer sees a read past its end */
	char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	memset(costs, 0, sizeof(*costs));
	switch_costs_parse(costs, copy, len, note, &reports);
	free(copy);
	return reports;
}

static struct reports parse(struct switch_costs *costs, const char *text)
{
	return parse_bytes(costs, text, strlen(text));
}

static void expect_row(const struct switch_costs *costs, const char *core, uint64_t read,
		       uint64_t write)
{
	const struct switch_costs_row *row = switch_costs_find(costs, core);

	cr_assert(row, "no row %s", core);
	cr_assert_eq(row->read, read, "%s", core);
	cr_assert_eq(row->write, write, "%s", core);
}

/* -- the committed table -------------------------------------------------- */

Test(costs, committed)
{
	static const char *const cores[] = {"tcp",   "sockets", "net",	  "shm",
					    "verbs", "default", "no such"};
	static const struct switch_costs none;

	for (unsigned i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		const struct switch_costs_row *row = switch_costs_for(&none, cores[i]);

		cr_assert(row);
		cr_assert(row->read && row->write);
	}
	cr_assert_str_eq(switch_costs_for(&none, "tcp")->core, "tcp");
	cr_assert_str_eq(switch_costs_for(&none, "TCP")->core, "tcp");
	cr_assert_str_eq(switch_costs_for(&none, "no such")->core, "default");
	cr_assert_str_eq(switch_costs_for(&none, "")->core, "default");
}

/* A row of a file replaces the committed row of that core, but the file's row for all other
 * cores does not. */
Test(costs, precedence)
{
	struct switch_costs costs;

	cr_assert_eq(parse(&costs, "shm 1 2\ndefault 3 4\n").cnt, 0);
	cr_assert_eq(switch_costs_for(&costs, "shm")->read, 1);
	cr_assert_eq(switch_costs_for(&costs, "shm")->write, 2);
	cr_assert_neq(switch_costs_for(&costs, "tcp")->read, 3);
	cr_assert_eq(switch_costs_for(&costs, "no such")->read, 3);
	cr_assert_eq(switch_costs_for(&costs, "no such")->write, 4);
}

/* -- texts ----------------------------------------------------------------- */

Test(costs, good_lines)
{
	struct switch_costs costs;

	cr_assert_eq(parse(&costs, "").cnt, 0);
	cr_assert_eq(costs.row_cnt, 0);
	cr_assert_eq(parse(&costs, "\n \t \n\r\n# tcp 1 2\n  # \xc3\xa9t\xc3\xa9\x01\n").cnt, 0);
	cr_assert_eq(costs.row_cnt, 0);
	cr_assert_eq(parse(&costs, "tcp 1000 2000\n"
				   "\tshm\tnever  1 # why\r\n"
				   "verbs 9223372036854775807 never#\n"
				   "my_own-core.2 007 7\n"
				   "default 5 6")
			     .cnt,
		     0);
	cr_assert_eq(costs.row_cnt, 5);
	expect_row(&costs, "tcp", 1000, 2000);
	expect_row(&costs, "TCP", 1000, 2000);
	expect_row(&costs, "shm", SWITCH_COSTS_NEVER, 1);
	expect_row(&costs, "verbs", INT64_MAX, SWITCH_COSTS_NEVER);
	expect_row(&costs, "my_own-core.2", 7, 7);
	expect_row(&costs, "default", 5, 6);
	cr_assert(!switch_costs_find(&costs, "net"));
}

/* Each error is reported by its line, and the lines around it count. */
Test(costs, bad_lines)
{
	static const struct {
		const char *line, *what;
	} cases[] = {
		{"tcp", "are expected"},
		{"tcp 1000", "are expected"},
		{"tcp 1000 2000 3000", "\"3000\" is one word too many"},
		{"tcp 0 2000", "\"0\" is neither"},
		{"tcp 1000 0", "\"0\" is neither"},
		{"tcp -1 2000", "\"-1\" is neither"},
		{"tcp +1 2000", "\"+1\" is neither"},
		{"tcp 0x10 2000", "\"0x10\" is neither"},
		{"tcp 12k 2000", "\"12k\" is neither"},
		{"tcp 1000 2e3", "\"2e3\" is neither"},
		{"tcp 1.5 2000", "\"1.5\" is neither"},
		{"tcp Never 2000", "\"Never\" is neither"},
		{"tcp 1000 nevermore", "\"nevermore\" is neither"},
		{"tcp 9223372036854775808 1", "\"9223372036854775808\" is neither"},
		{"tcp 18446744073709551616 1", "\"18446744073709551616\" is neither"},
		{"tcp 99999999999999999999999999999999999999999999999999999 1", "is neither"},
		{"1000 2000 tcp", "\"tcp\" is neither"},
		{"tcp;ofi_switch 1 2", "\"tcp;ofi_switch\" is not the name of a core"},
		{"tcp, 1000 2000", "\"tcp,\" is not the name of a core"},
		{"a_name_of_more_than_thirty_one_bytes 1 2", "is not the name of a core"},
		{"before 1 2", "\"before\" has a row already"},
		{"Before 1 2", "\"Before\" has a row already"},
		{"tcp\x01 1000 2000", "not a printable character"},
		{"tcp 1000\v2000", "not a printable character"},
		{"\xc3\xa9 1000 2000", "not a printable character"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct switch_costs costs;
		struct reports reports;
		char text[512];

		snprintf(text, sizeof(text), "before 10 20\n%s\nafter 30 40\n", cases[i].line);
		reports = parse(&costs, text);
		cr_assert_eq(reports.cnt, 1, "%u complaints about %s", reports.cnt, cases[i].line);
		cr_assert_eq(reports.line[0], 2);
		cr_assert(strstr(reports.what[0], cases[i].what), "not \"%s\" but \"%s\"",
			  cases[i].what, reports.what[0]);
		cr_assert_eq(costs.row_cnt, 2);
		expect_row(&costs, "before", 10, 20);
		expect_row(&costs, "after", 30, 40);
		/* a wrong line has no effect */
		cr_assert_str_eq(switch_costs_for(&costs, "tcp")->core, "tcp");
		cr_assert_neq(switch_costs_for(&costs, "tcp")->read, 1000);
	}
}

Test(costs, long_lines)
{
	struct switch_costs costs;
	struct reports reports;
	char text[600];

	/* a line of the greatest length, without a newline */
	memset(text, ' ', sizeof(text));
	memcpy(text, "tcp 1 2", 7);
	cr_assert_eq(parse_bytes(&costs, text, SWITCH_COSTS_LINE_MAX).cnt, 0);
	expect_row(&costs, "tcp", 1, 2);
	reports = parse_bytes(&costs, text, SWITCH_COSTS_LINE_MAX + 1);
	cr_assert_eq(reports.cnt, 1);
	cr_assert(strstr(reports.what[0], "longer than 255"));
	cr_assert_eq(costs.row_cnt, 0);
	memcpy(text + 500, "\nshm 3 4", 8);
	reports = parse_bytes(&costs, text, 508);
	cr_assert_eq(reports.cnt, 1);
	cr_assert_eq(reports.line[0], 1);
	cr_assert_eq(costs.row_cnt, 1);
	expect_row(&costs, "shm", 3, 4);
	/* one word as long as the line */
	memset(text, 'a', sizeof(text));
	reports = parse_bytes(&costs, text, SWITCH_COSTS_LINE_MAX);
	cr_assert_eq(reports.cnt, 1);
	cr_assert_eq(costs.row_cnt, 0);
}

Test(costs, zero_bytes)
{
	static const char text[] = "tcp 1 2\0\nshm 3 4\n";
	struct switch_costs costs;
	struct reports reports = parse_bytes(&costs, text, sizeof(text) - 1);

	cr_assert_eq(reports.cnt, 1);
	cr_assert_eq(reports.line[0], 1);
	cr_assert_eq(costs.row_cnt, 1);
	expect_row(&costs, "shm", 3, 4);
}

Test(costs, too_many_rows)
{
	struct switch_costs costs;
	struct reports reports;
	char text[4096];
	size_t len = 0;

	for (unsigned i = 0; i <= SWITCH_COSTS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "core%u 1 2\n", i);
	reports = parse(&costs, text);
	cr_assert_eq(reports.cnt, 1);
	cr_assert_eq(reports.line[0], SWITCH_COSTS_MAX + 1);
	cr_assert(strstr(reports.what[0], "one row too many"));
	cr_assert_eq(costs.row_cnt, SWITCH_COSTS_MAX);
}

/* After many errors the reports end, and so does the reading. */
Test(costs, too_many_bad_lines)
{
	struct switch_costs costs;
	struct reports reports;
	char text[SWITCH_COSTS_BAD_MAX * 4 + 32] = "";

	for (unsigned i = 0; i < SWITCH_COSTS_BAD_MAX; i++)
		strcat(text, "bad\n");
	strcat(text, "tcp 1 2\n");
	reports = parse(&costs, text);
	cr_assert_eq(reports.cnt, SWITCH_COSTS_BAD_MAX + 1);
	cr_assert_eq(reports.line[SWITCH_COSTS_BAD_MAX], 0);
	cr_assert(strstr(reports.what[SWITCH_COSTS_BAD_MAX], "the rest is not read"));
	cr_assert_eq(costs.row_cnt, 0);
}

/* Random bytes, and tables with some of their bytes changed. */
Test(costs, junk)
{
	static const char table[] = "# core read write\ntcp 1000 never\nshm 1 2\ndefault 3 4\n";
	unsigned seed = (unsigned)getpid();
	char text[2000];

	cr_log_info("seed %u", seed);
	srand(seed);
	for (unsigned round = 0; round < 2000; round++) {
		struct switch_costs costs;
		size_t len = (size_t)rand() % sizeof(text);

		for (size_t i = 0; i < len; i++)
			text[i] = (char)rand();
		parse_bytes(&costs, text, len);
		memcpy(text, table, sizeof(table));
		for (unsigned i = 0; i < 4; i++)
			text[(size_t)rand() % sizeof(table)] = (char)rand();
		parse_bytes(&costs, text, sizeof(table) - 1);
		for (unsigned i = 0; i < costs.row_cnt; i++) {
			cr_assert(costs.rows[i].core[0] && costs.rows[i].read &&
					  costs.rows[i].write,
				  "seed %u", seed);
		}
	}
}

/* -- files ------------------------------------------------------------------ */

static char file_name[64];

static void file_init(void)
{
	int fd;

	setenv("FI_LOG_LEVEL", "warn", 1);
	setenv("FI_LOG_PROV", SWITCH_NAME, 1);
	strcpy(file_name, "/tmp/switch_costs_test.XXXXXX");
	fd = mkstemp(file_name);
	cr_assert(fd >= 0);
	close(fd);
	load_provider();
}

static void file_fini(void)
{
	unlink(file_name);
	switch_prov.cleanup();
	cr_assert_eq(leaks_found(), 0);
}

TestSuite(costs_file, .init = file_init, .fini = file_fini);

static void write_file(const void *bytes, size_t len)
{
	FILE *file = fopen(file_name, "w");

	cr_assert(file && fwrite(bytes, 1, len, file) == len && !fclose(file));
}

/* Loads the file of this name; text gets the reports. */
static void load(struct switch_costs *costs, const char *name, char *text, size_t size)
{
	FILE *log = tmpfile();
	int old = dup(STDERR_FILENO);
	size_t len;

	cr_assert(log && old >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
	memset(costs, 0, sizeof(*costs));
	switch_costs_load(costs, name);
	fflush(stderr);
	cr_assert(dup2(old, STDERR_FILENO) >= 0);
	rewind(log);
	len = fread(text, 1, size - 1, log);
	text[len] = '\0';
	close(old);
	fclose(log);
}

static unsigned lines(const char *text)
{
	unsigned cnt = 0;

	for (; (text = strchr(text, '\n')); text++)
		cnt++;
	return cnt;
}

/* The file has no effect; one report names it and gives this reason. */
static void expect_refused(const char *name, const char *what)
{
	struct switch_costs costs;
	char text[4096];

	load(&costs, name, text, sizeof(text));
	cr_assert_eq(costs.row_cnt, 0);
	cr_assert_eq(lines(text), 1, "%s", text);
	cr_assert(strstr(text, name) && strstr(text, what), "%s", text);
}

Test(costs_file, good)
{
	static const char table[] = "tcp 1 2\nshm 3 never\n";
	struct switch_costs costs;
	char text[4096];

	write_file(table, strlen(table));
	load(&costs, file_name, text, sizeof(text));
	cr_assert_str_eq(text, "");
	cr_assert_eq(costs.row_cnt, 2);
	expect_row(&costs, "shm", 3, SWITCH_COSTS_NEVER);
}

Test(costs_file, bad_line)
{
	static const char table[] = "tcp 1 2\nshm 3 ever\n";
	struct switch_costs costs;
	char text[4096], where[160];

	write_file(table, strlen(table));
	load(&costs, file_name, text, sizeof(text));
	snprintf(where, sizeof(where), "%s:2: \"ever\" is neither", file_name);
	cr_assert(strstr(text, where), "%s", text);
	cr_assert_eq(lines(text), 1, "%s", text);
	cr_assert_eq(costs.row_cnt, 1);
}

Test(costs_file, none)
{
	expect_refused("/no/such/folder/file", "No such file or directory");
}

Test(costs_file, no_file)
{
	expect_refused("/tmp", "not a regular file");
	expect_refused("/dev/zero", "not a regular file");
	unlink(file_name);
	cr_assert_eq(mkfifo(file_name, 0600), 0);
	expect_refused(file_name, "not a regular file");
}

Test(costs_file, length)
{
	static char bytes[SWITCH_COSTS_FILE_MAX + 1];
	struct switch_costs costs;
	char text[4096];

	memset(bytes, '\n', sizeof(bytes));
	memcpy(bytes, "tcp 1 2\n", 8);
	write_file(bytes, SWITCH_COSTS_FILE_MAX);
	load(&costs, file_name, text, sizeof(text));
	cr_assert_str_eq(text, "");
	cr_assert_eq(costs.row_cnt, 1);
	write_file(bytes, sizeof(bytes));
	expect_refused(file_name, "longer than 65536 bytes");
	/* sparse, of the greatest size of a file */
	cr_assert_eq(truncate(file_name, (off_t)1 << 40), 0);
	expect_refused(file_name, "longer than 65536 bytes");
}

Test(costs_file, binary)
{
	struct switch_costs costs;
	static char bytes[60000];
	char text[8192];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	write_file(bytes, sizeof(bytes));
	load(&costs, file_name, text, sizeof(text));
	cr_assert_eq(costs.row_cnt, 0);
	cr_assert_eq(lines(text), SWITCH_COSTS_BAD_MAX + 1, "%s", text);
}
