#include "Regions.h"
#include <stdlib.h>
#include <string.h>

qcc_status regions_add(Regions *r, const ModelLibrary *library, qcc_model *model, int64_t steps) {
  qcc_profile profile = {.size = sizeof profile};
  qcc_status status = library->get_profile(model, &profile);
  r->steps += steps;
  r->sums.calls += profile.calls;
  r->sums.total_ns += profile.total_ns;
  r->sums.rest_ns += profile.rest_ns;
  for (int64_t i = 0; !status && i < r->sums.num_regions; i++) {
    qcc_region_info now = {.size = sizeof now}, *sum = &r->regions[i];
    status = library->get_region(model, i, &now);
    if (now.calls && (!sum->calls || now.best_ns < sum->best_ns))
      sum->best_ns = now.best_ns;
    sum->calls += now.calls;
    sum->work_ns += now.work_ns;
    sum->wait_ns += now.wait_ns;
    sum->weight_bytes += now.weight_bytes;
    sum->macs += now.macs;
  }
  return status;
}

qcc_status regions_create(Regions *r, const ModelLibrary *library, qcc_model *model) {
  qcc_profile profile = {.size = sizeof profile};
  memset(r, 0, sizeof *r);
  qcc_status status = library->get_profile(model, &profile);
  if (status)
    return status;
  r->regions = calloc((size_t)profile.num_regions + 1, sizeof *r->regions);
  if (!r->regions)
    return QCC_ERROR_MEMORY;
  r->sums.num_regions = profile.num_regions;
  for (int64_t i = 0; !status && i < profile.num_regions; i++) {
    qcc_region_info info = {.size = sizeof info};
    status = library->get_region(model, i, &info);
    r->regions[i].kernels = info.kernels;
    r->regions[i].nodes = info.nodes;
  }
  return status;
}

void regions_free(Regions *r) {
  free(r->regions);
  memset(r, 0, sizeof *r);
}

static int64_t timeOf(const qcc_region_info *region) { return region->work_ns + region->wait_ns; }

int64_t regions_order(const Regions *r, int64_t *order) {
  int64_t count = 0;
  for (int64_t i = 0; i < r->sums.num_regions; i++) {
    if (!r->regions[i].calls)
      continue;
    int64_t at = count++;
    for (; at > 0 && timeOf(&r->regions[order[at - 1]]) < timeOf(&r->regions[i]); at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
  return count;
}
