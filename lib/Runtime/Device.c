#include "Device.h"
#include "Cuda.h"
#include "Model.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory of the device that grows when a call needs more. */
typedef struct { CUdeviceptr data; size_t bytes; } Buffer;

/* An entry's launches, recorded: valid while the memory that they got stays where it was. */
typedef struct {
  CUgraphExec instance;
  CUdeviceptr arena, state, call;
  bool seen;                                                  /* launched with this memory before: worth recording */
} Recording;

struct qccrt_device {
  qccrt_cuda cuda;
  const qcc_device *image;
  CUdevice device;
  CUcontext context;                                          /* null until retained */
  CUmodule module;
  CUstream stream;
  bool overlaps;                                              /* the driver records launches that start early */
  CUfunction *functions;                                      /* of image->kernels */
  unsigned *blocks;                                           /* how many of each fill the device */
  Recording *recordings;                                      /* of the variant's entries */
  int64_t numEntries;
  Buffer weights, arena, scratch;
  Buffer call;                                                /* the call's numbers, then the ports that are small: one copy in, one out */
  Buffer *ports;                                              /* the others: inputs, then outputs */
  int64_t numPorts;
  size_t *places;                                             /* of small ports in `call`; 0: in memory of its own */
  uint8_t *staging;                                           /* as `call`, in memory that the device reads and writes */
  size_t callBytes;                                           /* of the numbers */
};

/* Blocks on a multiprocessor at a time: enough to hide latency; more would only wait their turn. */
enum { BlocksPerProcessor = 4 };
/* Scratch in device memory: kernels that need more get fewer blocks. */
static const int64_t mostScratch = INT64_C(256) << 20;
/* CUDA 12.3 records programmatic dependencies in graphs (release notes). */
enum { overlapDriver = 12030 };
/* Ports up to this size are copied by the CPU too, from and to memory of the driver's, which takes less time than to make the driver do it. */
static const size_t mostStaged = 1 << 20;
/* Vector loads may run over the end of a buffer by a register. */
static const size_t slack = 4096;

static qcc_status failed(qcc_model *m, CUresult error, const char *what) {
  const char *name = NULL, *text = NULL;
  m->device->cuda.errorName(error, &name);
  m->device->cuda.errorText(error, &text);
  return qccrt_fail(m, error == CUDA_ERROR_OUT_OF_MEMORY ? QCC_ERROR_MEMORY : QCC_ERROR_DEVICE, "the device failed to %s: %s (%s)", what, text ? text : "unknown error",
                    name ? name : "?");
}

/* Runs a call of the driver; leaves the function with the error's status. */
#define TRY(call, what)                            \
  do {                                             \
    CUresult error_ = d->cuda.call;                \
    if (error_)                                    \
      return failed(m, error_, what);              \
  } while (0)

static qcc_status openDriver(qcc_model *m, qccrt_cuda *cuda) {
  cuda->library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!cuda->library)
    return qccrt_fail(m, QCC_ERROR_DEVICE, "variant '%s' runs on an NVIDIA GPU, whose driver is not installed here (%s)", m->variant->name, dlerror());
