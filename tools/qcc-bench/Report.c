#include "Report.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int rows;

bool report_format(const char *name, enum ReportFormat *format) {
  static const char *const names[] = {"md", "json", "csv"};
  for (int i = 0; i < 3; i++)
    if (!strcmp(name, names[i])) {
      *format = (enum ReportFormat)i;
      return true;
    }
  return false;
}

typedef struct { double mean, deviation; } Statistic;

static double rate(const Row *row, int i) { return (double)((row->prompt + row->generated) * row->batch) / row->seconds[i]; }
static double nanoseconds(const Row *row, int i) { return 1e9 * row->seconds[i]; }

static Statistic statistic(const Row *row, double (*value)(const Row *, int)) {
  Statistic s = {0, 0};
  for (int i = 0; i < row->count; i++)
    s.mean += value(row, i) / row->count;
  for (int i = 0; i < row->count && row->count > 1; i++)
    s.deviation += (value(row, i) - s.mean) * (value(row, i) - s.mean) / (row->count - 1);
  s.deviation = sqrt(s.deviation);
  return s;
}

/* Bytes per second that the steps read. */
static double readRate(const Row *row) { return (double)row->bytesPerStep * statistic(row, rate).mean / (double)row->batch; }

void report_begin(enum ReportFormat format) {
  rows = 0;
  if (format == ReportJson)
    puts("[");
  else if (format == ReportCsv)
    puts("model_filename,variant,n_threads,n_batch,n_prompt,n_gen,n_depth,avg_ns,stddev_ns,avg_ts,stddev_ts,bytes_per_token,gbps,probe_gbps,probe_share");
  else
    puts("| variant | threads | test | t/s | GB/s | read probe GB/s | share |\n| --- | --: | --: | --: | --: | --: | --: |");
}

static void quoted(const char *text) {
  putchar('"');
  for (; *text; text++)
    if (*text == '"' || *text == '\\')
      printf("\\%c", *text);
    else if ((unsigned char)*text < 0x20)
      printf("\\u%04x", *text);
    else
      putchar(*text);
  putchar('"');
}

static void jsonRow(const Row *row) {
  Statistic time = statistic(row, nanoseconds), speed = statistic(row, rate);
  printf("%s  {\n    \"model_filename\": ", rows ? ",\n" : "");
  quoted(row->path);
  printf(",\n    \"variant\": ");
  quoted(row->variant);
  printf(",\n    \"n_threads\": %d, \"n_batch\": %lld, \"n_prompt\": %lld, \"n_gen\": %lld, \"n_depth\": %lld,\n", row->threads,
         (long long)row->batch, (long long)row->prompt, (long long)row->generated, (long long)row->depth);
  printf("    \"avg_ns\": %.0f, \"stddev_ns\": %.0f, \"avg_ts\": %.6f, \"stddev_ts\": %.6f,\n    \"samples_ns\": [", time.mean, time.deviation,
         speed.mean, speed.deviation);
  for (int i = 0; i < row->count; i++)
    printf("%s%.0f", i ? ", " : "", nanoseconds(row, i));
  printf("], \"samples_ts\": [");
  for (int i = 0; i < row->count; i++)
    printf("%s%.6f", i ? ", " : "", rate(row, i));
  printf("],\n    \"weights_bytes\": %lld", (long long)row->weightsBytes);
  if (row->bytesPerStep)
    printf(", \"bytes_per_token\": %lld, \"gbps\": %.3f", (long long)row->bytesPerStep, readRate(row) / 1e9);
  if (row->probe > 0)
    printf(", \"probe_gbps\": %.3f", row->probe / 1e9);
  if (row->bytesPerStep && row->probe > 0)
    printf(", \"probe_share\": %.4f", readRate(row) / row->probe);
  printf("\n  }");
}

static void csvRow(const Row *row) {
  Statistic time = statistic(row, nanoseconds), speed = statistic(row, rate);
  quoted(row->path);
  printf(",%s,%d,%lld,%lld,%lld,%lld,%.0f,%.0f,%.6f,%.6f,%lld,%.3f,%.3f,%.4f\n", row->variant, row->threads, (long long)row->batch,
         (long long)row->prompt, (long long)row->generated, (long long)row->depth, time.mean, time.deviation, speed.mean, speed.deviation,
         (long long)row->bytesPerStep, readRate(row) / 1e9, row->probe / 1e9, row->probe > 0 ? readRate(row) / row->probe : 0.0);
}

static void markdownRow(const Row *row) {
  Statistic speed = statistic(row, rate);
  char test[64], depth[32] = "";
  if (row->depth)
    snprintf(depth, sizeof depth, " @ d%lld", (long long)row->depth);
  snprintf(test, sizeof test, "%s%lld%s", row->prompt ? "pp" : "tg", (long long)(row->prompt + row->generated), depth);
  printf("| %s | %d | %s | %.2f ± %.2f | ", row->variant, row->threads, test, speed.mean, speed.deviation);
  if (row->bytesPerStep)
    printf("%.2f", readRate(row) / 1e9);
  printf(" | ");
  if (row->probe > 0)
    printf("%.2f", row->probe / 1e9);
  printf(" | ");
  if (row->bytesPerStep && row->probe > 0)
    printf("%.2f", readRate(row) / row->probe);
  printf(" |\n");
}

void report_row(enum ReportFormat format, const Row *row) {
  (format == ReportJson ? jsonRow : format == ReportCsv ? csvRow : markdownRow)(row);
  rows++;
  fflush(stdout);
}

void report_end(enum ReportFormat format) {
  if (format == ReportJson)
    puts("\n]");
}
