/* Quality of an artifact: perplexity on a text and, beside a second artifact (usually the float one), how far its predictions moved. */
#include "tools/common/CommandLine.h"
#include "lib/Artifact/Protocol.h"
#include "lib/Artifact/Tokens.h"
#include <getopt.h>
#include <math.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char tool_name[] = "qcc-eval";

static const char help[] =
    "usage: qcc-eval MODEL.so --tokens=IDS.npy [options]\n"
    "\n"
    "  --tokens=FILE.npy       the text as token ids, int32 or int64, [n]; python -m qcc.tokenize makes it\n"
    "  --reference=FLOAT.so    also the KL divergence from this artifact's predictions, and how often both agree\n"
    "  --window=N              tokens that are seen together, each window from position 0 (default 512)\n"
    "  --stride=N              from one window's start to the next's (default: the window's text, so that none overlap)\n"
    "  --windows=N             how many (default 64; 0: all that the text has)\n"
    "  --bos=ID                token put before every window, as the first of its N (default: none)\n"
    "  -t, --threads=N         default: one for each CPU\n"
    "  -o, --output=md|json    default md\n"
    "  --variant=NAME          this variant of the code instead of the best one for the CPU\n"
    "  --weights=FILE, --reference-weights=FILE   default: beside the library\n"
    "\n"
    "Perplexity: exp of the mean of -log p(token) over all scored tokens. KL: KL(reference || model) at the same positions, in nats.\n"
    "+-: standard error over windows; that of the difference is paired. Exit codes: as qcc-run's.\n";

typedef struct {
  const char *model, *reference, *tokens, *variant, *weights, *referenceWeights;
  Protocol protocol;
  int64_t threads;
  bool json;
} Request;

