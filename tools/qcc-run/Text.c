/* Language models with state: logits of every position, greedy tokens. */
#include "Run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int readTokens(Run *run) {
  char error[1024];
  Tokens tokens;
  int code = tokens_read(run->tokensPath, &tokens, error, sizeof error);
  if (code)
    return fail(code, "%s", error);
  run->tokens = tokens.ids;
  run->batch = tokens.batch;
  run->count = tokens.count;
  return ExitSuccess;
}

/* tokens[batch][start .. start + n) as an array of its own; the caller frees it. */
static int64_t *slice(const Run *run, int64_t start, int64_t n) {
  int64_t *out = malloc((size_t)(run->batch * n) * sizeof *out);
  for (int64_t b = 0; out && b < run->batch; b++)
    memcpy(out + b * n, run->tokens + b * run->count + start, (size_t)n * sizeof *out);
  return out;
}

/* Appends the prompt piece by piece, collecting the logits of all positions when wanted. */
static int appendPrompt(Run *run, qcc_session *session, int64_t end, float *logits, int64_t vocabulary) {
  for (int64_t done = 0, piece = 0, n; done < end; done += n) {
    n = run->numChunks ? run->chunks[piece < run->numChunks ? piece++ : run->numChunks - 1] : end;
    n = n < end - done ? n : end - done;
    int64_t *tokens = slice(run, done, n);
    float *part = logits ? malloc((size_t)(run->batch * n * vocabulary) * sizeof *part) : NULL;
    if (!tokens || (logits && !part)) {
      free(tokens);
      return fail(ExitResource, "out of memory");
    }
    qcc_status status = run->library.session_append(session, tokens, n, logits ? QCC_LOGITS_ALL : QCC_LOGITS_NONE, part);
    for (int64_t b = 0; !status && logits && b < run->batch; b++)
      memcpy(logits + (b * run->count + done) * vocabulary, part + b * n * vocabulary, (size_t)(n * vocabulary) * sizeof *part);
    free(tokens);
    free(part);
    if (status)
      return fail_status(run, status);
  }
  return ExitSuccess;
}

static int writeLogits(Run *run, qcc_session *session, int64_t vocabulary) {
  char error[1024];
  NpyArray array = {.code = 2, .bits = 32, .rank = 3, .shape = {run->batch, run->count, vocabulary}};
  array.bytes = (size_t)(run->batch * run->count * vocabulary) * sizeof(float);
  array.data = malloc(array.bytes);
  int code = array.data ? appendPrompt(run, session, run->count, array.data, vocabulary) : fail(ExitResource, "out of memory");
  if (!code && !npy_write(run->logitsPath, &array, error, sizeof error))
    code = fail(ExitResource, "%s", error);
  npy_free(&array);
  return code;
}

/* Of a batch of one, whose tokens can be told as they come; nonzero, which ends the text, where they cannot be written. */
static int printToken(void *user, const int64_t *token) {
  int64_t *printed = user;
  printf((*printed)++ ? " %lld" : "%lld", (long long)*token);
  return fflush(stdout) != 0;
}

/* The last token of the prompt is left for the first step, whose logits choose the first new token. */
static int printGenerated(Run *run, qcc_session *session) {
  qcc_status status = QCC_OK;
  int64_t produced = 0, printed = 0, *last = slice(run, run->count - 1, 1), *out = calloc((size_t)(run->batch * run->generate), sizeof *out);
  int code = last && out ? ExitSuccess : fail(ExitResource, "out of memory");
  if (!code && run->logitsPath)
    status = run->library.session_truncate(session, run->count - 1);
  else if (!code && run->numChunks)
    code = appendPrompt(run, session, run->count - 1, NULL, 0);
  bool whole = !run->logitsPath && !run->numChunks, single = run->batch == 1;
  if (!code && !status)
    status = run->library.session_generate(session, whole ? run->tokens : last, whole ? run->count : 1, run->generate, out, &produced,
                                           single ? printToken : NULL, &printed);
  for (int64_t b = 0; !single && b < run->batch; b++)
    for (int64_t i = 0; i < produced; i++)
      printf("%lld%c", (long long)out[b * run->generate + i], i + 1 < produced ? ' ' : '\n');
  if (printed)
    printf("\n");
  if (status)
    code = fail_status(run, status);
  free(last);
  free(out);
  return code;
}

int run_text(Run *run, int64_t vocabulary) {
  int code = run->tokensPath ? readTokens(run) : ExitSuccess;
  if (code)
    return code;
  qcc_session *session = NULL;
  qcc_session_options options = {sizeof options, run->batch, run->context};
  qcc_status status = run->library.session_open(run->model, &options, &session);
  if (status)
    return fail_status(run, status);
  if (run->logitsPath)
    code = writeLogits(run, session, vocabulary);
  if (!code && run->generate)
    code = printGenerated(run, session);
  run->library.session_close(session);
  free(run->tokens);
  return code;
}
