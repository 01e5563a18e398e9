/*
 * Runs a fuzzer's function over files and directories of files: the corpora as ordinary tests, with
 * any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define MAX_FILE_BYTES (4 * 1024 * 1024)

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(MAX_FILE_BYTES);
	size_t n;

	if (file == NULL || data == NULL) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(EXIT_FAILURE);
	}
	n = fread(data, 1, MAX_FILE_BYTES, file);
	fclose(file);
	/* A copy of the exact size, so that reading beyond it is seen. */
	data = realloc(data, n > 0 ? n : 1);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 1;
}

static int replay(const char *path)
{
	struct dirent **entries;
	struct stat status;
	int n_entries;
	int n_files = 0;

	if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
		return replay_file(path);
	}
	n_entries = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n_entries; i++) {
		char inner[4096];

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		n_files += entries[i]->d_name[0] == '.' ? 0 : replay(inner);
		free(entries[i]);
	}
	free(entries);
	return n_files;
}

int main(int argc, char **argv)
{
	int n_files = 0;

	for (int i = 1; i < argc; i++) {
		n_files += replay(argv[i]);
	}
	printf("%d inputs\n", n_files);
	return n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
