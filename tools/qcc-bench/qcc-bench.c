/* Speed of an artifact, measured and printed as llama-bench does: prompt processing (pp) and text generation (tg) in tokens per second.
 * Beside each generation stands what the machine can do: a read probe with the same threads right before and after it. */
#include "ReadProbe.h"
#include "Report.h"
#include "tools/common/CommandLine.h"
#include "lib/Artifact/ModelLibrary.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char tool_name[] = "qcc-bench";

static const char help[] =
    "usage: qcc-bench MODEL.so [options]\n"
    "\n"
    "  -p, --n-prompt=N,..     prompt lengths to process (default 512; 0: none)\n"
    "  -n, --n-gen=N,..        numbers of tokens to generate, one at a time (default 128; 0: none)\n"
    "  -d, --n-depth=N,..      tokens that the context already holds (default 0)\n"
    "  -r, --repetitions=N     of each test, after one that does not count (default 5)\n"
    "  -t, --threads=N         default: one for each CPU\n"
    "  -b, --batch=N           sequences side by side (default 1)\n"
    "  -o, --output=md|json|csv  default md\n"
    "  --variant=NAME          this variant of the code instead of the best one for the CPU\n"
    "  --weights=FILE          default: MODEL.weights beside MODEL.so\n"
    "  --huge-pages            copy the weights into huge pages\n"
    "  --no-probe              do not measure how fast the machine reads memory\n"
    "  --regions               also say where the time goes: kernels from barrier to barrier, waiting, GB/s, GOP/s (md, json)\n"
    "\n"
    "Tokens per second are means over the repetitions. GB/s: bytes of weights that a decode step reads (the KV cache is not counted),\n"
    "times steps per second; its share is of the best read probe (1, 2, 4, 8 streams a thread) around the same test.\n"
    "Exit codes: as qcc-run's.\n";

enum { MaxList = 64, MaxRepetitions = 1000 };
typedef struct { int64_t items[MaxList], count; } List;
typedef struct {
  ModelLibrary library;
  qcc_model *model;
  qcc_info info;
  ReadProbe *probe;
  List prompts, generated, depths;
  int64_t repetitions, batch;
  enum ReportFormat format;
  bool regions;
} Bench;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool parseList(const char *text, int64_t least, List *list) { return numbers_parse(text, least, list->items, MaxList, &list->count); }

/* The same tokens in every run: what they are does not change the work. */
static void fillTokens(int64_t *tokens, int64_t count, int64_t vocabulary) {
  for (int64_t i = 0; i < count; i++)
    tokens[i] = (i * 7919 + 13) % vocabulary;
}

/* Seconds that one repetition takes: a prompt of n tokens at once, or n single steps, after `depth` tokens that do not count. Adds to
 * `regions` unless that is null. */
static qcc_status repetition(Bench *b, qcc_session *session, const int64_t *tokens, int64_t n, bool steps, int64_t depth, float *logits,
                             double *seconds, Regions *regions) {
  qcc_status status = b->library.session_truncate(session, 0);
  if (!status && depth)
    status = b->library.session_append(session, tokens, depth, QCC_LOGITS_NONE, NULL);
  if (!status && regions)
    status = b->library.reset_profile(b->model);
  double begin = now();
  if (!status && !steps)
    status = b->library.session_append(session, tokens, n, QCC_LOGITS_LAST, logits);
  for (int64_t i = 0; !status && steps && i < n; i++)
    status = b->library.session_append(session, tokens + i * b->batch, 1, QCC_LOGITS_LAST, logits);
  *seconds = now() - begin;
  if (!status && regions)
    status = regions_add(regions, &b->library, b->model, steps ? n : 1);
  return status;
}

