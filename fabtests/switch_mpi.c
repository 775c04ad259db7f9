/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What MPI programs do, with every byte checked: for any number of ranks from
 * two.  Prints one line a case, from rank 0, and ends with status 1 at the
 * first thing that is wrong.  Knows nothing of libfabric: which provider it
 * runs over, mpirun is told (see switch_mpi.sh).
 *
 * Arguments: names of cases; default: all.  Environment: SEED.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "mpi_check.h"

/* As often small as large. */
static size_t some_len(uint64_t key, size_t max)
{
	size_t len = (size_t)(mix(key + 1) % (max + 1));

	return len >> (mix(key + 2) % 20);
}

static void *memory(size_t len)
{
	void *mem = malloc(len ? len : 1);

	CHECK(mem, "%zu bytes", len);
	memset(mem, 0xee, len);
	return mem;
}

/* -- cases ------------------------------------------------------------------------- */

static void ping_pong(void)
{
	static const int lens[] = {0,	  1,	 64,	 4096,	 32767,	  32768,
				   32769, 65536, 139263, 139264, 1 << 20, 4 << 20};
	char *buf = memory(4 << 20);
	int other = rank ^ 1;

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]) && other < ranks; i++) {
		for (int round = 0; round < 20; round++) {
			if ((round ^ rank) & 1) {
				memset(buf, 0xee, (size_t)lens[i]);
				MPI_Recv(buf, lens[i], MPI_BYTE, other, round, MPI_COMM_WORLD,
					 MPI_STATUS_IGNORE);
				verify(buf, (size_t)lens[i], key_of(other, rank, round), other);
			} else {
				fill(buf, (size_t)lens[i], key_of(rank, other, round));
				MPI_Send(buf, lens[i], MPI_BYTE, other, round, MPI_COMM_WORLD);
			}
		}
	}
	free(buf);
}

