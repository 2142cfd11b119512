#include "Profile.h"
#include <stdlib.h>
#include <string.h>

/* One for each thread, on cache lines of its own. */
typedef struct {
  _Alignas(64) int64_t since;                                 /* the end of the last thing that was counted */
  qccrt_region_sums regions[];                                /* of the variant, and one for the rest */
} ThreadProfile;

struct qccrt_profile {
  const qcc_variant *variant;
  const int64_t *dims;                                        /* of the call that runs */
  int64_t lastArrival;                                        /* at a barrier of that call */
  int64_t begin, total;                                       /* of that call; of all calls, times threads */
  int threads;
  size_t threadBytes;
  uint8_t *data;
};

static ThreadProfile *of(const qccrt_profile *p, int thread) { return (ThreadProfile *)(p->data + (size_t)thread * p->threadBytes); }

qccrt_profile *qccrt_profile_create(const qcc_variant *variant, int threads) {
  qccrt_profile *p = malloc(sizeof *p);
  if (!p)
    return NULL;
  size_t bytes = sizeof(ThreadProfile) + ((size_t)variant->num_regions + 1) * sizeof(qccrt_region_sums);
  *p = (qccrt_profile){.variant = variant, .threads = threads, .threadBytes = (bytes + 63) / 64 * 64};
  p->data = aligned_alloc(64, (size_t)threads * p->threadBytes);
  if (!p->data) {
    free(p);
    return NULL;
  }
  qccrt_profile_reset(p);
  return p;
}

void qccrt_profile_free(qccrt_profile *profile) {
  if (profile)
    free(profile->data);
  free(profile);
}

void qccrt_profile_reset(qccrt_profile *p) {
  memset(p->data, 0, (size_t)p->threads * p->threadBytes);
  p->total = 0;
}

void qccrt_profile_begin(qccrt_profile *p, const int64_t *dims) {
  p->begin = p->lastArrival = qccrt_now();
  p->dims = dims;
  for (int t = 0; t < p->threads; t++)
    of(p, t)->since = p->begin;
}

void qccrt_profile_enter(qccrt_profile *p, int thread) {
  ThreadProfile *self = of(p, thread);
  int64_t now = qccrt_now();
  self->regions[p->variant->num_regions].wait += now - self->since;
  self->since = now;
}

/* Only the thread that arrived last comes here, and none arrives last at the next barrier before this one is there too: no two meet. The best of
 * all is kept with thread 0's sums. */
static void noteBest(qccrt_profile *p, int64_t region, int64_t arrived) {
  int64_t *best = &of(p, 0)->regions[region].best, took = arrived - p->lastArrival;
  if (!*best || took < *best)
    *best = took;
  p->lastArrival = arrived;
}

static int64_t macsOf(const qcc_region *region, const int64_t *dims) {
  int64_t macs = region->macs;
  for (int64_t i = 0; i < region->num_rows; i++)
    macs *= region->rows[i] < 0 ? dims[-1 - region->rows[i]] : region->rows[i];
  return macs;
}

void qccrt_profile_barrier(qccrt_profile *p, qccrt_pool *pool, int thread, int64_t region) {
  ThreadProfile *self = of(p, thread);
  bool known = region >= 0 && region < p->variant->num_regions;
  qccrt_region_sums *sums = &self->regions[known ? region : p->variant->num_regions];
  int64_t arrived = qccrt_now();
  if (qccrt_pool_barrier(pool))
    noteBest(p, known ? region : p->variant->num_regions, arrived);
  int64_t released = qccrt_now();
  sums->work += arrived - self->since;
  sums->wait += released - arrived;
  self->since = released;
  if (!known || thread != 0)
    return;
  sums->calls++;
  sums->macs += macsOf(&p->variant->regions[region], p->dims);
}

void qccrt_profile_end(qccrt_profile *p) {
  int64_t now = qccrt_now(), rest = p->variant->num_regions;
  p->total += (now - p->begin) * p->threads;
  of(p, 0)->regions[rest].calls++;
  for (int t = 0; t < p->threads; t++)
    of(p, t)->regions[rest].wait += now - of(p, t)->since;
}

int64_t qccrt_profile_total(const qccrt_profile *profile) { return profile->total; }

qccrt_region_sums qccrt_profile_region(const qccrt_profile *p, int64_t index) {
  qccrt_region_sums sum = {0};
  for (int t = 0; t < p->threads; t++) {
    const qccrt_region_sums *one = &of(p, t)->regions[index];
    sum.calls += one->calls;
    sum.work += one->work;
    sum.wait += one->wait;
    sum.best += one->best;                                    /* thread 0 has it alone */
    sum.macs += one->macs;
  }
  return sum;
}
