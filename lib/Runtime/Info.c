/* What a model says about itself. Structs carry their size, so that a caller compiled against an older header gets what it knows. */
#include "Model.h"
#include <string.h>

/* As much as the caller's struct has; what a newer one has beyond is 0. */
static void give(void *to, size_t size, const void *all, size_t known) {
  memcpy(to, all, size < known ? size : known);
  if (size > known)
    memset((char *)to + known, 0, size - known);
}

const char *qcc_error(const qcc_model *model) { return model ? model->error : "out of memory"; }
uint32_t qcc_api_version(void) { return QCC_API_VERSION; }

qcc_status qcc_get_info(const qcc_model *model, qcc_info *info) {
  if (!model || !model->variant || !info || info->size < sizeof info->size || info->size > 4096)
    return QCC_ERROR_ARGUMENT;
  const qcc_program *p = model->program;
  qcc_info all = {
      .size = info->size,
      .variant = model->variant->name,
      .threads = qccrt_pool_threads(model->pool),
      .has_state = p->flags & 1,
      .num_inputs = p->num_inputs,
      .num_outputs = p->num_outputs,
      .num_variants = p->num_variants,
      .max_context = p->max_context,
      .vocabulary = p->vocabulary,
      .weights_bytes = p->weights_bytes,
      .decode_bytes = p->decode_bytes,
      .manifest = p->manifest,
  };
  give(info, info->size, &all, sizeof all);
  return QCC_OK;
}

const char *qcc_variant_name(const qcc_model *model, int64_t index) {
  return model && index >= 0 && index < model->program->num_variants ? model->program->variants[index].name : NULL;
}

static qcc_status portInfo(const qcc_model *model, const qcc_port *ports, int64_t count, int64_t index, qcc_port_info *info) {
  if (!info || index < 0 || index >= count || info->size < sizeof info->size || info->size > 4096)
    return QCC_ERROR_ARGUMENT;
  const qcc_port *port = &ports[index];
  qcc_port_info all = {.size = info->size, .name = port->name, .dtype = {(uint8_t)port->code, (uint8_t)port->bits, 1}, .rank = port->rank};
  for (int d = 0; d < port->rank; d++) {
    bool symbolic = port->shape[d] < 0;
    all.shape[d] = symbolic ? -1 : port->shape[d];
    all.dims[d] = symbolic ? model->program->dims[-1 - port->shape[d]].name : NULL;
  }
  give(info, info->size, &all, sizeof all);
  return QCC_OK;
}

qcc_status qcc_input_info(const qcc_model *model, int64_t index, qcc_port_info *port) {
  return model && model->variant ? portInfo(model, model->program->inputs, model->program->num_inputs, index, port) : QCC_ERROR_ARGUMENT;
}

qcc_status qcc_output_info(const qcc_model *model, int64_t index, qcc_port_info *port) {
  return model && model->variant ? portInfo(model, model->program->outputs, model->program->num_outputs, index, port) : QCC_ERROR_ARGUMENT;
}

static qcc_status notMeasured(qcc_model *m) {
  if (!m->variant)
    return QCC_ERROR_ARGUMENT;                                /* not open: the message of qcc_open stays */
  return qccrt_fail(m, QCC_ERROR_ARGUMENT, "this model is not measured: open it with QCC_PROFILE");
}

static qcc_status profileLocked(qcc_model *m, qcc_profile *profile) {
  if (!m->profile)
    return notMeasured(m);
  qccrt_region_sums rest = qccrt_profile_region(m->profile, m->variant->num_regions);
  qcc_profile all = {.size = profile->size, .num_regions = m->variant->num_regions, .calls = rest.calls,
                     .total_ns = qccrt_profile_total(m->profile), .rest_ns = rest.work + rest.wait};
  give(profile, profile->size, &all, sizeof all);
  return QCC_OK;
}

qcc_status qcc_get_profile(qcc_model *model, qcc_profile *profile) {
  if (!model || !profile || profile->size < sizeof profile->size || profile->size > 4096)
    return QCC_ERROR_ARGUMENT;
  pthread_mutex_lock(&model->lock);
  qcc_status status = profileLocked(model, profile);
  pthread_mutex_unlock(&model->lock);
  return status;
}

static qcc_status regionLocked(qcc_model *m, int64_t index, qcc_region_info *info) {
  if (!m->profile)
    return notMeasured(m);
  if (index < 0 || index >= m->variant->num_regions)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "there is no region %lld", (long long)index);
  const qcc_region *region = &m->variant->regions[index];
  qccrt_region_sums sums = qccrt_profile_region(m->profile, index);
  qcc_region_info all = {.size = info->size, .kernels = region->kernels, .nodes = region->nodes, .calls = sums.calls, .work_ns = sums.work,
                         .wait_ns = sums.wait, .best_ns = sums.best, .weight_bytes = sums.calls * region->weight_bytes, .macs = sums.macs};
  give(info, info->size, &all, sizeof all);
  return QCC_OK;
}

qcc_status qcc_get_region(qcc_model *model, int64_t index, qcc_region_info *region) {
  if (!model || !region || region->size < sizeof region->size || region->size > 4096)
    return QCC_ERROR_ARGUMENT;
  pthread_mutex_lock(&model->lock);
  qcc_status status = regionLocked(model, index, region);
  pthread_mutex_unlock(&model->lock);
  return status;
}

qcc_status qcc_reset_profile(qcc_model *model) {
  if (!model)
    return QCC_ERROR_ARGUMENT;
  pthread_mutex_lock(&model->lock);
  qcc_status status = model->profile ? QCC_OK : notMeasured(model);
  if (!status)
    qccrt_profile_reset(model->profile);
  pthread_mutex_unlock(&model->lock);
  return status;
}
