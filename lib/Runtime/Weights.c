#include "Weights.h"
#include "Sha256.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct { const char *path; char *text; size_t size; } Complaint;

/* The message, after the name of the weights; false, so that a check can return it. */
__attribute__((format(printf, 2, 3))) static bool refuse(Complaint *why, const char *format, ...) {
  int n = snprintf(why->text, why->size, "%s: ", why->path);
  if (n > 0 && (size_t)n < why->size) {
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    vsnprintf(why->text + n, why->size - (size_t)n, format, arguments);
    __builtin_va_end(arguments);
  }
  return false;
}

static bool inside(uint64_t offset, uint64_t bytes, uint64_t end) { return offset <= end && bytes <= end - offset; }

const qcc_weights_header *qccrt_weights_header(const qccrt_weights *weights) { return (const qcc_weights_header *)weights->image; }

const qcc_weights_section *qccrt_weights_sections(const qccrt_weights *weights) {
  return (const qcc_weights_section *)(weights->image + qccrt_weights_header(weights)->table_offset);
}

static bool checkSections(const qccrt_weights *weights, Complaint *why) {
  const qcc_weights_header *header = qccrt_weights_header(weights);
  const qcc_weights_section *sections = qccrt_weights_sections(weights);
  for (uint32_t i = 0; i < header->num_sections; i++) {
    const qcc_weights_section *s = &sections[i];
    if (s->offset % 64 || !inside(s->offset, s->bytes, header->data_bytes) || !inside(s->name_offset, s->name_bytes, header->table_bytes))
      return refuse(why, "section %u does not lie inside the file", i);
  }
  return true;
}

static bool check(qccrt_weights *weights, Complaint *why) {
  uint64_t bytes = weights->imageBytes;
  const uint64_t footerBytes = sizeof QCC_WEIGHTS_FOOTER - 1;
  const qcc_weights_header *header = qccrt_weights_header(weights);
  if (bytes < sizeof *header + footerBytes)
    return refuse(why, "%llu bytes are too few for a weights file", (unsigned long long)bytes);
  if (memcmp(header->magic, QCC_WEIGHTS_MAGIC, sizeof header->magic))
    return refuse(why, "not a weights file (its first bytes are not %.7s)", QCC_WEIGHTS_MAGIC);
  if (header->version != 1)
    return refuse(why, "weights file version %u, but this library reads version 1", header->version);
  if (header->file_bytes != bytes)
    return refuse(why, "has %llu bytes, but its header says %llu: shortened or damaged", (unsigned long long)bytes,
                  (unsigned long long)header->file_bytes);
  uint64_t end = bytes - footerBytes;
  if (memcmp(weights->image + end, QCC_WEIGHTS_FOOTER, footerBytes))
    return refuse(why, "its footer is missing: not completely written, or damaged");
  if (header->table_offset % 8 || header->table_offset < sizeof *header || !inside(header->table_offset, header->table_bytes, end) ||
      header->num_sections > header->table_bytes / sizeof(qcc_weights_section))
    return refuse(why, "its section table does not lie inside the file");
  if (header->data_offset % QCC_WEIGHTS_ALIGN || !inside(header->data_offset, header->data_bytes, end))
    return refuse(why, "its data region does not lie inside the file");
  uint8_t id[32];
  qccrt_sha256(weights->image + header->table_offset, header->table_bytes, id);
  if (memcmp(id, header->id, sizeof id))
    return refuse(why, "its section table is damaged (SHA-256 differs from the header's)");
  return checkSections(weights, why);
}

bool qccrt_weights_use(qccrt_weights *weights, const uint8_t *image, uint64_t bytes, const char *path, char *error, size_t size) {
  Complaint why = {path, error, size};
  *weights = (qccrt_weights){.image = image, .imageBytes = bytes};
  if ((uintptr_t)image % 64 == 0 ? check(weights, &why) : refuse(&why, "embedded weights are not aligned to 64 bytes")) {
    weights->data = image + qccrt_weights_header(weights)->data_offset;
    return true;
  }
  *weights = (qccrt_weights){0};
  return false;
}

bool qccrt_weights_map(qccrt_weights *weights, const char *path, char *error, size_t size) {
  Complaint why = {path, error, size};
  *weights = (qccrt_weights){0};
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);   /* a FIFO must not block; it is refused below */
  if (file < 0)
    return refuse(&why, "cannot be opened: %s", strerror(errno));
  struct stat facts;
  void *image = MAP_FAILED;
  if (fstat(file, &facts) || !S_ISREG(facts.st_mode))
    refuse(&why, "is not a regular file");
  else if (facts.st_size == 0)
    refuse(&why, "is empty");
  else if ((image = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, file, 0)) == MAP_FAILED)
    refuse(&why, "cannot be mapped: %s", strerror(errno));
  close(file);
  if (image == MAP_FAILED)
    return false;
  if (!qccrt_weights_use(weights, image, (uint64_t)facts.st_size, path, error, size)) {
    munmap(image, (size_t)facts.st_size);
    return false;
  }
  weights->mapped = true;
  /* Let the kernel read ahead while the caller goes on; huge pages where the file system has them. */
  madvise(image, (size_t)facts.st_size, MADV_WILLNEED);
  madvise(image, (size_t)facts.st_size, MADV_HUGEPAGE);
  return true;
}

static void unmap(qccrt_weights *weights) {
  if (weights->mapped)
    munmap((void *)weights->image, weights->imageBytes);
  weights->image = NULL;
  weights->mapped = false;
}

void qccrt_weights_free(qccrt_weights *weights) {
  unmap(weights);
  qccrt_block_free(&weights->copy);
  *weights = (qccrt_weights){0};
}

bool qccrt_weights_verify(const qccrt_weights *weights, const char *path, char *error, size_t size) {
  Complaint why = {path, error, size};
  const qcc_weights_header *header = qccrt_weights_header(weights);
  const uint8_t *table = weights->image + header->table_offset, *data = weights->image + header->data_offset;
  for (uint32_t i = 0; i < header->num_sections; i++) {
    const qcc_weights_section *s = &qccrt_weights_sections(weights)[i];
    uint8_t digest[32];
    qccrt_sha256(data + s->offset, s->bytes, digest);
    if (memcmp(digest, s->sha256, sizeof digest))
      return refuse(&why, "section '%.*s' is damaged (SHA-256 differs from the table's)", (int)(s->name_bytes < 200 ? s->name_bytes : 200),
                    (const char *)table + s->name_offset);
  }
  return true;
}

bool qccrt_weights_copy(qccrt_weights *weights) {
  uint64_t bytes = qccrt_weights_header(weights)->data_bytes;
  if (!qccrt_block_reserve(&weights->copy, bytes))
    return false;
  memcpy(weights->copy.data, weights->data, bytes);
  weights->data = weights->copy.data;
  unmap(weights);
  return true;
}
