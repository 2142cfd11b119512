#include "Report.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Of a region that ran: calls in a step; microseconds and bytes of a call; shares of the program's and of the region's time. */
typedef struct { double calls, microseconds, share, waiting, bytes, readRate, operationRate; } RegionNumbers;

/* 0 for a coarse clock's 0 / 0. */
static double ratio(double part, double of) { return of > 0 ? part / of : 0; }

static RegionNumbers numbersOf(const Row *row, const qcc_region_info *region) {
  const Regions *r = row->regions;
  double time = (double)(region->work_ns + region->wait_ns), elapsed = 1e-9 * time / row->threads;
  return (RegionNumbers){.calls = (double)region->calls / (double)r->steps,
                         .microseconds = 1e6 * elapsed / (double)region->calls,
                         .share = ratio(time, (double)r->sums.total_ns),
                         .waiting = ratio((double)region->wait_ns, time),
                         .bytes = (double)region->weight_bytes / (double)region->calls,
                         .readRate = ratio((double)region->weight_bytes, elapsed),
                         .operationRate = ratio(2 * (double)region->macs, elapsed)};
}

/* In the order of the program. Rates of reading where weights are what limits: one row at a time. */
static void jsonRegions(const Row *row) {
  const Regions *r = row->regions;
  const char *separator = "";
  printf(",\n    \"steps\": %lld, \"step_ns\": %.0f, \"rest_share\": %.6f,\n    \"regions\": [", (long long)r->steps,
         (double)r->sums.total_ns / row->threads / (double)r->steps, ratio((double)r->sums.rest_ns, (double)r->sums.total_ns));
  for (int64_t i = 0; i < r->sums.num_regions; i++) {
    const qcc_region_info *region = &r->regions[i];
    if (!region->calls)
      continue;
    RegionNumbers n = numbersOf(row, region);
    printf("%s\n      {\"kernels\": ", separator);
    quoted(region->kernels);
    printf(", \"nodes\": ");
    quoted(region->nodes);
    printf(", \"calls\": %g, \"ns_per_call\": %.1f, \"best_ns\": %lld, \"share\": %.6f, \"waiting\": %.4f", n.calls, 1e3 * n.microseconds,
           (long long)region->best_ns, n.share, n.waiting);
    if (region->weight_bytes)
      printf(", \"weight_bytes\": %.0f", n.bytes);
    if (region->weight_bytes && row->generated)
      printf(", \"gbps\": %.6g", n.readRate / 1e9);
    if (region->weight_bytes && row->generated && row->probe > 0)
      printf(", \"probe_share\": %.6g", n.readRate / row->probe);
    if (region->macs)
      printf(", \"gops\": %.6g", n.operationRate / 1e9);
    putchar('}');
    separator = ",";
  }
  printf("]");
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
  if (row->regions)
    jsonRegions(row);
  printf("\n  }");
}

static void csvRow(const Row *row) {
  Statistic time = statistic(row, nanoseconds), speed = statistic(row, rate);
  quoted(row->path);
  printf(",%s,%d,%lld,%lld,%lld,%lld,%.0f,%.0f,%.6f,%.6f,%lld,%.3f,%.3f,%.4f\n", row->variant, row->threads, (long long)row->batch,
         (long long)row->prompt, (long long)row->generated, (long long)row->depth, time.mean, time.deviation, speed.mean, speed.deviation,
         (long long)row->bytesPerStep, readRate(row) / 1e9, row->probe / 1e9, row->probe > 0 ? readRate(row) / row->probe : 0.0);
}

/* llama-bench's name of the test. */
static const char *testName(const Row *row) {
  static char test[64];
  char depth[32] = "";
  if (row->depth)
    snprintf(depth, sizeof depth, " @ d%lld", (long long)row->depth);
  snprintf(test, sizeof test, "%s%lld%s", row->prompt ? "pp" : "tg", (long long)(row->prompt + row->generated), depth);
  return test;
}

static void markdownRow(const Row *row) {
  Statistic speed = statistic(row, rate);
  printf("| %s | %d | %s | %.2f ± %.2f | ", row->variant, row->threads, testName(row), speed.mean, speed.deviation);
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

static void cell(bool known, const char *format, double value) {
  printf(" ");
  if (known)
    printf(format, value);
  printf(" |");
}

static void regionRow(const Row *row, const qcc_region_info *region) {
  RegionNumbers n = numbersOf(row, region);
  double best = (double)region->best_ns;
  printf("| %s | %s | %g | %.1f | %.1f | %.1f | %.1f |", region->kernels, region->nodes, n.calls, n.microseconds, 1e-3 * best,
         100 * n.share, 100 * n.waiting);
  if (row->generated) {
    cell(region->weight_bytes, "%.3f", n.bytes / 1e6);
    cell(region->weight_bytes, "%.2f", n.readRate / 1e9);
    cell(region->weight_bytes, "%.2f", ratio(n.bytes, best));
    cell(region->weight_bytes && row->probe > 0, "%.2f", n.readRate / row->probe);
  } else {
    cell(region->macs, "%.0f", n.operationRate / 1e9);
    /* Of a prompt that takes several calls of the program the shortest call has the fewest rows. */
    cell(region->macs && row->regions->sums.calls == row->regions->steps, "%.0f", ratio(2 * (double)region->macs / (double)region->calls, best));
  }
  puts("");
}

void report_regions(const Row *row) {
  const Regions *r = row->regions;
  int64_t *order = calloc((size_t)r->sums.num_regions + 1, sizeof *order), waiting = 0;
  int64_t count = order ? regions_order(r, order) : 0;
  double total = (double)r->sums.total_ns, best = 0, step = 1e-3 * total / row->threads / (double)r->steps;
  printf("\n%s, each %s:\n\n| kernels | nodes | calls | us/call | best us | %% of time | %% waiting |%s\n", testName(row),
         row->generated ? "token" : "prompt", row->generated ? " MB read | GB/s | best GB/s | of probe |" : " GOP/s | best GOP/s |");
  printf("| --- | --- | --: | --: | --: | --: | --: |%s\n", row->generated ? " --: | --: | --: | --: |" : " --: | --: |");
  for (int64_t i = 0; i < count; i++) {
    regionRow(row, &r->regions[order[i]]);
    waiting += r->regions[order[i]].wait_ns;
    best += 1e-3 * (double)r->regions[order[i]].best_ns * (double)r->regions[order[i]].calls / (double)r->steps;
  }
  const char *blank = row->generated ? " | | | |" : " | |";
  printf("| outside of regions | | %g | %.1f | | %.1f | |%s\n", (double)r->sums.calls / (double)r->steps,
         1e-3 * (double)r->sums.rest_ns / row->threads / (double)r->sums.calls, 100 * ratio((double)r->sums.rest_ns, total), blank);
  printf("| all | | 1 | %.1f | %.1f | 100.0 | %.1f |%s\n", step, best, 100 * ratio((double)waiting, total), blank);
  free(order);
}

void report_end(enum ReportFormat format) {
  if (format == ReportJson)
    puts("\n]");
}
