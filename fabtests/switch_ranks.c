/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What it takes that every rank talks to every rank: memory and time.  All
 * send to all, themselves included, at once, for several rounds, and check
 * every byte.  Rank 0 prints a table: memory before the first and after the
 * last round, the time of the first round, in which connections are made, and
 * of the later ones.  Ends with status 1 at the first byte that is wrong.
 * Knows nothing of libfabric: over which provider it runs, mpirun is told (see
 * switch_ranks.sh).
 *
 * Arguments: bytes of a message (64), rounds (11).  Environment: SEED,
 * NAP_SECONDS for all to rest in before they end, to be looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mpi_check.h"

/* Resident pages are counted in full by RSS, by PSS in equal parts for all
 * who share them, and not at all by private if they are shared. */
enum { RSS, PSS, PRIVATE, MEMORY_CNT };

static const char *const memory_names[MEMORY_CNT] = {"resident", "proportional", "private"};

static int len = 64, rounds = 11;
static unsigned char *in, *out;
static MPI_Request *requests;
static MPI_Status *statuses;

static void *memory(size_t size)
{
	void *mem = malloc(size ? size : 1);

	CHECK(mem, "%zu bytes", size);
	memset(mem, 0xee, size);
	return mem;
}

/* -- memory ------------------------------------------------------------------------- */

/* Adds the lines of a file in /proc that start with name, in KB. */
static double proc_sum(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	char line[256];
	double sum = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			sum += strtod(strchr(line, ':') + 1, NULL);
	fclose(file);
	return sum;
}

static void look_at_memory(double kb[MEMORY_CNT])
{
	kb[RSS] = proc_sum("/proc/self/status", "VmRSS:");
	kb[PSS] = proc_sum("/proc/self/smaps_rollup", "Pss:");
	kb[PRIVATE] = proc_sum("/proc/self/smaps_rollup", "Private_");
}

/* -- a start for all ---------------------------------------------------------------- */

struct start {
	atomic_int come;
};

/* All ranks of this machine go on together.  Not by MPI_Barrier: it makes
 * connections, which are what the first round is to show.  The name is this
 * run's, and the last to come takes it away. */
