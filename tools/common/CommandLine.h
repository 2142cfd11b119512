/* Command lines of the tools that run artifacts: numbers, lists of them, and how an error is told. */
#ifndef QCC_TOOLS_COMMON_COMMANDLINE_H
#define QCC_TOOLS_COMMON_COMMANDLINE_H
#include "qcc/Base/ExitCodes.h"
#include <stdbool.h>
#include <stdint.h>

extern const char tool_name[];                                /* each tool defines its own */

/* Prints "<tool_name>: error: ..." as one line on standard error; returns `code`. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "--context=0 is not valid; see <tool_name> --help", of the option of `options` whose value getopt_long returns as `which`: ExitUsage. */
struct option;
int fail_value(const struct option *options, int which, const char *value);

/* What getopt_long, with ":" first in its short options and opterr 0, found wrong when it returned `what` (':' or '?'): "--contxt is no option; did you
 * mean --context?": ExitUsage. */
int fail_option(const struct option *options, int what, char *const *words);

/* The exit code of a program that wrote to standard output: `code`, or ExitResource after a message where that could not all be written. */
int finish_output(int code);

/* Is all of `text` a decimal number of at least `least`? */
bool number_parse(const char *text, int64_t least, int64_t *value);

/* "1,2,3": false when an item is no such number, or there are more than `most`. */
bool numbers_parse(const char *text, int64_t least, int64_t *list, int64_t most, int64_t *count);
#endif
