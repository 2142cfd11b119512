/* Format: magic "\x93NUMPY", version, header length, then a Python dict as text: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } */
#include "Npy.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "\x93NUMPY";
enum { MagicBytes = 6, MaxHeader = 1 << 16 };

typedef struct { const char *path; char *text; size_t size; } Complaint;

__attribute__((format(printf, 2, 3))) static bool refuse(Complaint *why, const char *format, ...) {
  int n = snprintf(why->text, why->size, "%s: ", why->path);
  va_list arguments;
  va_start(arguments, format);
  if (n > 0 && (size_t)n < why->size)
    vsnprintf(why->text + n, why->size - (size_t)n, format, arguments);
  va_end(arguments);
  return false;
}

/* The text after `'key':`, or null. */
static const char *valueOf(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (!at)
    return NULL;
  for (at += strlen(key); isspace((unsigned char)*at) || *at == ':'; at++)
    ;
  return at;
}

static bool parseType(const char *text, NpyArray *array, Complaint *why) {
  int bytes = 0;
  char order = 0, kind = 0, quote = 0;
  if (!text || sscanf(text, "'%c%c%d%c", &order, &kind, &bytes, &quote) != 4 || quote != '\'')
    return refuse(why, "the header has no plain 'descr'");
  static const struct { char kind; uint8_t code; unsigned sizes; } kinds[] = {{'i', 0, 0x116}, {'u', 1, 0x116}, {'f', 2, 0x114}, {'b', 6, 0x2}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].kind == kind && bytes > 0 && bytes <= 8 && kinds[i].sizes >> bytes & 1 && (order == '<' || (order == '|' && bytes == 1))) {
      array->code = kinds[i].code;
      array->bits = (uint8_t)(8 * bytes);
      return true;
    }
  return refuse(why, "element type '%c%c%d' is not supported: use little-endian bool, integers or floats", order, kind, bytes);
}

static bool parseShape(const char *text, NpyArray *array, Complaint *why) {
  if (!text || *text++ != '(')
    return refuse(why, "the header has no 'shape'");
  size_t bytes = array->bits / 8;
  for (array->rank = 0;; text++) {
    while (*text == ' ' || *text == ',')
      text++;
    if (*text == ')')
      break;
    char *end;
    errno = 0;
    long long extent = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;
    if (extent < 0 || errno || array->rank == NpyMaxRank)
      return refuse(why, "the header has no 'shape' of up to %d plain numbers", NpyMaxRank);
    if (__builtin_mul_overflow(bytes, (size_t)extent, &bytes))
      return refuse(why, "the shape is impossibly large");
    array->shape[array->rank++] = extent;
    text = end - 1;
  }
  array->bytes = bytes;
  return true;
}

static bool parse(const uint8_t *file, size_t bytes, NpyArray *array, Complaint *why) {
  if (bytes < 12 || memcmp(file, magic, MagicBytes))
    return refuse(why, "not an .npy file");
  size_t start = file[6] == 1 ? 10 : 12, length = file[8] | file[9] << 8;
  if (file[6] > 1)
    length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
  if (file[6] < 1 || file[6] > 3 || length > MaxHeader || length > bytes - start)
    return refuse(why, "the .npy header is damaged");
  char *header = strndup((const char *)file + start, length);
  if (!header)
    return refuse(why, "out of memory");
  const char *order = valueOf(header, "'fortran_order'");
  bool ok = parseType(valueOf(header, "'descr'"), array, why) && parseShape(valueOf(header, "'shape'"), array, why);
  if (ok && (!order || strncmp(order, "False", 5)))
    ok = refuse(why, "the array must be in C order");
  free(header);
  if (ok && array->bytes != bytes - start - length)
    ok = refuse(why, "has %zu bytes of data, but its header says %zu", bytes - start - length, array->bytes);
  if (!ok)
    return false;
  array->data = malloc(array->bytes + 1);
  if (!array->data)
    return refuse(why, "out of memory");
  memcpy(array->data, file + start + length, array->bytes);
  return true;
}

bool npy_read(const char *path, NpyArray *array, bool *missing, char *error, size_t size) {
  Complaint why = {path, error, size};
  memset(array, 0, sizeof *array);
  *missing = true;
  struct stat facts;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return refuse(&why, "%s", strerror(errno));
  uint8_t *bytes = NULL;
  size_t have = 0;
  bool ok = fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && (bytes = malloc((size_t)facts.st_size + 1)) != NULL;
  for (ssize_t n = 1; ok && have < (size_t)facts.st_size && n > 0; have += n > 0 ? (size_t)n : 0)
    n = read(file, bytes + have, (size_t)facts.st_size - have);
  close(file);
  if (!ok)
    refuse(&why, "cannot be read as a file");
  else {
    *missing = false;
    ok = parse(bytes, have, array, &why);
  }
  free(bytes);
  return ok;
}

bool npy_write(const char *path, const NpyArray *array, char *error, size_t size) {
  Complaint why = {path, error, size};
  static const char kinds[] = {'i', 'u', 'f', 0, 0, 0, 'b'};
  char header[320], temporary[4096];
  int n = snprintf(header, sizeof header, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (", array->bits == 8 ? '|' : '<',
                   kinds[array->code], array->bits / 8);
  for (int i = 0; i < array->rank; i++)
    n += snprintf(header + n, sizeof header - (size_t)n, "%lld,", (long long)array->shape[i]);
  n += snprintf(header + n, sizeof header - (size_t)n, "), }");
  int padded = (10 + n + 1 + 63) / 64 * 64 - 10;              /* data starts at a multiple of 64, as numpy writes it */
  uint8_t start[10] = {0, 0, 0, 0, 0, 0, 1, 0, (uint8_t)padded, (uint8_t)(padded >> 8)};
  memcpy(start, magic, MagicBytes);
  if (snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof temporary)
    return refuse(&why, "the path is too long");
  struct stat facts;
  if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))     /* the rename below would replace a device */
    return refuse(&why, "cannot be written: it is no regular file");
  FILE *out = fopen(temporary, "wb");
  if (!out)
    return refuse(&why, "cannot be written: %s", strerror(errno));
  bool ok = fwrite(start, sizeof start, 1, out) == 1 && fprintf(out, "%s%*s\n", header, padded - n - 1, "") > 0 &&
            fwrite(array->data, 1, array->bytes, out) == array->bytes;
  ok = fclose(out) == 0 && ok;
  if (ok && rename(temporary, path) == 0)
    return true;
  refuse(&why, "cannot be written: %s", strerror(errno));
  unlink(temporary);
  return false;
}

void npy_free(NpyArray *array) {
  free(array->data);
  memset(array, 0, sizeof *array);
}
