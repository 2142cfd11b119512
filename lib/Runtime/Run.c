/* Programs without state: binds the dimensions from the inputs' shapes, checks every tensor, runs. */
#include "Model.h"
#include <stdio.h>

static const int64_t Unbound = INT64_MIN;
static const char Nothing[64];                                /* where the data of an empty tensor is said to be */

static void shapeText(const DLTensor *t, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "[");
  for (int i = 0; i < t->ndim && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "," : "", (long long)t->shape[i]);
  if (used < size)
    snprintf(text + used, size - used, "]");
}

/* Where the tensor starts; null with a message unless it is dense, of the port's type and rank, in CPU memory. */
static char *denseData(qcc_model *m, const qcc_port *port, const DLTensor *t) {
  if (t->device.device_type != 1)
    qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': tensors must be in CPU memory", port->name);
  else if (t->dtype.code != port->code || t->dtype.bits != port->bits || t->dtype.lanes != 1)
    qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': element type code %d, %d bits; the model has code %d, %d bits (DLPack's numbers)", port->name,
               t->dtype.code, t->dtype.bits, port->code, port->bits);
  else if (t->ndim != port->rank)
    qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': rank %d, but the model has rank %d", port->name, t->ndim, port->rank);
  else if (t->ndim && !t->shape)
    qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': the shape is null", port->name);
  else {
    int64_t stride = 1;
    bool dense = true, empty = false;
    for (int i = t->ndim - 1; i >= 0; i--) {
      if (t->strides && t->shape[i] != 1 && t->strides[i] != stride)
        dense = false;
      empty |= t->shape[i] == 0;
      if (t->shape[i] < 0 || __builtin_mul_overflow(stride, t->shape[i], &stride)) {
        qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': impossible extent %lld", port->name, (long long)t->shape[i]);
        return NULL;
      }
    }
    if (!dense && !empty)
      qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': tensors must be dense and row major", port->name);
    else if (!t->data && !empty)
      qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': the data pointer is null", port->name);
    else
      return t->data ? (char *)t->data + t->byte_offset : (char *)Nothing;
  }
  return NULL;
}

static qcc_status bindShape(qcc_model *m, const qcc_port *port, const DLTensor *t, int64_t *dims) {
  char text[160];
  for (int i = 0; i < port->rank; i++) {
    int64_t want = qccrt_extent(port, i, dims), got = t->shape[i];
    if (port->shape[i] < 0 && want == Unbound) {
      int index = (int)(-1 - port->shape[i]);
      if (got == 0 && index != m->dim.past)
        return qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s': extent %d ('%s') is 0", port->name, i, m->program->dims[index].name);
      dims[index] = got;
    } else if (got != want) {
      shapeText(t, text, sizeof text);
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "'%s' has shape %s, but extent %d must be %lld%s%s", port->name, text, i, (long long)want,
                        port->shape[i] < 0 ? ", as other tensors say for " : "", port->shape[i] < 0 ? m->program->dims[-1 - port->shape[i]].name : "");
    }
  }
  return QCC_OK;
}

/* What follows from the others: past = 0, total = past + seq, keep = seq, context = what the model was compiled for. */
static qcc_status bindDerived(qcc_model *m, int64_t *dims) {
  const qcc_program *p = m->program;
  if (m->dim.past >= 0 && dims[m->dim.past] == Unbound)
    dims[m->dim.past] = 0;
  int64_t seq = m->dim.seq >= 0 ? dims[m->dim.seq] : Unbound, past = m->dim.past >= 0 ? dims[m->dim.past] : 0;
  if (seq != Unbound) {
    int64_t total = past + seq;
    if (m->dim.total >= 0 && dims[m->dim.total] != Unbound && dims[m->dim.total] != total)
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "the mask covers %lld positions, but past and new tokens are %lld",
                        (long long)dims[m->dim.total], (long long)total);
    qccrt_set_dim(dims, m->dim.total, total);
    if (m->dim.keep >= 0 && dims[m->dim.keep] == Unbound)
      dims[m->dim.keep] = seq;
    if (p->max_context > 0 && total > p->max_context)
      return qccrt_fail(m, QCC_ERROR_CONTEXT, "%lld positions exceed the context of %lld", (long long)total, (long long)p->max_context);
  }
  if (m->dim.context >= 0 && dims[m->dim.context] == Unbound)
    dims[m->dim.context] = p->max_context;
  for (int64_t i = 0; i < p->num_dims; i++)
    if (dims[i] == Unbound && !p->dims[i].value)
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "no input tells the dimension '%s'", p->dims[i].name);
  return qccrt_compute_dims(m, dims);
}

