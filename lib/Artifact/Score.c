#include "Score.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct {
  const float *logits, *reference;
  const int64_t *targets;
  int64_t begin, end, vocabulary;
  Score *scores;
} Share;

typedef struct {
  float largest;
  int64_t most;                                               /* where it is */
  double logSum;                                              /* log of the sum of exp(x) */
} Summary;

static Summary summarize(const float *x, int64_t n) {
  Summary s = {x[0], 0, 0};
  for (int64_t i = 1; i < n; i++)
    s.largest = fmaxf(s.largest, x[i]);
  while (s.most + 1 < n && x[s.most] != s.largest)
    s.most++;
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += expf(x[i] - s.largest);
  s.logSum = s.largest + log(sum);
  return s;
}

static double divergence(const float *p, Summary ps, const float *q, Summary qs, int64_t n) {
  double sum = 0;
  float shift = (float)(ps.largest - ps.logSum);
  for (int64_t i = 0; i < n; i++)
    sum += expf((p[i] - ps.largest) + shift) * (p[i] - q[i]);
  return sum - (ps.logSum - qs.logSum);
}

static void *scoreShare(void *argument) {
  const Share *s = argument;
  for (int64_t row = s->begin; row < s->end; row++) {
    const float *x = s->logits + row * s->vocabulary, *reference = s->reference ? s->reference + row * s->vocabulary : NULL;
    Summary model = summarize(x, s->vocabulary);
    Score *score = &s->scores[row];
    score->nll = (float)(model.logSum - x[s->targets[row]]);
    if (!reference)
      continue;
    Summary other = summarize(reference, s->vocabulary);
    score->referenceNll = (float)(other.logSum - reference[s->targets[row]]);
    score->divergence = (float)divergence(reference, other, x, model, s->vocabulary);
    score->agrees = model.most == other.most;
  }
  return NULL;
}

int score_rows(const float *logits, const float *reference, const int64_t *targets, int64_t count, int64_t vocabulary, int threads, Score *scores) {
  pthread_t *handles = calloc((size_t)threads, sizeof *handles);
  Share *shares = calloc((size_t)threads, sizeof *shares);
  int started = 0, failed = !handles || !shares;
  for (; !failed && started < threads; started += !failed) {
    shares[started] = (Share){logits, reference, targets, count * started / threads, count * (started + 1) / threads, vocabulary, scores};
    failed = pthread_create(&handles[started], NULL, scoreShare, &shares[started]);
  }
  for (int i = 0; i < started; i++)
    pthread_join(handles[i], NULL);
  free(handles);
  free(shares);
  return failed;
}
