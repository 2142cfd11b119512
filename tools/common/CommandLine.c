#include "CommandLine.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fail(int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s: error: ", tool_name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return code;
}

int fail_value(const struct option *options, int which, const char *value) {
  while (options->name && options->val != which)
    options++;
  if (options->name)
    return fail(ExitUsage, "--%s=%s is not a valid value; see %s --help", options->name, value, tool_name);
  return fail(ExitUsage, "-%c %s is not a valid value; see %s --help", which, value, tool_name);
}

/* Least number of letters to insert, remove or replace; names are shorter than 32 letters, longer words far from all of them. */
static size_t edit_distance(const char *a, const char *b) {
  size_t n = strlen(b), row[32];
  if (strlen(a) > 31 || n > 31)
    return SIZE_MAX;
  for (size_t j = 0; j <= n; j++)
    row[j] = j;
  for (size_t i = 0; a[i]; i++) {
    size_t corner = row[0]++;
    for (size_t j = 1; j <= n; j++) {
      size_t above = row[j], replaced = corner + (a[i] != b[j - 1]), least = (above < row[j - 1] ? above : row[j - 1]) + 1;
      row[j] = replaced < least ? replaced : least;
      corner = above;
    }
  }
  return row[n];
}

static int fail_name(const struct option *options, const char *word) {
  char name[32] = "";
  size_t length = strcspn(word, "=");
  if (length < sizeof name)
    memcpy(name, word, length);
  const char *nearest = NULL;
  size_t best = 3;                                            /* fewer letters than that are a slip */
  for (; name[0] && options->name; options++) {
    size_t distance = edit_distance(name, options->name);
    if (distance < best)
      best = distance, nearest = options->name;
  }
  if (nearest)
    return fail(ExitUsage, "--%.*s is no option; did you mean --%s?", (int)length, word, nearest);
  return fail(ExitUsage, "--%.*s is no option; see %s --help", (int)length, word, tool_name);
}

int fail_option(const struct option *options, int what, char *const *words) {
  const char *word = words[optind - 1];
  const struct option *known = options;
  while (known->name && known->val != optopt)
    known++;
  bool isLong = !strncmp(word, "--", 2);
  if (what == ':')
    return isLong ? fail(ExitUsage, "--%s needs a value; see %s --help", known->name, tool_name) : fail(ExitUsage, "-%c needs a value; see %s --help", optopt, tool_name);
  if (!optopt)
    return fail_name(options, word + 2);
  if (isLong && known->name)
    return fail(ExitUsage, "--%s takes no value; see %s --help", known->name, tool_name);
  return fail(ExitUsage, "-%c is no option; see %s --help", optopt, tool_name);
}

int finish_output(int code) {
  if (!fflush(stdout) && !ferror(stdout))
    return code;
  fail(ExitResource, "cannot write to standard output: %s", strerror(errno));
  return code ? code : ExitResource;
}

/* The end of the number at the front of `text`; null when there is none. */
static const char *takeNumber(const char *text, int64_t least, int64_t *value) {
  char *end;
  errno = 0;
  *value = strtoll(text, &end, 10);
  return end == text || errno || *value < least ? NULL : end;
}

bool number_parse(const char *text, int64_t least, int64_t *value) {
  const char *end = takeNumber(text, least, value);
  return end && !*end;
}

bool numbers_parse(const char *text, int64_t least, int64_t *list, int64_t most, int64_t *count) {
  for (*count = 0; *count < most; text++) {
    text = takeNumber(text, least, &list[(*count)++]);
    if (!text || (*text && *text != ','))
      return false;
    if (!*text)
      return true;
  }
  return false;
}
