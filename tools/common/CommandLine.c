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