static int runTest(Bench *b, Row *row, int64_t n, bool steps, Regions *regions) {
  int64_t longest = n > row->depth ? n : row->depth, vocabulary = b->info.vocabulary;
  if (row->depth + n > b->info.max_context)
    return fail(ExitCompileError, "%lld tokens exceed the model's context of %lld", (long long)(row->depth + n), (long long)b->info.max_context);
  int64_t *tokens = malloc((size_t)(longest * b->batch) * sizeof *tokens);
  float *logits = malloc((size_t)(vocabulary * b->batch) * sizeof *logits);
  qcc_session *session = NULL;
  qcc_session_options options = {sizeof options, b->batch, 0};
  int code = tokens && logits ? ExitSuccess : fail(ExitResource, "out of memory");
  if (!code && b->library.session_open(b->model, &options, &session))
    code = fail(ExitCompileError, "%s", b->library.error(b->model));
  double probe = !code && steps && b->probe ? read_probe_measure(b->probe, 2) : 0, seconds = 0;
  for (int64_t i = -1; !code && i < b->repetitions; i++) {    /* -1: warms up caches, page tables and scratch memory */
    fillTokens(tokens, longest * b->batch, vocabulary);
    qcc_status status = repetition(b, session, tokens, n, steps, row->depth, logits, &seconds, i < 0 ? NULL : regions);
    if (status)
      code = fail(model_exit_code(status), "%s", b->library.error(b->model));
    else if (i >= 0)
      row->seconds[row->count++] = seconds;
  }
  if (!code && steps && b->probe) {
    double after = read_probe_measure(b->probe, 2);
    row->probe = after > probe ? after : probe;
  }
  b->library.session_close(session);
  free(logits);
  free(tokens);
  return code;
}

/* A test and what it took. */
typedef struct {
  Row row;
  Regions regions;
} Test;

static int runOne(Bench *b, Test *test) {
  Row *row = &test->row;
  row->seconds = calloc((size_t)b->repetitions, sizeof *row->seconds);
  if (!row->seconds)
    return fail(ExitResource, "out of memory");
  if (b->regions) {
    qcc_status status = regions_create(&test->regions, &b->library, b->model);
    if (status)
      return fail(model_exit_code(status), "%s", status == QCC_ERROR_MEMORY ? "out of memory" : b->library.error(b->model));
    row->regions = &test->regions;
  }
  int code = runTest(b, row, row->prompt + row->generated, row->generated, b->regions ? &test->regions : NULL);
  if (!code)
    report_row(b->format, row);
  return code;
}

static int runAll(Bench *b, const char *path) {
  int count = 0, code = ExitSuccess;
  Test *tests = calloc((size_t)(b->depths.count * (b->prompts.count + b->generated.count)), sizeof *tests);
  if (!tests)
    return fail(ExitResource, "out of memory");
  report_begin(b->format);
  for (int64_t d = 0; d < b->depths.count; d++)
    for (int kind = 0; kind < 2; kind++) {
      const List *list = kind ? &b->generated : &b->prompts;
      for (int64_t i = 0; !code && i < list->count; i++) {
        int64_t n = list->items[i];
        if (!n)
          continue;
        tests[count].row = (Row){.path = path, .variant = b->info.variant, .threads = b->info.threads, .batch = b->batch,
                                 .weightsBytes = b->info.weights_bytes,
                                 .depth = b->depths.items[d], .prompt = kind ? 0 : n, .generated = kind ? n : 0,
                                 .bytesPerStep = kind ? b->info.decode_bytes : 0};
        code = runOne(b, &tests[count++]);
      }
    }
  for (int i = 0; !code && i < count && b->regions && b->format == ReportMarkdown; i++)
    report_regions(&tests[i].row);
  report_end(b->format);
  for (int i = 0; i < count; i++) {
    regions_free(&tests[i].regions);
    free(tests[i].row.seconds);
  }
  free(tests);
  return code;
}

/* 0 leaves a kind of test out. */
static bool measures(const List *list) {
  for (int64_t i = 0; i < list->count; i++)
    if (list->items[i])
      return true;
  return false;
}