static qcc_status bindInputs(qcc_model *m, const DLTensor *inputs, int64_t count, int64_t *dims, void **buffers) {
  const qcc_program *p = m->program;
  if (!m->variant)
    return QCC_ERROR_ARGUMENT;                                /* not open: the message of qcc_open stays */
  if (count != p->num_inputs || (count && !inputs))
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "%lld inputs given, but the model has %lld", (long long)count, (long long)p->num_inputs);
  for (int64_t i = 0; i < p->num_dims; i++)
    dims[i] = p->dims[i].fixed ? p->dims[i].fixed : Unbound;
  for (int64_t i = 0; i < count; i++) {
    char *data = denseData(m, &p->inputs[i], &inputs[i]);
    qcc_status status = data ? bindShape(m, &p->inputs[i], &inputs[i], dims) : QCC_ERROR_ARGUMENT;
    if (status)
      return status;
    if (buffers)
      buffers[i] = data;
  }
  return bindDerived(m, dims);
}

static qcc_status checkTokenInputs(qcc_model *m, const int64_t *dims, void *const *buffers) {
  for (int64_t i = 0; i < m->program->num_inputs; i++) {
    const qcc_port *port = &m->program->inputs[i];
    size_t bytes;
    if (port->role != QCC_ROLE_TOKENS || (port->bits != 64 && port->bits != 32) || !qccrt_port_bytes(port, dims, &bytes))
      continue;
    qcc_status status = qccrt_check_tokens(m, buffers[i], port->bits, (int64_t)(bytes / (size_t)(port->bits / 8)));
    if (status)
      return status;
  }
  return QCC_OK;
}

static qcc_status runLocked(qcc_model *m, const DLTensor *inputs, int64_t numInputs, const DLTensor *outputs, int64_t numOutputs) {
  const qcc_program *p = m->program;
  int64_t dims[QCCRT_MAX_DIMS];
  void *buffers[2 * QCCRT_MAX_PORTS];
  if (m->variant && p->flags & 1)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "this model keeps state between calls: use qcc_session_open and qcc_session_append");
  qcc_status status = bindInputs(m, inputs, numInputs, dims, buffers);
  if (status)
    return status;
  if (numOutputs != p->num_outputs || (numOutputs && !outputs))
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "%lld outputs given, but the model has %lld", (long long)numOutputs, (long long)p->num_outputs);
  for (int64_t i = 0; i < numOutputs; i++) {
    buffers[numInputs + i] = denseData(m, &p->outputs[i], &outputs[i]);
    status = buffers[numInputs + i] ? bindShape(m, &p->outputs[i], &outputs[i], dims) : QCC_ERROR_ARGUMENT;
    if (status)
      return status;
  }
  status = checkTokenInputs(m, dims, buffers);
  if (status)
    return status;
  int64_t stateBytes = p->state_bytes ? p->state_bytes(dims) : 0;
  if (stateBytes < 0 || (stateBytes && !qccrt_state_reserve(m, &m->state, (size_t)stateBytes)))
    return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for %lld bytes of state", (long long)stateBytes);
  return qccrt_invoke(m, dims, m->state.data, buffers);
}

qcc_status qcc_run(qcc_model *model, const DLTensor *inputs, int64_t num_inputs, const DLTensor *outputs, int64_t num_outputs) {
  if (!model)
    return QCC_ERROR_ARGUMENT;
  pthread_mutex_lock(&model->lock);
  qcc_status status = runLocked(model, inputs, num_inputs, outputs, num_outputs);
  pthread_mutex_unlock(&model->lock);
  return status;
}

qcc_status qcc_output_shape(qcc_model *model, const DLTensor *inputs, int64_t num_inputs, int64_t output, int64_t *shape) {
  int64_t dims[QCCRT_MAX_DIMS];
  if (!model || !shape)
    return QCC_ERROR_ARGUMENT;
  pthread_mutex_lock(&model->lock);
  qcc_status status = bindInputs(model, inputs, num_inputs, dims, NULL);
  if (!status && (output < 0 || output >= model->program->num_outputs))
    status = qccrt_fail(model, QCC_ERROR_ARGUMENT, "there is no output %lld", (long long)output);
  for (int i = 0; !status && i < model->program->outputs[output].rank; i++)
    shape[i] = qccrt_extent(&model->program->outputs[output], i, dims);
  pthread_mutex_unlock(&model->lock);
  return status;
}
