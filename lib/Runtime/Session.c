/* Sequences that grow: fills in positions and mask, cuts long input into chunks, keeps the KV state. */
#include "Model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one call at most: more do not make a matmul faster (the weights are then read once per 512 rows), but need a larger arena. */
enum { MaxRows = 512 };

struct qcc_session {
  qcc_model *model;
  int64_t batch, context, position;
  int64_t seq;                                                /* tokens of every call, where compilation fixed it; else 0 */
  int logits;                                                 /* index of the output */
  bool keeps;                                                 /* the program has a `keep` dimension */
  qccrt_block state;
  qccrt_block *scratch;                                       /* of every port, inputs then outputs; empty where not needed */
};

static int findRole(const qcc_port *ports, int64_t count, int role) {
  for (int64_t i = 0; i < count; i++)
    if (ports[i].role == role)
      return (int)i;
  return -1;
}

/* The only extent that compilation left to a dimension, or 0. */
static int64_t fixedExtent(const qcc_model *m, int dim) { return dim >= 0 ? m->program->dims[dim].fixed : 0; }

/* A session can feed tokens, positions and a mask; anything else would be a silent guess. */
static qcc_status checkPorts(qcc_model *m, int *logits) {
  const qcc_program *p = m->program;
  int64_t batch = fixedExtent(m, m->dim.batch), seq = fixedExtent(m, m->dim.seq);
  for (int64_t i = 0; i < p->num_inputs; i++) {
    const qcc_port *in = &p->inputs[i];
    if (in->role != QCC_ROLE_TOKENS && in->role != QCC_ROLE_POSITIONS && in->role != QCC_ROLE_MASK)
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "a session cannot provide the input '%s'", in->name);
    if (in->code != QCC_DTYPE_INT || (in->bits != 64 && in->bits != 32) || in->rank != 2)
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "a session cannot provide the input '%s': it must be of int32 or int64, rank 2", in->name);
    /* Buffers are made for any number of positions: an extent that does not follow them would be written past its end. */
    if ((in->shape[0] >= 0 && in->shape[0] != batch) || (in->shape[1] >= 0 && (in->role == QCC_ROLE_MASK || in->shape[1] != seq)))
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "a session cannot provide the input '%s': its extents must be free, or those of the tokens", in->name);
  }
  *logits = findRole(p->outputs, p->num_outputs, QCC_ROLE_LOGITS);
  if (findRole(p->inputs, p->num_inputs, QCC_ROLE_TOKENS) < 0 || *logits < 0)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "the program has no tokens input or no logits output");
  const qcc_port *out = &p->outputs[*logits];
  if (out->code != QCC_DTYPE_FLOAT || out->bits != 32 || out->rank != 3 || out->shape[2] != p->vocabulary)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "the output '%s' is not float32 [batch, positions, vocabulary]", out->name);
  return QCC_OK;
}

static qcc_status setDims(const qcc_session *s, int64_t past, int64_t seq, int64_t keep, int64_t *dims) {
  qcc_model *m = s->model;
  memset(dims, 0, QCCRT_MAX_DIMS * sizeof *dims);
  qccrt_set_dim(dims, m->dim.batch, s->batch);
  qccrt_set_dim(dims, m->dim.seq, seq);
  qccrt_set_dim(dims, m->dim.past, past);
  qccrt_set_dim(dims, m->dim.total, past + seq);
  qccrt_set_dim(dims, m->dim.context, s->context);
  qccrt_set_dim(dims, m->dim.keep, keep);
  return qccrt_compute_dims(m, dims);
}

static qcc_status openLocked(qcc_model *m, qcc_session_options o, qcc_session **session) {
  const qcc_program *p = m->program;
  if (!m->variant)
    return QCC_ERROR_ARGUMENT;
  if (!(p->flags & 1))
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "this model keeps no state: use qcc_run");
  int64_t dims[QCCRT_MAX_DIMS];
  qcc_session s = {.model = m, .batch = o.batch ? o.batch : 1, .context = o.context ? o.context : p->max_context, .keeps = m->dim.keep >= 0};
  qcc_status status = checkPorts(m, &s.logits);
  if (status)
    return status;
  int64_t batch = fixedExtent(m, m->dim.batch);
  if (batch && s.batch != batch)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "batch = %lld, but this model was compiled for sessions of batch %lld", (long long)s.batch, (long long)batch);
  if (s.batch < 1 || (!batch && s.batch > MaxRows))
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "batch = %lld, but it must be 1 to %d", (long long)s.batch, MaxRows);
  if (s.context < 1 || s.context > p->max_context)
    return qccrt_fail(m, QCC_ERROR_CONTEXT, "context = %lld, but this model was compiled for 1 to %lld", (long long)s.context,
                      (long long)p->max_context);
  s.seq = fixedExtent(m, m->dim.seq);
  status = setDims(&s, 0, s.seq ? s.seq : 1, 1, dims);
  if (status)
    return status;
  int64_t bytes = p->state_bytes ? p->state_bytes(dims) : 0;
  s.scratch = calloc((size_t)(p->num_inputs + p->num_outputs), sizeof *s.scratch);
  if (s.scratch && bytes >= 0 && qccrt_state_reserve(m, &s.state, (size_t)bytes)) {
    *session = malloc(sizeof s);
    if (*session) {
      **session = s;
      return QCC_OK;
    }
  }
  free(s.scratch);
  qccrt_state_free(m, &s.state);
  return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for %lld bytes of state", (long long)bytes);
}