#define LOOK_UP(name, symbol, parameters)                                                                                                               \
  if (!(cuda->name = (CUresult(*) parameters)dlsym(cuda->library, #symbol)))                                                                            \
    return qccrt_fail(m, QCC_ERROR_DEVICE, "the NVIDIA driver is too old: it has no %s, which CUDA 11.4 has", #symbol);
  QCCRT_CUDA_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
#define LOOK_FOR(name, symbol, parameters) cuda->name = (CUresult(*) parameters)dlsym(cuda->library, #symbol);
  QCCRT_CUDA_LATER_FUNCTIONS(LOOK_FOR)
#undef LOOK_FOR
  return QCC_OK;
}

/* The first device that runs the image. */
static qcc_status chooseDevice(qcc_model *m, qccrt_device *d) {
  const qcc_device *image = d->image;
  int version = 0, count = 0;
  char seen[256] = "";
  CUresult error = d->cuda.init(0);
  if (error)
    return failed(m, error, "start the NVIDIA driver");
  TRY(driverVersion(&version), "tell the driver's version");
  if (version < image->driver)
    return qccrt_fail(m, QCC_ERROR_DEVICE, "variant '%s' needs a driver for CUDA %d.%d or later; this one is for %d.%d", m->variant->name, (int)image->driver / 1000,
                      (int)image->driver % 1000 / 10, version / 1000, version % 1000 / 10);
  d->overlaps = d->cuda.launchWith && version >= overlapDriver;
  TRY(deviceCount(&count), "count devices");
  for (int i = 0; i < count; i++) {
    int major = 0, minor = 0;
    char name[80] = "";
    TRY(deviceGet(&d->device, i), "find a device");
    TRY(attribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, d->device), "tell its compute capability");
    TRY(attribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, d->device), "tell its compute capability");
    int has = 10 * major + minor;
    if (image->exact ? has == image->capability : has >= image->capability)
      return QCC_OK;
    d->cuda.deviceName(name, sizeof name, d->device);
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%s%s (%d.%d)", i ? ", " : "; here: ", name, major, minor);
  }
  return qccrt_fail(m, QCC_ERROR_DEVICE, "variant '%s' needs a GPU of compute capability %d.%d%s%s", m->variant->name, (int)image->capability / 10,
                    (int)image->capability % 10, image->exact ? "" : " or later", count ? seen : "; here is none");
}

/* Machine code is for one generation of devices; for others the driver translates the image. */
static qcc_status loadImage(qcc_model *m, qccrt_device *d) {
  if (d->image->binary && !d->cuda.loadModule(&d->module, d->image->binary, 0, NULL, NULL))
    return QCC_OK;
  static const int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  char log[512] = "";
  int keys[2] = {options[0], options[1]};
  void *values[2] = {log, (void *)(uintptr_t)(sizeof log - 1)};
  CUresult error = d->cuda.loadModule(&d->module, d->image->image, 2, keys, values);
  if (error) {
    failed(m, error, "load the program");
    size_t used = strlen(m->error);
    if (log[0])
      snprintf(m->error + used, sizeof m->error - used, ": %.400s", log);
    return QCC_ERROR_DEVICE;
  }
  return QCC_OK;
}

static qcc_status findKernels(qcc_model *m, qccrt_device *d) {
  const qcc_device *image = d->image;
  int processors = 0;
  int64_t scratch = 0;
  TRY(attribute(&processors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, d->device), "count its multiprocessors");
  for (int64_t i = 0; i < image->num_kernels; i++) {
    const qcc_kernel *kernel = &image->kernels[i];
    int resident = 0;
    TRY(getFunction(&d->functions[i], d->module, kernel->name), "find a kernel");
    TRY(occupancy(&resident, d->functions[i], (int)kernel->threads, 0), "tell how many blocks fit");
    if (resident < 1)
      return qccrt_fail(m, QCC_ERROR_DEVICE, "kernel '%s' does not fit this device", kernel->name);
    int64_t blocks = (int64_t)processors * (resident < BlocksPerProcessor ? resident : BlocksPerProcessor);
    if (kernel->shares && blocks > kernel->shares * kernel->cluster)
      blocks = kernel->shares * kernel->cluster;
    if (blocks * kernel->scratch_bytes > mostScratch)
      blocks = mostScratch / kernel->scratch_bytes;
    blocks -= blocks % kernel->cluster;
    if (blocks < kernel->cluster)
      blocks = kernel->cluster;
    if (blocks * kernel->scratch_bytes > scratch)
      scratch = blocks * kernel->scratch_bytes;
    d->blocks[i] = (unsigned)blocks;
  }
  if (scratch)
    TRY(allocate(&d->scratch.data, (size_t)scratch), "give memory for scratch");
  return QCC_OK;
}

static qcc_status openContext(qcc_model *m, qccrt_device *d) {
  const qcc_program *p = m->program;
  TRY(retain(&d->context, d->device), "open a context");
  TRY(push(d->context), "enter the context");
  TRY(createStream(&d->stream, CU_STREAM_NON_BLOCKING), "make a stream");
  d->callBytes = (size_t)(QCC_CALL_DIMS + p->num_dims + d->numPorts) * sizeof(int64_t);
  qcc_status status = loadImage(m, d);
  return status ? status : findKernels(m, d);
}

/* Ends a use of the context that began with a push, whatever came of it. */
static qcc_status leave(qccrt_device *d, qcc_status status) {
  CUcontext popped;
  if (d->context)
    d->cuda.pop(&popped);
  return status;
}

qcc_status qccrt_device_open(qcc_model *m, const qcc_device *image) {
  qccrt_device *d = m->device = calloc(1, sizeof *d);
  if (!d)
    return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for a device");
  d->image = image;
  d->numPorts = m->program->num_inputs + m->program->num_outputs;
  d->numEntries = m->variant->num_entries;
  d->functions = calloc((size_t)image->num_kernels + 1, sizeof *d->functions);
  d->blocks = calloc((size_t)image->num_kernels + 1, sizeof *d->blocks);
  d->recordings = calloc((size_t)d->numEntries + 1, sizeof *d->recordings);
  d->ports = calloc((size_t)d->numPorts + 1, sizeof *d->ports);
  d->places = calloc((size_t)d->numPorts + 1, sizeof *d->places);
  if (!d->functions || !d->blocks || !d->recordings || !d->ports || !d->places)
    return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for a device");
  qcc_status status = openDriver(m, &d->cuda);
  if (!status)
    status = chooseDevice(m, d);
  return status ? status : leave(d, openContext(m, d));
}

qcc_status qccrt_device_upload(qcc_model *m, const uint8_t *data, size_t bytes) {
  qccrt_device *d = m->device;
  TRY(push(d->context), "enter the context");
  CUresult error = d->cuda.allocate(&d->weights.data, bytes + slack);
  if (!error && bytes)
    error = d->cuda.copyIn(d->weights.data, data, bytes, d->stream);
  if (!error)
    error = d->cuda.synchronize(d->stream);
  return leave(d, error ? failed(m, error, "take the weights") : QCC_OK);
}

void qccrt_device_close(qccrt_device *d) {
  if (!d)
    return;
  if (d->context && !d->cuda.push(d->context)) {
    for (int64_t i = 0; i < d->numEntries; i++)
      if (d->recordings[i].instance)
        d->cuda.destroyInstance(d->recordings[i].instance);
    Buffer *buffers[] = {&d->weights, &d->arena, &d->scratch, &d->call};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
      if (buffers[i]->data)
        d->cuda.free(buffers[i]->data);
    for (int64_t i = 0; i < d->numPorts; i++)
      if (d->ports[i].data)
        d->cuda.free(d->ports[i].data);
    if (d->staging)
      d->cuda.freeHost(d->staging);
    if (d->module)
      d->cuda.unloadModule(d->module);
    if (d->stream)
      d->cuda.destroyStream(d->stream);
    leave(d, QCC_OK);
    d->cuda.release(d->device);
  }
  if (d->cuda.library)
    dlclose(d->cuda.library);
  free(d->functions);
  free(d->blocks);
  free(d->recordings);
  free(d->ports);
  free(d->places);
  free(d);
}

static qcc_status reserve(qcc_model *m, Buffer *buffer, size_t bytes, const char *what) {
  qccrt_device *d = m->device;
  if (buffer->data && buffer->bytes >= bytes)
    return QCC_OK;
  if (buffer->data)
    d->cuda.free(buffer->data);
  *buffer = (Buffer){0};
  TRY(allocate(&buffer->data, bytes + slack), what);
  buffer->bytes = bytes;
  return QCC_OK;
}

static qcc_status launchAll(qcc_model *m, const qcc_entry *entry, CUdeviceptr state) {
  qccrt_device *d = m->device;
  for (int64_t i = 0; i < entry->num_launches; i++) {
    const qcc_launch *launch = &entry->launches[i];
    const qcc_kernel *kernel = &d->image->kernels[launch->kernel];
    CUdeviceptr memory[] = {d->weights.data, d->arena.data, state, d->scratch.data, d->call.data};
    enum { Memories = sizeof memory / sizeof *memory, MostParameters = 512 };
    void *parameters[Memories + MostParameters];
    if (kernel->num_params > MostParameters)
      return qccrt_fail(m, QCC_ERROR_DEVICE, "kernel '%s' takes more parameters than a launch passes", kernel->name);
    for (int p = 0; p < Memories; p++)
      parameters[p] = &memory[p];
    for (int64_t p = 0; p < kernel->num_params; p++)
      parameters[Memories + p] = (void *)&launch->params[p];
    if (kernel->waits && i && d->overlaps) {                  /* the first one follows copies, which it does not wait for */
      CUlaunchAttribute early = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, .value.allowed = 1};
      CUlaunchConfig config = {d->blocks[launch->kernel], 1, 1, (unsigned)kernel->threads, 1, 1, 0, d->stream, &early, 1};
      TRY(launchWith(&config, d->functions[launch->kernel], parameters, NULL), "start a kernel");
      continue;
    }
    TRY(launch(d->functions[launch->kernel], d->blocks[launch->kernel], 1, 1, (unsigned)kernel->threads, 1, 1, 0, d->stream, parameters, NULL), "start a kernel");
  }
  return QCC_OK;
}

