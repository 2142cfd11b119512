/* Preloaded into qcc: the disk is full when a file whose name contains FULL_DISK is written. Writes fail, and so
   do the pages of a mapped file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int isFull(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = 0;
  return strstr(path, getenv("FULL_DISK")) != NULL;
}

ssize_t write(int file, const void *bytes, size_t count) {
  ssize_t (*next)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  return isFull(file) ? (errno = ENOSPC, -1) : next(file, bytes, count);
}

/* A size needs no blocks; it fails later, when a page of the mapped file is touched: with the signal that a mapping gives past the end of its file. */
int ftruncate(int file, off_t length) {
  int (*next)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
  return isFull(file) ? 0 : next(file, length);
}