qcc_status qcc_session_open(qcc_model *model, const qcc_session_options *options, qcc_session **session) {
  qcc_session_options o = {0};
  if (!model || !session)
    return QCC_ERROR_ARGUMENT;
  *session = NULL;
  if (options && options->size >= sizeof options->size && options->size <= 4096)
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
  pthread_mutex_lock(&model->lock);
  qcc_status status = options && !o.size ? qccrt_fail(model, QCC_ERROR_ARGUMENT, "qcc_session_options.size must be sizeof(qcc_session_options)")
                                         : openLocked(model, o, session);
  pthread_mutex_unlock(&model->lock);
  return status;
}

void qcc_session_close(qcc_session *session) {
  if (!session)
    return;
  const qcc_program *p = session->model->program;
  for (int64_t i = 0; i < p->num_inputs + p->num_outputs; i++)
    qccrt_block_free(&session->scratch[i]);
  free(session->scratch);
  qccrt_state_free(session->model, &session->state);
  free(session);
}

/* Inputs of one chunk: tokens [batch][seq] out of [batch][count], positions past.., a mask of ones. */
static void fillInput(const qcc_session *s, const qcc_port *port, void *data, const int64_t *tokens, int64_t count, int64_t past, int64_t seq) {
  int64_t columns = port->role == QCC_ROLE_MASK ? past + seq : seq;
  for (int64_t b = 0; b < s->batch; b++)
    for (int64_t i = 0; i < columns; i++) {
      int64_t value = port->role == QCC_ROLE_TOKENS ? tokens[b * count + i] : port->role == QCC_ROLE_POSITIONS ? past + i : 1;
      if (port->bits == 64)
        ((int64_t *)data)[b * columns + i] = value;
      else
        ((int32_t *)data)[b * columns + i] = (int32_t)value;
    }
}

/* Runs `seq` tokens at position `past`. The last `want` positions' logits go to logits[b * stride], b < batch; null for nowhere. */
static qcc_status runChunk(qcc_session *s, const int64_t *tokens, int64_t count, int64_t past, int64_t seq, int64_t want, float *logits,
                           int64_t stride) {
  qcc_model *m = s->model;
  const qcc_program *p = m->program;
  int64_t dims[QCCRT_MAX_DIMS], computed = s->keeps ? (want > 1 ? want : 1) : seq;
  void *buffers[2 * QCCRT_MAX_PORTS];
  qcc_status status = setDims(s, past, seq, computed, dims);
  if (status)
    return status;
  bool direct = logits && want == computed && (s->batch == 1 || stride == computed * p->vocabulary);
  for (int64_t i = 0; i < p->num_inputs + p->num_outputs; i++) {
    const qcc_port *port = i < p->num_inputs ? &p->inputs[i] : &p->outputs[i - p->num_inputs];
    size_t bytes;
    if (i == p->num_inputs + s->logits && direct) {
      buffers[i] = logits;
      continue;
    }
    if (!qccrt_port_bytes(port, dims, &bytes) || !qccrt_block_reserve(&s->scratch[i], bytes))
      return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for '%s'", port->name);
    buffers[i] = s->scratch[i].data;
    if (i < p->num_inputs)
      fillInput(s, port, buffers[i], tokens, count, past, seq);
  }
  status = qccrt_invoke(m, dims, s->state.data, buffers);
  if (status || !logits || direct)
    return status;
  const float *from = buffers[p->num_inputs + s->logits];
  for (int64_t b = 0; b < s->batch; b++)
    memcpy(logits + b * stride, from + ((b + 1) * computed - want) * p->vocabulary, (size_t)(want * p->vocabulary) * sizeof(float));
  return QCC_OK;
}