/* Records the launches of an entry, so that the next calls are one launch. */
static qcc_status record(qcc_model *m, const qcc_entry *entry, CUdeviceptr state, Recording *recording) {
  qccrt_device *d = m->device;
  CUgraph graph = NULL;
  TRY(beginCapture(d->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "record a program");
  qcc_status status = launchAll(m, entry, state);
  CUresult error = d->cuda.endCapture(d->stream, &graph);
  if (!status && error)
    status = failed(m, error, "record a program");
  if (!status && (error = d->cuda.instantiate(&recording->instance, graph, 0)))
    status = failed(m, error, "record a program");
  if (graph)
    d->cuda.destroyGraph(graph);
  return status;
}

static qcc_status run(qcc_model *m, const qcc_entry *entry, CUdeviceptr state) {
  qccrt_device *d = m->device;
  Recording *recording = &d->recordings[entry - m->variant->entries];
  if (!recording->seen || recording->arena != d->arena.data || recording->state != state || recording->call != d->call.data) {
    if (recording->instance)
      d->cuda.destroyInstance(recording->instance);
    *recording = (Recording){.arena = d->arena.data, .state = state, .call = d->call.data, .seen = true};
    return launchAll(m, entry, state);
  }
  if (!recording->instance) {
    qcc_status status = record(m, entry, state, recording);
    if (status)
      return status;
  }
  TRY(launchGraph(recording->instance, d->stream), "start a program");
  return QCC_OK;
}

static qcc_status portBytes(qcc_model *m, int64_t port, const int64_t *dims, size_t *bytes) {
  const qcc_program *p = m->program;
  if (!qccrt_port_bytes(port < p->num_inputs ? &p->inputs[port] : &p->outputs[port - p->num_inputs], dims, bytes))
    return qccrt_fail(m, QCC_ERROR_MEMORY, "a buffer is too large");
  return QCC_OK;
}

/* Makes `call` and its twin on the host at least `bytes` long. */
static qcc_status reserveCall(qcc_model *m, size_t bytes) {
  qccrt_device *d = m->device;
  if (d->staging && d->call.bytes >= bytes)
    return QCC_OK;
  if (d->staging)
    d->cuda.freeHost(d->staging);
  d->staging = NULL;
  TRY(allocateHost((void **)&d->staging, bytes), "give memory");
  return reserve(m, &d->call, bytes, "give memory");
}

/* Logits are written once and read by nobody on the device: kernels write them where the host reads them, while they run. */
static bool isDirect(const qcc_model *m, int64_t port) {
  const qcc_program *p = m->program;
  return port >= p->num_inputs && p->outputs[port - p->num_inputs].role == QCC_ROLE_LOGITS;
}

/* Where the small inputs end in `call`, then those outputs that are copied, then all small ports. */
typedef struct { size_t inputs, copied, all; } CallBytes;

/* Gives every port a place. */
static qcc_status placePorts(qcc_model *m, const int64_t *dims, CallBytes *bytes) {
  qccrt_device *d = m->device;
  *bytes = (CallBytes){.inputs = d->callBytes, .all = d->callBytes};
  for (int direct = 0; direct < 2; direct++) {
    for (int64_t i = 0; i < d->numPorts; i++) {
      if (isDirect(m, i) != direct)
        continue;
      size_t size;
      qcc_status status = portBytes(m, i, dims, &size);
      bool small = size <= mostStaged;
      if (!status && !small)
        status = reserve(m, &d->ports[i], size, "give memory for inputs and outputs");
      if (status)
        return status;
      d->places[i] = small ? (bytes->all + 63) / 64 * 64 : 0;
      if (small)
        bytes->all = d->places[i] + size;
      if (i < m->program->num_inputs)
        bytes->inputs = bytes->all;
    }
    if (!direct)
      bytes->copied = bytes->all;
  }
  return reserveCall(m, bytes->all);
}

/* Copies large ports between the caller and the device, small ones between the caller and `staging`. */
static qcc_status copyPorts(qcc_model *m, const int64_t *dims, void *const *buffers, int64_t begin, int64_t end, bool small) {
  qccrt_device *d = m->device;
  bool in = begin < m->program->num_inputs;
  for (int64_t i = begin; i < end; i++) {
    size_t bytes;
    qcc_status status = portBytes(m, i, dims, &bytes);
    if (status)
      return status;
    if (!bytes || small != (d->places[i] != 0))
      continue;
    if (small)
      in ? memcpy(d->staging + d->places[i], buffers[i], bytes) : memcpy(buffers[i], d->staging + d->places[i], bytes);
    else if (in)
      TRY(copyIn(d->ports[i].data, buffers[i], bytes, d->stream), "take inputs");
    else
      TRY(copyOut(buffers[i], d->ports[i].data, bytes, d->stream), "give outputs");
  }
  return QCC_OK;
}

static qcc_status copyIn(qcc_model *m, const int64_t *dims, void *const *buffers, size_t bytes) {
  qccrt_device *d = m->device;
  int64_t numInputs = m->program->num_inputs, numDims = m->program->num_dims, *numbers = (int64_t *)d->staging;
  memset(numbers, 0, QCC_CALL_DIMS * sizeof *numbers);
  numbers[QCC_CALL_STATUS] = (int64_t)(uintptr_t)d->staging;
  memcpy(numbers + QCC_CALL_DIMS, dims, (size_t)numDims * sizeof *dims);
  for (int64_t i = 0; i < d->numPorts; i++) {
    CUdeviceptr small = (isDirect(m, i) ? (CUdeviceptr)(uintptr_t)d->staging : d->call.data) + d->places[i];
    numbers[QCC_CALL_DIMS + numDims + i] = (int64_t)(d->places[i] ? small : d->ports[i].data);
  }
  qcc_status status = copyPorts(m, dims, buffers, 0, numInputs, /*small=*/true);
  if (status)
    return status;
  TRY(copyIn(d->call.data, d->staging, bytes, d->stream), "take a call");
  return copyPorts(m, dims, buffers, 0, numInputs, /*small=*/false);
}

static qcc_status copyOut(qcc_model *m, const int64_t *dims, void *const *buffers, const CallBytes *bytes) {
  qccrt_device *d = m->device;
  int64_t numInputs = m->program->num_inputs;
  qcc_status status = copyPorts(m, dims, buffers, numInputs, d->numPorts, /*small=*/false);
  if (status)
    return status;
  size_t copied = bytes->copied - bytes->inputs;
  if (copied)
    TRY(copyOut(d->staging + bytes->inputs, d->call.data + bytes->inputs, copied, d->stream), "give outputs");
  TRY(synchronize(d->stream), "run the program");
  return copyPorts(m, dims, buffers, numInputs, d->numPorts, /*small=*/true);
}

static qcc_status invoke(qcc_model *m, const qcc_entry *entry, const int64_t *dims, CUdeviceptr state, void *const *buffers) {
  qccrt_device *d = m->device;
  int64_t arenaBytes = entry->arena_bytes ? entry->arena_bytes(dims) : 0;
  if (arenaBytes < 0)
    return qccrt_fail(m, QCC_ERROR_MEMORY, "no memory for %lld bytes of scratch", (long long)arenaBytes);
  CallBytes bytes;
  qcc_status status = reserve(m, &d->arena, (size_t)arenaBytes, "give memory for activations");
  if (!status)
    status = placePorts(m, dims, &bytes);
  if (!status)
    status = copyIn(m, dims, buffers, bytes.inputs);
  if (!status)
    status = run(m, entry, state);
  if (!status)
    status = copyOut(m, dims, buffers, &bytes);
  return status ? status : qccrt_check_status(m, (const int64_t *)d->staging);
}

qcc_status qccrt_device_invoke(qcc_model *m, const qcc_entry *entry, const int64_t *dims, uint8_t *state, void *const *buffers) {
  qccrt_device *d = m->device;
  TRY(push(d->context), "enter the context");
  return leave(d, invoke(m, entry, dims, (CUdeviceptr)(uintptr_t)state, buffers));
}

bool qccrt_state_reserve(qcc_model *m, qccrt_block *block, size_t bytes) {
  qccrt_device *d = m->device;
  if (!d)
    return qccrt_block_reserve(block, bytes);
  if (block->data && bytes <= block->bytes)
    return true;
  qccrt_state_free(m, block);
  CUdeviceptr memory = 0;
  if (d->cuda.push(d->context))
    return false;
  bool ok = !d->cuda.allocate(&memory, bytes + slack) && !d->cuda.fill(memory, 0, bytes + slack, d->stream) && !d->cuda.synchronize(d->stream);
  if (ok)
    *block = (qccrt_block){(uint8_t *)(uintptr_t)memory, bytes, NULL, 0};
  else if (memory)
    d->cuda.free(memory);
  leave(d, QCC_OK);
  return ok;
}

void qccrt_state_free(qcc_model *m, qccrt_block *block) {
  qccrt_device *d = m->device;
  if (!d) {
    qccrt_block_free(block);
  } else if (block->data && !d->cuda.push(d->context)) {
    d->cuda.free((CUdeviceptr)(uintptr_t)block->data);
    leave(d, QCC_OK);
  }
  *block = (qccrt_block){0};
}