static void start_together(void)
{
	const char *run = getenv("PMIX_NAMESPACE"), *text = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
	int here = text ? atoi(text) : 1, fd;
	double patience = MPI_Wtime() + 300;
	struct start *start;
	char name[256];

	if (!run || here < 2)
		return;
	snprintf(name, sizeof(name), "/switch_ranks.%s", run);
	fd = shm_open(name, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && !ftruncate(fd, sizeof(*start)), "%s: %s", name, strerror(errno));
	start = mmap(NULL, sizeof(*start), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(start != MAP_FAILED, "%s: %s", name, strerror(errno));
	close(fd);
	if (atomic_fetch_add(&start->come, 1) == here - 1)
		shm_unlink(name);
	while (atomic_load(&start->come) < here) {
		CHECK(MPI_Wtime() < patience, "%d of %d ranks came", atomic_load(&start->come),
		      here);
		sched_yield();
	}
	munmap(start, sizeof(*start));
}

/* -- rounds ------------------------------------------------------------------------- */

static unsigned char *part(unsigned char *bytes, int of)
{
	return bytes + (size_t)of * (size_t)len;
}

/* Everybody starts with another peer: itself. */
static void exchange(int round)
{
	for (int i = 0; i < ranks; i++) {
		int from = (rank + ranks - i) % ranks;

		MPI_Irecv(part(in, from), len, MPI_BYTE, from, round, MPI_COMM_WORLD, &requests[i]);
	}
	for (int i = 0; i < ranks; i++) {
		int to = (rank + i) % ranks;

		MPI_Isend(part(out, to), len, MPI_BYTE, to, round, MPI_COMM_WORLD,
			  &requests[ranks + i]);
	}
	MPI_Waitall(2 * ranks, requests, statuses);
}

static void prepare(int round)
{
	memset(in, 0xee, (size_t)ranks * (size_t)len);
	for (int to = 0; to < ranks; to++)
		fill(part(out, to), (size_t)len, key_of(rank, to, round));
}

static void verify_all(int round)
{
	for (int i = 0; i < ranks; i++) {
		int from = (rank + ranks - i) % ranks, got;

		MPI_Get_count(&statuses[i], MPI_BYTE, &got);
		CHECK(got == len && statuses[i].MPI_SOURCE == from && statuses[i].MPI_TAG == round,
		      "%d bytes from rank %d with tag %d; expected: %d, %d, %d", got,
		      statuses[i].MPI_SOURCE, statuses[i].MPI_TAG, len, from, round);
		verify(part(in, from), (size_t)len, key_of(from, rank, round), from);
	}
}

/* -- the table ----------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int cnt)
{
	qsort(values, (size_t)cnt, sizeof(*values), by_value);
	return values[cnt / 2];
}

/* Of one value of each rank: median and greatest; for rank 0. */
static void over_ranks(double value, double *middle, double *greatest)
{
	double *all = memory(sizeof(*all) * (size_t)ranks);

	MPI_Gather(&value, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
	*middle = rank ? 0 : median(all, ranks);
	*greatest = rank ? 0 : all[ranks - 1];
	free(all);
}

static void print_memory(const double before[MEMORY_CNT], const double after[MEMORY_CNT])
{
	int peers = ranks > 1 ? ranks - 1 : 1;

	for (int i = 0; i < MEMORY_CNT; i++) {
		double start, end, growth, start_max, end_max, growth_max;

		over_ranks(before[i], &start, &start_max);
		over_ranks(after[i], &end, &end_max);
		over_ranks(after[i] - before[i], &growth, &growth_max);
		if (rank)
			continue;
		printf("%-13s before, KB          %10.0f\n", memory_names[i], start);
		printf("%-13s after, KB           %10.0f\n", memory_names[i], end);
		printf("%-13s after, greatest, KB %10.0f\n", memory_names[i], end_max);
		printf("%-13s growth, KB          %10.0f\n", memory_names[i], growth);
		printf("%-13s growth a peer, KB   %10.1f\n", memory_names[i], growth / peers);
	}
}

/* A round has taken as long as the rank that was in it longest. */
static void print_times(double *took)
{
	double *longest = memory(sizeof(*longest) * (size_t)rounds);

	MPI_Reduce(took, longest, rounds, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
	if (!rank) {
		printf("first exchange, ms                 %10.2f\n", longest[0] * 1e3);
		printf("later exchanges, median, ms        %10.2f\n",
		       median(longest + 1, rounds - 1) * 1e3);
		printf("later exchanges, greatest, ms      %10.2f\n", longest[rounds - 1] * 1e3);
	}
	free(longest);
}

static void parse(int argc, char **argv)
{
	const char *text = getenv("SEED");

	if (argc > 1)
		len = atoi(argv[1]);
	if (argc > 2)
		rounds = atoi(argv[2]);
	if (len < 0 || rounds < 2 || rounds > 10000) {
		fprintf(stderr, "usage: switch_ranks [BYTES [ROUNDS]]\n");
		exit(2);
	}
	/* before the ranks have talked they can agree on nothing else */
	seed = text ? strtoull(text, NULL, 0) : 1;
}

int main(int argc, char **argv)
{
	const char *nap = getenv("NAP_SECONDS");
	double before[MEMORY_CNT], after[MEMORY_CNT], *took;

	parse(argc, argv);
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	in = memory((size_t)ranks * (size_t)len);
	out = memory((size_t)ranks * (size_t)len);
	requests = memory(sizeof(*requests) * 2 * (size_t)ranks);
	statuses = memory(sizeof(*statuses) * 2 * (size_t)ranks);
	took = memory(sizeof(*took) * (size_t)rounds);
	prepare(0);
	look_at_memory(before); /* twice: reading takes memory too */
	look_at_memory(before);
	start_together();
	for (int round = 0; round < rounds; round++) {
		double start;

		if (round) {
			prepare(round);
			MPI_Barrier(MPI_COMM_WORLD);
		}
		start = MPI_Wtime();
		exchange(round);
		took[round] = MPI_Wtime() - start;
		verify_all(round);
	}
	look_at_memory(after);
	if (!rank)
		printf("%-34s %10d\n%-34s %10d\n%-34s %10d\n", "ranks", ranks, "bytes of a message",
		       len, "rounds", rounds);
	print_memory(before, after);
	print_times(took);
	if (nap)
		sleep((unsigned)atoi(nap));
	MPI_Barrier(MPI_COMM_WORLD);
	if (!rank)
		printf("PASS: %d ranks, %d rounds of %d bytes\n", ranks, rounds, len);
	MPI_Finalize();
	free(in);
	free(out);
	free(requests);
	free(statuses);
	free(took);
	return 0;
}