static void collectives_of(int cnt)
{
	size_t all = (size_t)cnt * (size_t)ranks;
	int *mine = memory(all * sizeof(int)), *theirs = memory(all * sizeof(int)), root;

	for (root = 0; root < ranks; root++) {
		for (int i = 0; i < cnt; i++)
			mine[i] = rank == root ? root * 1000 + i : -1;
		MPI_Bcast(mine, cnt, MPI_INT, root, MPI_COMM_WORLD);
		for (int i = 0; i < cnt; i++)
			CHECK(mine[i] == root * 1000 + i, "broadcast from %d", root);
		for (int i = 0; i < cnt; i++)
			mine[i] = rank + i;
		MPI_Reduce(mine, theirs, cnt, MPI_INT, MPI_SUM, root, MPI_COMM_WORLD);
		for (int i = 0; i < cnt && rank == root; i++)
			CHECK(theirs[i] == ranks * (ranks - 1) / 2 + ranks * i, "reduction");
		MPI_Gather(mine, cnt, MPI_INT, theirs, cnt, MPI_INT, root, MPI_COMM_WORLD);
		for (size_t i = 0; i < all && rank == root; i++)
			CHECK(theirs[i] == (int)(i / (size_t)cnt + i % (size_t)cnt), "gathering");
		MPI_Scatter(theirs, cnt, MPI_INT, mine, cnt, MPI_INT, root, MPI_COMM_WORLD);
		for (int i = 0; i < cnt; i++)
			CHECK(mine[i] == rank + i, "scattering");
	}
	for (size_t i = 0; i < all; i++)
		mine[i] = rank * 1000000 + (int)i;
	MPI_Alltoall(mine, cnt, MPI_INT, theirs, cnt, MPI_INT, MPI_COMM_WORLD);
	for (size_t i = 0; i < all; i++)
		CHECK(theirs[i] == (int)(i / (size_t)cnt) * 1000000 + rank * cnt +
					   (int)(i % (size_t)cnt),
		      "all to all");
	MPI_Allgather(mine, cnt, MPI_INT, theirs, cnt, MPI_INT, MPI_COMM_WORLD);
	for (size_t i = 0; i < all; i++)
		CHECK(theirs[i] == (int)(i / (size_t)cnt) * 1000000 + (int)(i % (size_t)cnt),
		      "gathering everywhere");
	MPI_Allreduce(mine, theirs, cnt, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	for (int i = 0; i < cnt; i++)
		CHECK(theirs[i] == (ranks - 1) * 1000000 + i, "the greatest");
	MPI_Scan(mine, theirs, cnt, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
	for (int i = 0; i < cnt; i++)
		CHECK(theirs[i] == i, "the least so far");
	MPI_Reduce_scatter_block(mine, theirs, cnt, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	for (int i = 0; i < cnt; i++)
		CHECK(theirs[i] == (ranks - 1) * 1000000 + rank * cnt + i,
		      "the greatest, dealt out");
	free(mine);
	free(theirs);
}

static void collectives(void)
{
	static const int cnts[] = {1, 100, 5000, 60000};

	for (unsigned i = 0; i < sizeof(cnts) / sizeof(cnts[0]); i++)
		collectives_of(cnts[i]);
	for (int i = 0; i < 50; i++)
		MPI_Barrier(MPI_COMM_WORLD);
}

/* Everybody to everybody, all at once, received from anybody. */
static void storm(void)
{
	enum { CNT = 60, MAX = 200000 };
	int total = CNT * ranks, *next = memory(sizeof(int) * (size_t)ranks);
	MPI_Request *requests = memory(sizeof(*requests) * (size_t)total);
	char **bufs = memory(sizeof(*bufs) * (size_t)total), *in = memory(MAX);

	memset(next, 0, sizeof(int) * (size_t)ranks);
	for (int i = 0; i < total; i++) {
		int to = i % ranks, number = i / ranks;
		uint64_t key = key_of(rank, to, number);
		size_t len = some_len(key, MAX);

		bufs[i] = memory(len);
		fill(bufs[i], len, key);
		MPI_Isend(bufs[i], (int)len, MPI_BYTE, to, 7, MPI_COMM_WORLD, &requests[i]);
	}
	for (int i = 0; i < total; i++) {
		MPI_Status status;
		uint64_t key;
		int len;

		MPI_Recv(in, MAX, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
		MPI_Get_count(&status, MPI_BYTE, &len);
		key = key_of(status.MPI_SOURCE, rank, next[status.MPI_SOURCE]++);
		CHECK(status.MPI_TAG == 7 && (size_t)len == some_len(key, MAX),
		      "%d bytes from %d, out of order", len, status.MPI_SOURCE);
		verify(in, (size_t)len, key, status.MPI_SOURCE);
	}
	MPI_Waitall(total, requests, MPI_STATUSES_IGNORE);
	for (int i = 0; i < total; i++)
		free(bufs[i]);
	free(bufs);
	free(requests);
	free(next);
	free(in);
}

static void large(void)
{
	const size_t len = 48 << 20;
	int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
	char *out, *in;

	if (ranks > 4)
		return; /* memory, and nothing new */
	out = memory(len);
	in = memory(len);
	fill(out, len, key_of(rank, to, 0));
	MPI_Sendrecv(out, (int)len, MPI_BYTE, to, 1, in, (int)len, MPI_BYTE, from, 1,
		     MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	verify(in, len, key_of(from, rank, 0), from);
	free(out);
	free(in);
}

static void persistent(void)
{
	enum { ROUNDS = 50, LEN = 50000 };
	int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
	char *out = memory(LEN), *in = memory(LEN);
	MPI_Request requests[2];

	MPI_Send_init(out, LEN, MPI_BYTE, to, 3, MPI_COMM_WORLD, &requests[0]);
	MPI_Recv_init(in, LEN, MPI_BYTE, from, 3, MPI_COMM_WORLD, &requests[1]);
	for (int round = 0; round < ROUNDS; round++) {
		fill(out, LEN, key_of(rank, to, round));
		MPI_Startall(2, requests);
		MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
		verify(in, LEN, key_of(from, rank, round), from);
	}
	MPI_Request_free(&requests[0]);
	MPI_Request_free(&requests[1]);
	free(out);
	free(in);
}

/* Looks first, at any or one message, then receives what was seen. */
static void probe(void)
{
	enum { CNT = 40, MAX = 100000 };
	int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
	MPI_Request requests[CNT];
	char *out[CNT], *in = memory(MAX);

	for (int i = 0; i < CNT; i++) {
		uint64_t key = key_of(rank, to, i);
		size_t len = some_len(key, MAX);

		out[i] = memory(len);
		fill(out[i], len, key);
		MPI_Isend(out[i], (int)len, MPI_BYTE, to, i, MPI_COMM_WORLD, &requests[i]);
	}
	for (int i = 0; i < CNT; i++) {
		int len, found = 0, number = CNT - 1 - i; /* the last one first */
		MPI_Message message;
		MPI_Status status;

		if (i % 3 == 0)
			MPI_Probe(from, number, MPI_COMM_WORLD, &status);
		else if (i % 3 == 1)
			while (!found)
				MPI_Iprobe(MPI_ANY_SOURCE, number, MPI_COMM_WORLD, &found, &status);
		else
			MPI_Mprobe(MPI_ANY_SOURCE, number, MPI_COMM_WORLD, &message, &status);
		MPI_Get_count(&status, MPI_BYTE, &len);
		CHECK((size_t)len == some_len(key_of(from, rank, number), MAX), "%d bytes", len);
		if (i % 3 == 2)
			MPI_Mrecv(in, len, MPI_BYTE, &message, &status);
		else
			MPI_Recv(in, len, MPI_BYTE, from, number, MPI_COMM_WORLD, &status);
		verify(in, (size_t)len, key_of(from, rank, number), from);
	}
	MPI_Waitall(CNT, requests, MPI_STATUSES_IGNORE);
	for (int i = 0; i < CNT; i++)
		free(out[i]);
	free(in);
}

/* Receives called back: what nobody sends, and what is perhaps on its way. */
static void cancel(void)
{
	enum { CNT = 50, LEN = 1000 };
	int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks, canceled;
	char *out = memory(LEN), *in = memory(LEN);
	MPI_Request request, sent;
	MPI_Status status;

	fill(out, LEN, key_of(rank, to, 0));
	for (int i = 0; i < CNT; i++) {
		MPI_Irecv(in, LEN, MPI_BYTE, from, 99, MPI_COMM_WORLD, &request);
		MPI_Cancel(&request);
		MPI_Wait(&request, &status);
		MPI_Test_cancelled(&status, &canceled);
		CHECK(canceled, "nobody sends with this tag");
		MPI_Isend(out, LEN, MPI_BYTE, to, i, MPI_COMM_WORLD, &sent);
		MPI_Irecv(in, LEN, MPI_BYTE, from, i, MPI_COMM_WORLD, &request);
		MPI_Cancel(&request);
		MPI_Wait(&request, &status);
		MPI_Test_cancelled(&status, &canceled);
		if (canceled)
			MPI_Recv(in, LEN, MPI_BYTE, from, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		verify(in, LEN, key_of(from, rank, 0), from);
		MPI_Wait(&sent, MPI_STATUS_IGNORE);
	}
	free(out);
	free(in);
}

/* -- MPI_THREAD_MULTIPLE ------------------------------------------------------------- */

enum { THREADS = 3, THREAD_ROUNDS = 60, THREAD_LEN = 60000 };

/* Thread n of each rank talks to thread n of its neighbours. */
static void *thread_work(void *arg)
{
	int number = *(int *)arg, to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
	char *out = memory(THREAD_LEN), *in = memory(THREAD_LEN);

	for (int round = 0; round < THREAD_ROUNDS; round++) {
		int tag = number * 1000 + round;
		size_t len = some_len(key_of(rank, to, tag), THREAD_LEN);
		size_t expected = some_len(key_of(from, rank, tag), THREAD_LEN);
		MPI_Request request;
		MPI_Status status;
		int got;

		MPI_Irecv(in, THREAD_LEN, MPI_BYTE, from, tag, MPI_COMM_WORLD, &request);
		fill(out, len, key_of(rank, to, tag));
		MPI_Send(out, (int)len, MPI_BYTE, to, tag, MPI_COMM_WORLD);
		MPI_Wait(&request, &status);
		MPI_Get_count(&status, MPI_BYTE, &got);
		CHECK((size_t)got == expected, "%d bytes, tag %d", got, tag);
		verify(in, expected, key_of(from, rank, tag), from);
	}
	free(out);
	free(in);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[THREADS];
	int number[THREADS], provided;

	MPI_Query_thread(&provided);
	if (provided != MPI_THREAD_MULTIPLE) {
		if (!rank)
			printf("       (this MPI has no MPI_THREAD_MULTIPLE)\n");
		return;
	}
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		CHECK(!pthread_create(&thread[i], NULL, thread_work, &number[i]), "thread %d", i);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"ping_pong", ping_pong}, {"collectives", collectives}, {"storm", storm},
	{"large", large},	  {"persistent", persistent},	{"probe", probe},
	{"cancel", cancel},	  {"threads", threads},
};

static int is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const char *text = getenv("SEED");
	int provided;

	MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	MPI_Bcast(&seed, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
	if (!rank)
		printf("%d ranks, SEED=%llu\n", ranks, (unsigned long long)seed);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double start;

		if (!is_wanted(cases[i].name, argc, argv))
			continue;
		MPI_Barrier(MPI_COMM_WORLD);
		start = MPI_Wtime();
		cases[i].run();
		MPI_Barrier(MPI_COMM_WORLD);
		if (!rank)
			printf("PASS: %s %.2f s\n", cases[i].name, MPI_Wtime() - start);
	}
	MPI_Finalize();
	return 0;
}
