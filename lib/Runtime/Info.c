/* What a model says about itself. Structs carry their size, so that a caller compiled against an older header gets what it knows. */
#include "Model.h"
#include <string.h>

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
  memcpy(info, &all, info->size < sizeof all ? info->size : sizeof all);
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
  memcpy(info, &all, info->size < sizeof all ? info->size : sizeof all);
  return QCC_OK;
}

qcc_status qcc_input_info(const qcc_model *model, int64_t index, qcc_port_info *port) {
  return model && model->variant ? portInfo(model, model->program->inputs, model->program->num_inputs, index, port) : QCC_ERROR_ARGUMENT;
}

qcc_status qcc_output_info(const qcc_model *model, int64_t index, qcc_port_info *port) {
  return model && model->variant ? portInfo(model, model->program->outputs, model->program->num_outputs, index, port) : QCC_ERROR_ARGUMENT;
}
