/* One call of the compiled program on all threads. */
#include "Model.h"
#include <stdio.h>
#include <string.h>

static int64_t extentOf(int64_t extent, const int64_t *dims) { return extent < 0 ? dims[-1 - extent] : extent; }

static void extentText(const qcc_program *p, int64_t extent, const int64_t *dims, char *text, size_t size) {
  if (extent < 0)
    snprintf(text, size, "'%s' is %lld", p->dims[-1 - extent].name, (long long)extentOf(extent, dims));
  else
    snprintf(text, size, "a fixed extent is %lld", (long long)extent);
}

int64_t qccrt_extent(const qcc_port *port, int i, const int64_t *dims) { return extentOf(port->shape[i], dims); }

bool qccrt_port_bytes(const qcc_port *port, const int64_t *dims, size_t *bytes) {
  int64_t bits = port->bits;
  for (int i = 0; i < port->rank; i++)
    if (__builtin_mul_overflow(bits, qccrt_extent(port, i, dims), &bits))
      return false;
  *bytes = (size_t)bits / 8 + (bits % 8 != 0);
  return bits >= 0;
}

qcc_status qccrt_compute_dims(qcc_model *m, int64_t *dims) {
  const qcc_program *p = m->program;
  for (int64_t i = 0; i < p->num_dims; i++)
    if (p->dims[i].value && (dims[i] = p->dims[i].value(dims)) < 0)
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "the extent '%s' is %lld with these inputs", p->dims[i].name, (long long)dims[i]);
  for (int64_t i = 0; i < p->num_equal_dims; i++) {
    const qcc_equal_dims *e = &p->equal_dims[i];
    if (extentOf(e->left, dims) == extentOf(e->right, dims))
      continue;
    char left[160], right[160];
    extentText(p, e->left, dims, left, sizeof left);
    extentText(p, e->right, dims, right, sizeof right);
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "node '%s' needs equal extents, but %s and %s", e->node, left, right);
  }
  return QCC_OK;
}

qcc_status qccrt_check_tokens(qcc_model *model, const void *tokens, int bits, int64_t count) {
  int64_t vocabulary = model->program->vocabulary;
  for (int64_t i = 0; i < count && vocabulary > 0; i++) {
    int64_t token = bits == 64 ? ((const int64_t *)tokens)[i] : ((const int32_t *)tokens)[i];
    if (token < 0 || token >= vocabulary)
      return qccrt_fail(model, QCC_ERROR_TOKEN, "token %lld at index %lld is not in [0, %lld)", (long long)token, (long long)i,
                        (long long)vocabulary);
  }
  return QCC_OK;
}

/* Programs whose rows cannot be told from their dims (no batch, no seq) have one entry for everything: take the widest. */
static const qcc_entry *chooseEntry(const qcc_model *m, const int64_t *dims, int64_t *rows) {
  bool known = m->dim.batch >= 0 || m->dim.seq >= 0;
  *rows = (m->dim.batch >= 0 ? dims[m->dim.batch] : 1) * (m->dim.seq >= 0 ? dims[m->dim.seq] : 1);
  const qcc_entry *widest = NULL;
  for (int64_t i = 0; i < m->variant->num_entries; i++) {
    const qcc_entry *e = &m->variant->entries[i];
    if (known && *rows >= e->min_rows && *rows <= e->max_rows)
      return e;
    if (!known && (!widest || e->max_rows > widest->max_rows))
      widest = e;
  }
  return widest;
}

typedef struct { qcc_invocation call; const qcc_entry *entry; } Job;

static void barrier(const qcc_invocation *call, int64_t thread, int64_t region) {
  (void)thread, (void)region;
  const qcc_model *model = call->meeting;
  qccrt_pool_barrier(model->pool);
}

static void runEntry(void *argument, int thread) {
  const Job *job = argument;
  job->entry->run(&job->call, thread);
}

/* The same, measured. Barriers call one or the other, so that a model that is not measured pays nothing. */
static void profiledBarrier(const qcc_invocation *call, int64_t thread, int64_t region) {
  const qcc_model *model = call->meeting;
  qccrt_profile_barrier(model->profile, model->pool, (int)thread, region);
}

static void runProfiledEntry(void *argument, int thread) {
  const Job *job = argument;
  const qcc_model *model = job->call.meeting;
  qccrt_profile_enter(model->profile, thread);
  job->entry->run(&job->call, thread);
}

static void observe(const qcc_invocation *call, const uint8_t *weight, const float *values, int64_t rows, int64_t columns) {
  const qcc_model *model = call->meeting;
  if (model->observer)
    model->observer(model->observerUser, weight ? weight - call->weights : -1, values, rows, columns);
}

static void runProfiled(qcc_model *model, Job *job) {
  job->call.barrier = profiledBarrier;
  qccrt_profile_begin(model->profile, job->call.dims);
  qccrt_pool_run(model->pool, runProfiledEntry, job);
  qccrt_profile_end(model->profile);
}

qcc_status qccrt_invoke(qcc_model *model, const int64_t *dims, uint8_t *state, void *const *buffers) {
  int64_t rows, status[2] = {QCC_RUN_OK, 0};
  const qcc_entry *entry = chooseEntry(model, dims, &rows);
  if (!entry)
    return qccrt_fail(model, QCC_ERROR_ARGUMENT, "the program was not compiled for %lld rows (batch * sequence) in a call", (long long)rows);
  if (!qccrt_pool_is_here(model->pool))
    return qccrt_fail(model, QCC_ERROR_THREAD, "this process was forked from the one that opened the model: its threads are not here; open the model again");
  if (model->device)
    return qccrt_device_invoke(model, entry, dims, state, buffers);
  int64_t arenaBytes = entry->arena_bytes ? entry->arena_bytes(dims) : 0;
  if (arenaBytes < 0 || !qccrt_block_reserve(&model->arena, (size_t)arenaBytes))
    return qccrt_fail(model, QCC_ERROR_MEMORY, "no memory for %lld bytes of scratch", (long long)arenaBytes);
  Job job = {.entry = entry,
             .call = {.weights = model->weights.data, .arena = model->arena.data, .state = state, .buffers = buffers, .dims = dims,
                      .status = status, .threads = qccrt_pool_threads(model->pool), .barrier = barrier, .meeting = model, .prefetch = model->prefetch, .observe = observe}};
  if (model->profile)
    runProfiled(model, &job);
  else
    qccrt_pool_run(model->pool, runEntry, &job);
  return qccrt_check_status(model, status);
}

qcc_status qcc_observe(qcc_model *model, qcc_observer observer, void *user) {
  if (!model)
    return QCC_ERROR_ARGUMENT;
  pthread_mutex_lock(&model->lock);
  model->observer = observer;
  model->observerUser = user;
  pthread_mutex_unlock(&model->lock);
  return QCC_OK;
}

qcc_status qccrt_check_status(qcc_model *model, const int64_t *status) {
  if (status[0] == QCC_RUN_OK)
    return QCC_OK;
  if (status[0] == QCC_RUN_INDEX_OUT_OF_RANGE)
    return qccrt_fail(model, QCC_ERROR_TOKEN, "index %lld is out of range", (long long)status[1]);
  if (status[0] == QCC_RUN_ROW_LENGTH)
    return qccrt_fail(model, QCC_ERROR_ARGUMENT, "a row of the batch has %lld tokens: fewer than are new, or more than past and new tokens together",
                      (long long)status[1]);
  return qccrt_fail(model, QCC_ERROR_ARGUMENT, "the program stopped with code %lld (%lld)", (long long)status[0], (long long)status[1]);
}
