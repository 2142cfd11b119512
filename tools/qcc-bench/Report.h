/* Rows of results in llama-bench's shapes. */
#ifndef QCC_TOOLS_QCC_BENCH_REPORT_H
#define QCC_TOOLS_QCC_BENCH_REPORT_H
#include "Regions.h"
#include <stdbool.h>
#include <stdint.h>

enum ReportFormat { ReportMarkdown, ReportJson, ReportCsv };
typedef struct {
  const char *path, *variant;
  int threads, count;                                         /* repetitions that count */
  int64_t batch, prompt, generated, depth;                    /* tokens; one of prompt and generated is 0 */
  double *seconds;                                            /* of each repetition */
  int64_t weightsBytes, bytesPerStep;                         /* bytesPerStep: 0 where it does not apply or is not known */
  double probe;                                               /* bytes per second; 0: not measured */
  const Regions *regions;                                     /* null without --regions */
} Row;

bool report_format(const char *name, enum ReportFormat *format);
void report_begin(enum ReportFormat format);
void report_row(enum ReportFormat format, const Row *row);
/* A table of the row's regions, after all rows. Markdown only: JSON has them in its rows, CSV has no place for them. */
void report_regions(const Row *row);
void report_end(enum ReportFormat format);
#endif
