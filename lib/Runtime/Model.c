/* Opening and closing a model: checks the program, chooses its variant, finds its weights, starts its threads. */
#include "Model.h"
#include "Cpu.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

qcc_status qccrt_fail(qcc_model *model, qcc_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(model->error, sizeof model->error, format, arguments);
  va_end(arguments);
  return status;
}

static bool portsFit(const qcc_program *program, const qcc_port *ports, int64_t count) {
  if (count < 0 || count > QCCRT_MAX_PORTS)
    return false;
  for (int64_t i = 0; i < count; i++) {
    if (ports[i].rank < 0 || ports[i].rank > QCCRT_MAX_RANK)
      return false;
    for (int d = 0; d < ports[i].rank; d++)
      if (ports[i].shape[d] < -program->num_dims)
        return false;
  }
  return true;
}

static int dimIndex(const qcc_program *program, const char *name) {
  for (int64_t i = 0; i < program->num_dims; i++)
    if (!strcmp(program->dims[i].name, name))
      return (int)i;
  return -1;
}

static qcc_status checkProgram(qcc_model *m) {
  const qcc_program *p = m->program;
  if (p->version != QCC_PROGRAM_VERSION)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "program version %u, but this runtime runs version %d", p->version, QCC_PROGRAM_VERSION);
  if (p->num_dims < 0 || p->num_dims > QCCRT_MAX_DIMS || !portsFit(p, p->inputs, p->num_inputs) || !portsFit(p, p->outputs, p->num_outputs))
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "the program has more dimensions or ports than this runtime supports (%d, %d of rank %d)",
                      QCCRT_MAX_DIMS, QCCRT_MAX_PORTS, QCCRT_MAX_RANK);
  m->dim.batch = dimIndex(p, "batch");
  m->dim.seq = dimIndex(p, "seq");
  m->dim.past = dimIndex(p, "past");
  m->dim.total = dimIndex(p, "total");
  m->dim.context = dimIndex(p, "context");
  m->dim.keep = dimIndex(p, "keep");
  m->prefetch = qccrt_prefetch_bytes();
  return QCC_OK;
}

/* Without a wish the first variant whose features this CPU has: the compiler lists the best first. */
static qcc_status chooseVariant(qcc_model *m, const char *wish) {
  const qcc_program *p = m->program;
  uint64_t has = 0;
  char names[256];
  const qcc_variant *wished = NULL;
  for (int64_t i = 0; i < p->num_variants; i++) {
    const qcc_variant *v = &p->variants[i];
    if (wish && strcmp(wish, v->name))
      continue;
    wished = v;
    has = qccrt_cpu_features(v->features);
    if ((v->features & ~has) == 0) {
      m->variant = v;
      return QCC_OK;
    }
  }
  if (wish && !wished)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "there is no variant '%s' in this library; the best one is '%s'", wish,
                      p->num_variants ? p->variants[0].name : "");
  if (!wished)
    return qccrt_fail(m, QCC_ERROR_CPU, "the library has no variants");
  qccrt_feature_names(wished->features & ~has, names, sizeof names);
  return qccrt_fail(m, QCC_ERROR_CPU, "variant '%s' needs %s, which this CPU or its operating system does not provide", wished->name, names);
}

/* model.so -> model.weights, in the folder of the library that holds the program. False: no such library, or too long a path. */
static bool weightsBeside(const qcc_program *program, char *path, size_t size) {
  Dl_info info;
  if (!dladdr(program, &info) || !info.dli_fname)
    return false;
  size_t n = strlen(info.dli_fname);
  if (n > 3 && !strcmp(info.dli_fname + n - 3, ".so"))
    n -= 3;
  int written = snprintf(path, size, "%.*s.weights", (int)n, info.dli_fname);
  return written > 0 && (size_t)written < size;
}

