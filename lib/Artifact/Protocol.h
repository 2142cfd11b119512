/* How a text is scored: windows of tokens, each on its own from position 0. */
#ifndef QCC_LIB_ARTIFACT_PROTOCOL_H
#define QCC_LIB_ARTIFACT_PROTOCOL_H
#include "lib/Artifact/ModelLibrary.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t window, stride;                                     /* tokens of a window; from one window's start to the next's */
  int64_t windows;                                            /* how many */
  int64_t bos;                                                /* put before each window, as the first of its tokens; -1: none */
} Protocol;

/* Text tokens that a window covers: one fewer with a leading BOS. */
int64_t protocol_text(const Protocol *p);
/* Whole windows of `count` tokens. */
int64_t protocol_available(const Protocol *p, int64_t count);
/* Positions of window i that are scored: its last ones, so that every token of the text is scored once, each with at least
 * window - stride tokens before it; of window 0 all but the first token, which has none before it. */
int64_t protocol_scored(const Protocol *p, int64_t i);

typedef struct {
  ModelLibrary library;
  qcc_model *model;
  qcc_info info;
  qcc_session *session;
} Evaluated;

typedef struct {
  int64_t tokens;                                             /* scored */
  double perplexity, perplexityError;                         /* exp(mean nll); its standard error over windows */
  double referencePerplexity, delta, deltaError;              /* of the reference; the difference, its error over windows, paired */
  double meanDivergence, divergence99, maxDivergence;         /* KL(reference || model), nats */
  double agreement;                                           /* share of positions with the same most likely token */
} Result;

/* Calls back after each window. */
typedef struct {
  void (*window)(void *user, int64_t done);
  void *user;
} Progress;

/* Scores `tokens` with the model and, unless null, the reference. `divergences`: of each window's positions, the mean; may be null. Returns an
 * exit code, with a message in `error`. */
int evaluate(Evaluated *model, Evaluated *reference, const Protocol *protocol, const int64_t *tokens, int threads, Progress progress, double *divergences,
             Result *result, char *error, size_t size);
#ifdef __cplusplus
}
#endif
#endif
