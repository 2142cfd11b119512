/* Time per region of the program, of the measured parts of a test. */
#ifndef QCC_TOOLS_QCC_BENCH_REGIONS_H
#define QCC_TOOLS_QCC_BENCH_REGIONS_H
#include "lib/Artifact/ModelLibrary.h"

typedef struct {
  qcc_profile sums;
  qcc_region_info *regions;                                   /* [sums.num_regions] in the order of the program's code */
  int64_t steps;                                              /* tokens generated, or prompts processed, in that time */
} Regions;

/* For a model opened with QCC_PROFILE; all sums are zero. */
qcc_status regions_create(Regions *regions, const ModelLibrary *library, qcc_model *model);
void regions_free(Regions *regions);

/* Adds what the model did since its qcc_reset_profile: `steps` of them. */
qcc_status regions_add(Regions *regions, const ModelLibrary *library, qcc_model *model, int64_t steps);

/* Indices of the regions that ran, the longest first, into `order` [sums.num_regions]; returns how many. */
int64_t regions_order(const Regions *regions, int64_t *order);
#endif