static qcc_status openWeights(qcc_model *m, const char *wish, unsigned flags) {
  const qcc_program *p = m->program;
  char path[4096] = "embedded weights";
  bool ok;
  if (p->weights_bytes == 0 && !p->embedded_weights && !wish)
    return QCC_OK;                                            /* a program without weights */
  if (p->embedded_weights && !wish) {
    ok = qccrt_weights_use(&m->weights, p->embedded_weights, ((const qcc_weights_header *)p->embedded_weights)->file_bytes, path, m->error,
                           sizeof m->error);
  } else {
    if (wish ? (size_t)snprintf(path, sizeof path, "%s", wish) >= sizeof path : !weightsBeside(p, path, sizeof path))
      return qccrt_fail(m, QCC_ERROR_WEIGHTS, "the path of the weights cannot be told; give one in qcc_options");
    if (access(path, R_OK))
      return qccrt_fail(m, QCC_ERROR_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    ok = qccrt_weights_map(&m->weights, path, m->error, sizeof m->error);
  }
  if (!ok)
    return QCC_ERROR_WEIGHTS;
  const qcc_weights_header *header = qccrt_weights_header(&m->weights);
  if (memcmp(header->id, p->weights_id, sizeof header->id) || header->data_bytes != (uint64_t)p->weights_bytes)
    return qccrt_fail(m, QCC_ERROR_WEIGHTS, "%s: these weights belong to another model or another compilation of it", path);
  if (flags & QCC_VERIFY_WEIGHTS && !qccrt_weights_verify(&m->weights, path, m->error, sizeof m->error))
    return QCC_ERROR_WEIGHTS;
  if (flags & QCC_COPY_WEIGHTS && !qccrt_weights_copy(&m->weights))
    return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for a copy of %lld bytes of weights", (long long)p->weights_bytes);
  return QCC_OK;
}

static qcc_status startThreads(qcc_model *m, int threads, bool pin) {
  if (threads < 0 || threads > QCCRT_MAX_THREADS)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "threads = %d, but it must be 0 (all CPUs) to %d", threads, QCCRT_MAX_THREADS);
  m->pool = qccrt_pool_create(threads ? threads : qccrt_num_cpus(), pin);
  return m->pool ? QCC_OK : qccrt_fail(m, QCC_ERROR_THREAD, "the system refused to start %d threads", threads);
}

static qcc_status startDevice(qcc_model *m) {
  qcc_status status = qccrt_device_open(m, m->variant->device);
  return status ? status : qccrt_device_upload(m, m->weights.data, (size_t)m->program->weights_bytes);
}

static qcc_status startProfile(qcc_model *m) {
  if (m->device)
    return qccrt_fail(m, QCC_ERROR_ARGUMENT, "variant '%s' runs on a device, whose steps are not measured", m->variant->name);
  m->profile = qccrt_profile_create(m->variant, qccrt_pool_threads(m->pool));
  return m->profile ? QCC_OK : qccrt_fail(m, QCC_ERROR_MEMORY, "no memory to measure %lld regions", (long long)m->variant->num_regions);
}

qcc_status qccrt_open(const qcc_program *program, const qcc_options *options, qcc_model **model) {
  qcc_options o = {0};
  if (!model)
    return QCC_ERROR_ARGUMENT;
  qcc_model *m = *model = calloc(1, sizeof *m);
  if (!m)
    return QCC_ERROR_MEMORY;
  m->program = program;
  pthread_mutex_init(&m->lock, NULL);
  if (options) {
    if (options->size < sizeof options->size || options->size > 4096)
      return qccrt_fail(m, QCC_ERROR_ARGUMENT, "qcc_options.size must be sizeof(qcc_options)");
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
  }
  qcc_status status = checkProgram(m);
  if (!status) status = chooseVariant(m, o.variant);
  if (!status) status = openWeights(m, o.weights, o.flags);
  bool device = !status && m->variant->device;
  if (device) status = startDevice(m);
  if (!status) status = startThreads(m, device ? 1 : o.threads, o.flags & QCC_PIN_THREADS);
  if (!status && o.flags & QCC_PROFILE) status = startProfile(m);
  if (status)
    m->variant = NULL;                                        /* what every call checks */
  return status;
}

void qcc_close(qcc_model *model) {
  if (!model)
    return;
  qccrt_pool_destroy(model->pool);
  qccrt_profile_free(model->profile);
  qccrt_weights_free(&model->weights);
  qccrt_block_free(&model->arena);
  qccrt_state_free(model, &model->state);
  qccrt_device_close(model->device);
  pthread_mutex_destroy(&model->lock);
  free(model);
}
