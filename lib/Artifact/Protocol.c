#include "Protocol.h"
#include "Score.h"
#include "qcc/Base/ExitCodes.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t protocol_text(const Protocol *p) { return p->window - (p->bos >= 0); }

int64_t protocol_available(const Protocol *p, int64_t count) {
  int64_t text = protocol_text(p);
  return count < text ? 0 : (count - text) / p->stride + 1;
}

int64_t protocol_scored(const Protocol *p, int64_t i) {
  int64_t possible = p->window - 1;
  return i == 0 || p->stride > possible ? possible : p->stride;
}

/* Mean nll of a window, of the model and of the reference, and mean divergence. */
typedef struct { double model, reference, divergence; } Window;

static Window meanOf(const Score *scores, int64_t count) {
  Window w = {0, 0, 0};
  for (int64_t i = 0; i < count; i++) {
    w.model += scores[i].nll / (double)count;
    w.reference += scores[i].referenceNll / (double)count;
    w.divergence += scores[i].divergence / (double)count;
  }
  return w;
}

/* Standard error of a * mean(model) - b * mean(reference), the windows taken as independent; NaN of one window. */
static double standardError(const Window *windows, int64_t n, double a, double b) {
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < n; i++)
    mean += (a * windows[i].model - b * windows[i].reference) / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double d = a * windows[i].model - b * windows[i].reference - mean;
    squares += d * d;
  }
  return n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN;
}

static int byDivergence(const void *a, const void *b) {
  float x = ((const Score *)a)->divergence, y = ((const Score *)b)->divergence;
  return (x > y) - (x < y);
}

/* Perplexities are first-order in their errors: d exp(x) = exp(x) dx. Sorts `scores`. */
static void summarize(Score *scores, int64_t count, const Window *windows, int64_t n, Result *result) {
  Window all = meanOf(scores, count);
  int64_t agreeing = 0;
  *result = (Result){.tokens = count, .perplexity = exp(all.model), .referencePerplexity = exp(all.reference)};
  result->perplexityError = standardError(windows, n, result->perplexity, 0);
  result->delta = result->perplexity - result->referencePerplexity;
  result->deltaError = standardError(windows, n, result->perplexity, result->referencePerplexity);
  qsort(scores, (size_t)count, sizeof *scores, byDivergence);
  for (int64_t i = 0; i < count; i++) {
    result->meanDivergence += scores[i].divergence / (double)count;
    agreeing += scores[i].agrees;
  }
  result->divergence99 = scores[(count - 1) * 99 / 100].divergence;
  result->maxDivergence = scores[count - 1].divergence;
  result->agreement = (double)agreeing / (double)count;
}

static qcc_status logitsOf(Evaluated *e, const int64_t *tokens, int64_t count, float *logits) {
  qcc_status status = e->library.session_truncate(e->session, 0);
  return status ? status : e->library.session_append(e->session, tokens, count, QCC_LOGITS_ALL, logits);
}

int evaluate(Evaluated *model, Evaluated *reference, const Protocol *p, const int64_t *tokens, int threads, Progress progress, double *divergences,
             Result *result, char *error, size_t size) {
  int64_t vocabulary = model->info.vocabulary, text = protocol_text(p), lead = p->window - text, count = 0;
  size_t bytes = (size_t)(p->window * vocabulary) * sizeof(float);
  float *logits = malloc(bytes), *others = reference ? malloc(bytes) : NULL;
  int64_t *window = malloc((size_t)p->window * sizeof *window);
  Score *scores = calloc((size_t)(p->windows * p->window), sizeof *scores);
  Window *means = calloc((size_t)p->windows, sizeof *means);
  int code = logits && (others || !reference) && window && scores && means ? ExitSuccess : ExitResource;
  if (code)
    snprintf(error, size, "out of memory");
  for (int64_t i = 0; !code && i < p->windows; i++) {
    window[0] = p->bos;
    memcpy(window + lead, tokens + i * p->stride, (size_t)text * sizeof *window);
    Evaluated *failed = model;
    qcc_status status = logitsOf(model, window, p->window, logits);
    if (!status && reference)
      status = logitsOf(failed = reference, window, p->window, others);
    if (status) {
      code = model_exit_code(status);
      snprintf(error, size, "window %lld: %s", (long long)i, failed->library.error(failed->model));
      break;
    }
    int64_t scored = protocol_scored(p, i), first = p->window - 1 - scored;           /* the position whose next token is scored first */
    if (score_rows(logits + first * vocabulary, others ? others + first * vocabulary : NULL, window + first + 1, scored, vocabulary, threads, scores + count)) {
      code = ExitResource;
      snprintf(error, size, "the system gave no thread");
    }
    means[i] = meanOf(scores + count, scored);
    if (divergences)
      divergences[i] = means[i].divergence;
    count += scored;
    progress.window(progress.user, i + 1);
  }
  if (!code)
    summarize(scores, count, means, p->windows, result);
  free(means);
  free(scores);
  free(window);
  free(others);
  free(logits);
  return code;
}
