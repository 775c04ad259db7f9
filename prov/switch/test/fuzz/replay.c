/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Runs a fuzz target on every file of its corpus, without libFuzzer: an input that failed
 * once is tested again with any compiler and under every sanitizer.
 *
 * A program NAME_replay reads corpus/NAME below the folder that FUZZ_CORPUS names, or the
 * folders and files given as arguments.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20, SKIP = 77 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copies the input into a block of exactly its size, so that a sanitizer sees any read past
 * its end. */
static bool replay_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	const char *name = strrchr(path, '/');
	uint8_t *input;
	size_t size;

	if (!file) {
		perror(path);
		return false;
	}
	size = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	input = malloc(size);
	if (!input && size)
		return false;
	if (size)
		memcpy(input, buf, size);
	fprintf(stderr, "%s, %zu bytes\n", path, size);
	LLVMFuzzerTestOneInput(input, size);
	free(input);
	printf("PASS: %s\n", name ? name + 1 : path);
	fflush(stdout);
	return true;
}

static bool replay(const char *path)
{
	struct dirent **names;
	struct stat stat_buf;
	char inner[4096];
	bool good = true;
	int cnt;

	if (stat(path, &stat_buf)) {
		perror(path);
		return false;
	}
	if (!S_ISDIR(stat_buf.st_mode))
		return replay_file(path);
	cnt = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < cnt; i++) {
		snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			good &= replay(inner);
		free(names[i]);
	}
	if (cnt >= 0)
		free(names);
	return good && cnt >= 0;
}

int main(int argc, char **argv)
{
	const char *corpus = getenv("FUZZ_CORPUS"), *name = strrchr(argv[0], '/');
	char path[4096];
	bool good = true;
	int len;

	for (int i = 1; i < argc; i++)
		good &= replay(argv[i]);
	if (argc > 1)
		return good ? EXIT_SUCCESS : EXIT_FAILURE;
	if (!corpus) {
		printf("FUZZ_CORPUS names no folder\n");
		return SKIP;
	}
	name = name ? name + 1 : argv[0];
	if (!strncmp(name, "lt-", 3)) /* libtool's wrapper runs lt-NAME in the build directory */
		name += 3;
	len = (int)strcspn(name, "_");
	snprintf(path, sizeof(path), "%s/%.*s", corpus, len, name);
	return replay(path) ? EXIT_SUCCESS : EXIT_FAILURE;
}