static qcc_status appendLocked(qcc_session *s, const int64_t *tokens, int64_t count, int what, float *logits) {
  qcc_model *m = s->model;
  int64_t vocabulary = m->program->vocabulary, chunk = s->seq ? s->seq : s->batch < MaxRows ? MaxRows / s->batch : 1;
  if (!tokens || count < 1 || what < QCC_LOGITS_NONE || what > QCC_LOGITS_ALL || (what != QCC_LOGITS_NONE && !logits))
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "append needs at least one token, and memory for the logits that it is asked for");
  if (s->seq && count % s->seq)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "%lld tokens, but this model was compiled for %lld at a time", (long long)count, (long long)s->seq);
  if (count > s->context - s->position)
    return qccrt_fail(m, QCC_ERROR_CONTEXT, "%lld tokens after the first %lld exceed the context of %lld", (long long)count,
                      (long long)s->position, (long long)s->context);
  qcc_status status = qccrt_check_tokens(m, tokens, 64, count * s->batch);
  for (int64_t done = 0; !status && done < count; done += chunk) {
    int64_t seq = count - done < chunk ? count - done : chunk;
    if (what == QCC_LOGITS_ALL)
      status = runChunk(s, tokens + done, count, s->position + done, seq, seq, logits + done * vocabulary, count * vocabulary);
    else if (what == QCC_LOGITS_LAST && done + seq == count)
      status = runChunk(s, tokens + done, count, s->position + done, seq, 1, logits, vocabulary);
    else
      status = runChunk(s, tokens + done, count, s->position + done, seq, 0, NULL, 0);
  }
  if (!status)
    s->position += count;                                     /* state beyond the position is never read */
  return status;
}

/* Not the exported function: another library in the process may have put its own in front of that one. */
static qcc_status append(qcc_session *session, const int64_t *tokens, int64_t count, int what, float *logits) {
  pthread_mutex_lock(&session->model->lock);
  qcc_status status = appendLocked(session, tokens, count, what, logits);
  pthread_mutex_unlock(&session->model->lock);
  return status;
}

qcc_status qcc_session_append(qcc_session *session, const int64_t *tokens, int64_t count, int what, float *logits) {
  return session ? append(session, tokens, count, what, logits) : QCC_ERROR_ARGUMENT;
}

static int64_t mostLikely(const float *logits, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

/* Before anything is computed: text that has to be thrown away may have taken minutes. The last token is not appended and needs no place. */
static qcc_status checkLength(qcc_session *session, int64_t count, int64_t max_new) {
  int64_t room = session->context - session->position;
  if (max_new < 1 || count < 1 || (count <= room && max_new - 1 <= room - count))
    return QCC_OK;
  pthread_mutex_lock(&session->model->lock);
  qcc_status status = qccrt_fail(session->model, QCC_ERROR_CONTEXT,
                                 "a prompt of %lld tokens and %lld new ones, the last of which takes no place, after the first %lld exceed the context of %lld",
                                 (long long)count, (long long)max_new, (long long)session->position, (long long)session->context);
  pthread_mutex_unlock(&session->model->lock);
  return status;
}

qcc_status qcc_session_generate(qcc_session *session, const int64_t *prompt, int64_t count, int64_t max_new, int64_t *out, int64_t *produced,
                                qcc_emit emit, void *user) {
  if (!session || !produced || !out)
    return QCC_ERROR_ARGUMENT;
  *produced = 0;
  qcc_status status = checkLength(session, count, max_new);
  if (status)
    return status;
  int64_t vocabulary = session->model->program->vocabulary, batch = session->batch;
  float *logits = malloc((size_t)(batch * vocabulary) * sizeof *logits);
  int64_t *step = malloc((size_t)batch * sizeof *step);
  if (!logits || !step) {
    pthread_mutex_lock(&session->model->lock);
    status = qccrt_fail(session->model, QCC_ERROR_MEMORY, "no memory for logits");
    pthread_mutex_unlock(&session->model->lock);
  }
  if (!status && max_new > 0)
    status = append(session, prompt, count, QCC_LOGITS_LAST, logits);
  for (int64_t i = 0; !status && i < max_new; i++) {
    for (int64_t b = 0; b < batch; b++)
      step[b] = out[b * max_new + i] = mostLikely(logits + b * vocabulary, vocabulary);
    *produced = i + 1;
    if ((emit && emit(user, step)) || i + 1 == max_new)
      break;
    status = append(session, step, 1, QCC_LOGITS_LAST, logits);
  }
  free(logits);
  free(step);
  return status;
}

int64_t qcc_session_position(const qcc_session *session) { return session ? session->position : 0; }

qcc_status qcc_session_truncate(qcc_session *session, int64_t position) {
  if (!session)
    return QCC_ERROR_ARGUMENT;
  qcc_status status = QCC_OK;
  pthread_mutex_lock(&session->model->lock);
  if (position >= 0 && position <= session->position)
    session->position = position;
  else
    status = qccrt_fail(session->model, QCC_ERROR_ARGUMENT, "cannot truncate a sequence of %lld tokens to %lld", (long long)session->position,
                        (long long)position);
  pthread_mutex_unlock(&session->model->lock);
  return status;
}
