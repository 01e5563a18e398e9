/*
 * Memory that is there or ends the process.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

NORETURN static void out_of_memory(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

void *mem_alloc(size_t n_bytes)
{
	return mem_alloc_array(1, n_bytes);
}

void *mem_alloc_array(size_t n_elements, size_t element_bytes)
{
	void *memory =
		calloc(n_elements > 0 ? n_elements : 1, element_bytes > 0 ? element_bytes : 1);

	if (memory == NULL) {
		out_of_memory();
	}
	return memory;
}

void *mem_resize_array(void *memory, size_t n_elements, size_t element_bytes)
{
	if (element_bytes > 0 && n_elements > SIZE_MAX / element_bytes) {
		out_of_memory();
	}
	memory = realloc(memory, MAX(n_elements * element_bytes, (size_t)1));
	if (memory == NULL) {
		out_of_memory();
	}
	return memory;
}

void *mem_grow_array(void *memory, size_t n, size_t *capacity, size_t element_bytes)
{
	if (n < *capacity) {
		return memory;
	}
	*capacity = *capacity == 0 ? 8 : *capacity * 2;
	return mem_resize_array(memory, *capacity, element_bytes);
}

void *mem_append(void *array, size_t *n, size_t *capacity, size_t element_bytes)
{
	char *memory = mem_grow_array(*(void **)array, *n, capacity, element_bytes);

	*(void **)array = memory;
	return memset(memory + (*n)++ * element_bytes, 0, element_bytes);
}

char *mem_copy_text(const char *text, size_t n_bytes)
{
	char *copy = mem_alloc(n_bytes + 1);

	if (n_bytes > 0) {
		memcpy(copy, text, n_bytes);
	}
	return copy;
}

char *mem_printf(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int used;

	va_start(args, format);
	used = vasprintf(&text, format, args);
	va_end(args);
	if (used < 0) {
		out_of_memory();
	}
	return text;
}

void mem_wipe(void *memory, size_t n_bytes)
{
	if (memory != NULL) {
		explicit_bzero(memory, n_bytes);
	}
}