static const struct option options[] = {
    {"n-prompt", required_argument, NULL, 'p'}, {"n-gen", required_argument, NULL, 'n'}, {"n-depth", required_argument, NULL, 'd'},
    {"repetitions", required_argument, NULL, 'r'}, {"threads", required_argument, NULL, 't'}, {"batch", required_argument, NULL, 'b'},
    {"output", required_argument, NULL, 'o'}, {"variant", required_argument, NULL, 'V'}, {"weights", required_argument, NULL, 'w'},
    {"huge-pages", no_argument, NULL, 'H'}, {"no-probe", no_argument, NULL, 'P'},
    {"regions", no_argument, NULL, 'R'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

int main(int argc, char **argv) {
  static Bench b = {.prompts = {{512}, 1}, .generated = {{128}, 1}, .depths = {{0}, 1}, .repetitions = 5, .batch = 1, .format = ReportMarkdown};
  qcc_options how = {.size = sizeof how};
  bool probe = true;
  int64_t threads;
  opterr = 0;                                                 /* fail_option tells it */
  for (int c; (c = getopt_long(argc, argv, ":p:n:d:r:t:b:o:h", options, NULL)) != -1;) {
    bool ok = true;
    switch (c) {
    case 'p': ok = parseList(optarg, 0, &b.prompts); break;
    case 'n': ok = parseList(optarg, 0, &b.generated); break;
    case 'd': ok = parseList(optarg, 0, &b.depths); break;
    case 'r': ok = number_parse(optarg, 1, &b.repetitions) && b.repetitions <= MaxRepetitions; break;
    case 't': ok = number_parse(optarg, 1, &threads) && threads <= INT_MAX; how.threads = (int)threads; break;
    case 'b': ok = number_parse(optarg, 1, &b.batch); break;
    case 'o': ok = report_format(optarg, &b.format); break;
    case 'V': how.variant = optarg; break;
    case 'w': how.weights = optarg; break;
    case 'H': how.flags |= QCC_COPY_WEIGHTS; break;
    case 'P': probe = false; break;
    case 'R': b.regions = true, how.flags |= QCC_PROFILE; break;
    case 'h': fputs(help, stdout); return ExitSuccess;
    default: return fail_option(options, c, argv);
    }
    if (!ok)
      return fail_value(options, c, optarg);
  }
  if (optind + 1 != argc)
    return fail(ExitUsage, "give one model; see qcc-bench --help");
  if (b.regions && b.format == ReportCsv)
    return fail(ExitUsage, "--regions needs -o md or -o json; see qcc-bench --help");
  if (!measures(&b.prompts) && !measures(&b.generated))
    return fail(ExitUsage, "-p 0 and -n 0 leave nothing to measure; see qcc-bench --help");
  char error[1024];
  int code = model_library_load(&b.library, argv[optind], error, sizeof error);
  if (code)
    return fail(code, "%s", error);
  if (b.regions && !b.library.get_profile)
    return fail(ExitUnsupported, "%s: compiled by a qcc that did not measure regions yet", argv[optind]);
  qcc_status status = b.library.open(&how, &b.model);
  b.info.size = sizeof b.info;
  if (status)
    code = fail(model_exit_code(status), "%s", b.library.error(b.model));
  else if (b.library.get_info(b.model, &b.info) || !b.info.has_state)
    code = fail(ExitUnsupported, "only language models with state are measured");
  /* Well beyond the caches, as the weights of a real model are. */
  size_t probeBytes = (size_t)256 << 20;
  if (!code && probe && !(b.probe = read_probe_create(b.info.threads, probeBytes)))
    code = fail(ExitResource, "no memory for the read probe (--no-probe leaves it out)");
  if (!code)
    code = runAll(&b, argv[optind]);
  read_probe_destroy(b.probe);
  b.library.close(b.model);
  model_library_unload(&b.library);
  return finish_output(code);
}
