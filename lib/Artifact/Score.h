/* What a model's logits say about the tokens that really followed, and how far they are from another model's. */
#ifndef QCC_LIB_ARTIFACT_SCORE_H
#define QCC_LIB_ARTIFACT_SCORE_H
#include <stdint.h>

/* One scored position. */
typedef struct {
  float nll, referenceNll;                                    /* -log p(target), nats; of the model and of the reference */
  float divergence;                                           /* KL(reference || model), nats */
  int agrees;                                                 /* both find the same token most likely (the first one of equals) */
} Score;

/* Scores `count` rows of logits[count][vocabulary] against targets[count], with `threads` threads. `reference` may be null: then only
 * nll is written. Probabilities are softmax(logits) in f32, sums in f64. Returns 0, or nonzero when no thread could be started. */
int score_rows(const float *logits, const float *reference, const int64_t *targets, int64_t count, int64_t vocabulary, int threads, Score *scores);
#endif
