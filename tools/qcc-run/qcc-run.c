/* Runs an artifact: logits or greedy tokens of a language model, or any program on .npy files. Plain C, so that it builds for every
 * CPU that artifacts are compiled for. Modes: Text.c (sessions) and Tensors.c (named inputs and outputs). */
#include "Run.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char tool_name[] = "qcc-run";

static const char help[] =
    "usage: qcc-run MODEL.so [options]\n"
    "\n"
    "Language models with state:\n"
    "  --tokens=FILE.npy      token ids, int32 or int64, [n] or [batch, n]\n"
    "  --prompt-ids=1,2,3     the same, on the command line\n"
    "  --logits=FILE.npy      writes the logits of every position, float32 [batch, n, vocabulary]\n"
    "  --generate=N           prints N greedy token ids after the prompt, a line for each sequence\n"
    "  --chunk=A,B,..         appends the prompt in pieces of A, B, .. tokens; the last size repeats (1: token by token)\n"
    "  --context=N            most tokens of a sequence (default: what the model was compiled for)\n"
    "Any other model:\n"
    "  --input NAME=FILE.npy  one for each input\n"
    "  --output NAME=FILE.npy writes that output; repeat for more\n"
    "All:\n"
    "  --threads=N            default: one for each CPU\n"
    "  --variant=NAME         this variant of the code instead of the best one for the CPU\n"
    "  --weights=FILE         default: MODEL.weights beside MODEL.so\n"
    "  --verify-weights       check the SHA-256 of every weight first\n"
    "  --huge-pages           copy the weights into huge pages\n"
    "  -v, --verbose          say what runs\n"
    "\n"
    "Exit codes: 0 success, 1 the run failed, 2 bad command line, 3 a file is missing, 4 a file is damaged or of another model,\n"
    "5 this machine cannot run it, 8 memory or disk full.\n";

int fail_status(const Run *run, qcc_status status) { return fail(model_exit_code(status), "%s", run->library.error(run->model)); }

/* "1,2,3" -> a list of its own; false when an item is not a number. */
static bool parseList(const char *text, int64_t least, int64_t **list, int64_t *count) {
  int64_t most = (int64_t)strlen(text) + 1;
  free(*list);
  *list = calloc((size_t)most, sizeof **list);
  return *list && numbers_parse(text, least, *list, most, count);
}

static bool addBinding(Bindings *bindings, const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text || !equals[1] || bindings->count == MaxBindings)
    return false;
  bindings->items[bindings->count].name = strndup(text, (size_t)(equals - text));
  bindings->items[bindings->count++].path = equals + 1;
  return true;
}

enum { TokensFile = 256, PromptIds, Logits, Generate, Chunk, Context, Input, Output, Threads, Variant, WeightsFile, VerifyWeights, HugePages, Help };
static const struct option options[] = {
    {"tokens", required_argument, NULL, TokensFile},   {"prompt-ids", required_argument, NULL, PromptIds},   {"logits", required_argument, NULL, Logits},
    {"generate", required_argument, NULL, Generate}, {"chunk", required_argument, NULL, Chunk},          {"context", required_argument, NULL, Context},
    {"input", required_argument, NULL, Input},     {"output", required_argument, NULL, Output},          {"threads", required_argument, NULL, Threads},
    {"variant", required_argument, NULL, Variant}, {"weights", required_argument, NULL, WeightsFile},    {"verify-weights", no_argument, NULL, VerifyWeights},
    {"huge-pages", no_argument, NULL, HugePages},  {"verbose", no_argument, NULL, 'v'},                  {"help", no_argument, NULL, Help},
    {NULL, 0, NULL, 0}};

/* 0, or the exit code of a bad command line; -1: help was printed. */
static int parseOptions(int argc, char **argv, Run *run, qcc_options *how) {
  int64_t threads = 0;
  opterr = 0;                                                 /* fail_option tells it */
  for (int c; (c = getopt_long(argc, argv, ":vt:", options, NULL)) != -1;) {
    bool ok = true;
    switch (c) {
    case TokensFile: run->tokensPath = optarg; break;
    case PromptIds: ok = parseList(optarg, INT64_MIN, &run->tokens, &run->count); run->batch = 1; break;
    case Logits: run->logitsPath = optarg; break;
    case Generate: ok = number_parse(optarg, 1, &run->generate); break;
    case Chunk: ok = parseList(optarg, 1, &run->chunks, &run->numChunks); break;
    case Context: ok = number_parse(optarg, 1, &run->context); break;
    case Input: ok = addBinding(&run->inputs, optarg); break;
    case Output: ok = addBinding(&run->outputs, optarg); break;
    case 't': case Threads: ok = number_parse(optarg, 1, &threads) && threads <= INT_MAX; how->threads = (int)threads; break;
    case Variant: how->variant = optarg; break;
    case WeightsFile: how->weights = optarg; break;
    case VerifyWeights: how->flags |= QCC_VERIFY_WEIGHTS; break;
    case HugePages: how->flags |= QCC_COPY_WEIGHTS; break;
    case 'v': run->verbose = true; break;
    case Help: fputs(help, stdout); return -1;
    default: return fail_option(options, c, argv);
    }
    if (!ok)
      return fail_value(options, c, optarg);
  }
  if (optind + 1 != argc)
    return fail(ExitUsage, optind == argc ? "no model given; see qcc-run --help" : "one model only; see qcc-run --help");
  bool text = run->tokensPath || run->tokens, tensors = run->inputs.count || run->outputs.count;
  if (text == tensors || (text && !run->logitsPath && !run->generate) || (run->tokensPath && run->tokens))
    return fail(ExitUsage, "give either --tokens or --prompt-ids with --logits or --generate, or --input and --output; see qcc-run --help");
  return ExitSuccess;
}

int main(int argc, char **argv) {
  static Run run;
  qcc_options how = {.size = sizeof how};
  char error[1024];
  int code = parseOptions(argc, argv, &run, &how);
  if (code)
    return code < 0 ? ExitSuccess : code;
  code = model_library_load(&run.library, argv[optind], error, sizeof error);
  if (code)
    return fail(code, "%s", error);
  qcc_status status = run.library.open(&how, &run.model);
  qcc_info info = {.size = sizeof info};
  if (status) {
    code = fail_status(&run, status);
  } else {
    run.library.get_info(run.model, &info);
    if (run.verbose)
      fprintf(stderr, "qcc-run: variant %s, %d threads, %lld bytes of weights\n", info.variant, info.threads, (long long)info.weights_bytes);
    if (run.inputs.count || run.outputs.count)
      code = run_tensors(&run);
    else if (!info.has_state)
      code = fail(ExitUsage, "this model keeps no state: give --input and --output (see qcc-inspect for their names)");
    else
      code = run_text(&run, info.vocabulary);
  }
  run.library.close(run.model);
  model_library_unload(&run.library);
  return finish_output(code);
}