static const struct option options[] = {
    {"tokens", required_argument, NULL, 'i'}, {"reference", required_argument, NULL, 'r'}, {"window", required_argument, NULL, 'n'},
    {"stride", required_argument, NULL, 's'}, {"windows", required_argument, NULL, 'c'}, {"bos", required_argument, NULL, 'b'},
    {"threads", required_argument, NULL, 't'}, {"output", required_argument, NULL, 'o'}, {"variant", required_argument, NULL, 'V'},
    {"weights", required_argument, NULL, 'w'}, {"reference-weights", required_argument, NULL, 'W'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

/* 0, or the exit code of a bad command line; -1: help was printed. */
static int parseOptions(int argc, char **argv, Request *r) {
  opterr = 0;                                                 /* fail_option tells it */
  for (int c; (c = getopt_long(argc, argv, ":t:o:", options, NULL)) != -1;) {
    bool ok = true;
    switch (c) {
    case 'i': r->tokens = optarg; break;
    case 'r': r->reference = optarg; break;
    case 'n': ok = number_parse(optarg, 2, &r->protocol.window); break;
    case 's': ok = number_parse(optarg, 1, &r->protocol.stride); break;
    case 'c': ok = number_parse(optarg, 0, &r->protocol.windows); break;
    case 'b': ok = number_parse(optarg, 0, &r->protocol.bos); break;
    case 't': ok = number_parse(optarg, 1, &r->threads) && r->threads <= INT_MAX; break;
    case 'o': ok = !strcmp(optarg, "md") || !strcmp(optarg, "json"); r->json = !strcmp(optarg, "json"); break;
    case 'V': r->variant = optarg; break;
    case 'w': r->weights = optarg; break;
    case 'W': r->referenceWeights = optarg; break;
    case 'h': fputs(help, stdout); return -1;
    default: return fail_option(options, c, argv);
    }
    if (!ok)
      return fail_value(options, c, optarg);
  }
  if (optind + 1 != argc || !r->tokens)
    return fail(ExitUsage, "give one model and --tokens; see qcc-eval --help");
  r->model = argv[optind];
  int64_t text = protocol_text(&r->protocol);
  if (!r->protocol.stride)
    r->protocol.stride = text;
  if (r->protocol.stride > text)
    return fail(ExitUsage, "a stride of %lld would skip text: a window has %lld tokens of it", (long long)r->protocol.stride, (long long)text);
  return ExitSuccess;
}

static int openModel(Evaluated *e, const char *path, const char *weights, const Request *r) {
  char error[1024];
  int code = model_library_load(&e->library, path, error, sizeof error);
  if (code)
    return fail(code, "%s", error);
  qcc_options how = {.size = sizeof how, .weights = weights, .variant = r->variant, .threads = (int)r->threads};
  qcc_session_options session = {sizeof session, 1, r->protocol.window};
  e->info.size = sizeof e->info;
  qcc_status status = e->library.open(&how, &e->model);
  if (!status)
    status = e->library.get_info(e->model, &e->info);
  if (!status && !e->info.has_state)
    return fail(ExitUsage, "%s keeps no state: only language models compiled with --kv-cache=state are evaluated", path);
  if (!status && r->protocol.window > e->info.max_context)
    return fail(ExitUsage, "a window of %lld tokens exceeds the context of %s, %lld", (long long)r->protocol.window, path, (long long)e->info.max_context);
  if (!status)
    status = e->library.session_open(e->model, &session, &e->session);
  return status ? fail(model_exit_code(status), "%s: %s", path, e->library.error(e->model)) : ExitSuccess;
}

static void closeModel(Evaluated *e) {
  if (!e->library.handle)
    return;
  e->library.session_close(e->session);
  e->library.close(e->model);
  model_library_unload(&e->library);
}

static int64_t allWindows;
static void progress(void *user, int64_t done) {
  (void)user;
  if (isatty(STDERR_FILENO))
    fprintf(stderr, "\rqcc-eval: window %lld of %lld%s", (long long)done, (long long)allWindows, done == allWindows ? "\r\033[K" : "");
}

/* An error by `format`, or `unknown` if it is none. */
static const char *errorText(double error, const char *format, const char *unknown, char text[32]) {
  snprintf(text, 32, isnan(error) ? unknown : format, error);
  return text;
}

static void printReport(const Request *r, const Evaluated *model, const Result *result) {
  const Protocol *p = &r->protocol;
  char bos[32], error[32];
  snprintf(bos, sizeof bos, p->bos < 0 ? "none" : "%lld", (long long)p->bos);
  if (r->json) {
    printf("{\"variant\": \"%s\", \"window\": %lld, \"stride\": %lld, \"windows\": %lld, \"bos\": %s, \"tokens\": %lld, \"perplexity\": %.9g, \"perplexity_error\": %s",
           model->info.variant, (long long)p->window, (long long)p->stride, (long long)p->windows, p->bos < 0 ? "null" : bos, (long long)result->tokens,
           result->perplexity, errorText(result->perplexityError, "%.9g", "null", error));
    if (r->reference)
      printf(", \"reference_perplexity\": %.9g, \"delta\": %.9g, \"delta_error\": %s, \"kl_mean\": %.9g, \"kl_99\": %.9g, \"kl_max\": %.9g, \"top1_agreement\": %.9g",
             result->referencePerplexity, result->delta, errorText(result->deltaError, "%.9g", "null", error), result->meanDivergence, result->divergence99, result->maxDivergence, result->agreement);
    puts("}");
    return;
  }
  printf("protocol: %lld windows of %lld tokens, stride %lld, BOS %s, %lld tokens scored\n", (long long)p->windows, (long long)p->window, (long long)p->stride, bos,
         (long long)result->tokens);
  printf("perplexity            %10.4f +- %s\n", result->perplexity, errorText(result->perplexityError, "%.4f", "unknown of one window", error));
  if (!r->reference)
    return;
  printf("reference perplexity  %10.4f\n", result->referencePerplexity);
  printf("difference            %+10.4f +- %s\n", result->delta, errorText(result->deltaError, "%.4f", "unknown of one window", error));
  printf("KL x 1000: mean %.4g, 99%% %.4g, max %.4g\n", 1e3 * result->meanDivergence, 1e3 * result->divergence99, 1e3 * result->maxDivergence);
  printf("top-1 agreement       %10.2f %%\n", 100 * result->agreement);
}

int main(int argc, char **argv) {
  static Evaluated model, reference;
  Request r = {.protocol = {.window = 512, .windows = 64, .bos = -1}};
  Tokens tokens = {NULL, 0, 0};
  Result result;
  char error[1024];
  int code = parseOptions(argc, argv, &r);
  if (code)
    return code < 0 ? ExitSuccess : code;
  code = tokens_read(r.tokens, &tokens, error, sizeof error);
  if (code)
    return fail(code, "%s", error);
  int64_t available = protocol_available(&r.protocol, tokens.count);
  if (tokens.batch != 1)
    code = fail(ExitMalformed, "%s: one text is evaluated, [n]", r.tokens);
  else if (!available)
    code = fail(ExitUsage, "%s: %lld tokens are fewer than a window's %lld", r.tokens, (long long)tokens.count, (long long)protocol_text(&r.protocol));
  if (!r.protocol.windows || r.protocol.windows > available)
    r.protocol.windows = available;
  allWindows = r.protocol.windows;
  if (!code)
    code = openModel(&model, r.model, r.weights, &r);
  if (!code && r.reference)
    code = openModel(&reference, r.reference, r.referenceWeights, &r);
  if (!code && r.reference && reference.info.vocabulary != model.info.vocabulary)
    code = fail(ExitMalformed, "vocabularies differ: %s has %lld tokens, %s %lld", r.model, (long long)model.info.vocabulary, r.reference, (long long)reference.info.vocabulary);
  for (int64_t i = 0; !code && i < tokens.count; i++)
    if (tokens.ids[i] < 0 || tokens.ids[i] >= model.info.vocabulary)
      code = fail(ExitCompileError, "%s: token %lld is %lld; the vocabulary has %lld", r.tokens, (long long)i, (long long)tokens.ids[i], (long long)model.info.vocabulary);
  if (!code) {
    code = evaluate(&model, r.reference ? &reference : NULL, &r.protocol, tokens.ids, model.info.threads, (Progress){progress, NULL}, NULL, &result, error, sizeof error);
    if (code)
      fail(code, "%s", error);
  }
  if (!code)
    printReport(&r, &model, &result);
  closeModel(&reference);
  closeModel(&model);
  free(tokens.ids);
  return finish_output(code);
}
