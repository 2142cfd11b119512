/* Programs without state: named inputs and outputs as .npy files. */
#include "Run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __typeof__(&qcc_input_info) PortInfo;

static int64_t findPort(const Run *run, PortInfo info, int64_t count, const char *name) {
  qcc_port_info port = {.size = sizeof port};
  for (int64_t i = 0; i < count; i++)
    if (!info(run->model, i, &port) && !strcmp(port.name, name))
      return i;
  return -1;
}

static DLTensor tensorOf(NpyArray *array) {
  DLTensor t = {.data = array->data, .ndim = array->rank, .dtype = {array->code, array->bits, 1}, .shape = array->shape};
  t.device.device_type = 1;                                   /* CPU */
  return t;
}

static int readInputs(Run *run, int64_t count, NpyArray *arrays, DLTensor *tensors) {
  char error[1024];
  for (int i = 0; i < run->inputs.count; i++) {
    const char *name = run->inputs.items[i].name;
    int64_t port = findPort(run, run->library.input_info, count, name);
    bool missing;
    if (port < 0)
      return fail(ExitUsage, "the model has no input '%s'", name);
    npy_free(&arrays[port]);
    if (!npy_read(run->inputs.items[i].path, &arrays[port], &missing, error, sizeof error))
      return fail(missing ? ExitInput : ExitMalformed, "%s", error);
    tensors[port] = tensorOf(&arrays[port]);
  }
  for (int64_t i = 0; i < count; i++) {
    qcc_port_info port = {.size = sizeof port};
    if (!arrays[i].data && !run->library.input_info(run->model, i, &port))
      return fail(ExitUsage, "the input '%s' is missing: --input %s=FILE.npy", port.name, port.name);
  }
  return ExitSuccess;
}

static int makeOutputs(Run *run, int64_t numInputs, const DLTensor *inputs, int64_t count, NpyArray *arrays, DLTensor *tensors) {
  for (int64_t i = 0; i < count; i++) {
    qcc_port_info port = {.size = sizeof port};
    run->library.output_info(run->model, i, &port);
    NpyArray *a = &arrays[i];
    *a = (NpyArray){.code = port.dtype.code, .bits = port.dtype.bits, .rank = port.rank, .bytes = port.dtype.bits / 8};
    qcc_status status = run->library.output_shape(run->model, inputs, numInputs, i, a->shape);
    if (status)
      return fail_status(run, status);
    for (int d = 0; d < a->rank; d++)
      if (__builtin_mul_overflow(a->bytes, (size_t)a->shape[d], &a->bytes))
        return fail(ExitResource, "output '%s' is impossibly large", port.name);
    a->data = calloc(1, a->bytes + 1);
    if (!a->data)
      return fail(ExitResource, "no memory for output '%s'", port.name);
    tensors[i] = tensorOf(a);
  }
  return ExitSuccess;
}

static int writeOutputs(Run *run, int64_t count, const NpyArray *arrays) {
  char error[1024];
  for (int i = 0; i < run->outputs.count; i++) {
    int64_t port = findPort(run, run->library.output_info, count, run->outputs.items[i].name);
    if (arrays[port].code > 2 && arrays[port].code != 6)
      return fail(ExitCompileError, "output '%s' has an element type that .npy lacks", run->outputs.items[i].name);
    if (!npy_write(run->outputs.items[i].path, &arrays[port], error, sizeof error))
      return fail(ExitResource, "%s", error);
  }
  return ExitSuccess;
}

int run_tensors(Run *run) {
  qcc_info info = {.size = sizeof info};
  run->library.get_info(run->model, &info);
  for (int i = 0; i < run->outputs.count; i++)
    if (findPort(run, run->library.output_info, info.num_outputs, run->outputs.items[i].name) < 0)
      return fail(ExitUsage, "the model has no output '%s'", run->outputs.items[i].name);
  NpyArray *arrays = calloc((size_t)(info.num_inputs + info.num_outputs), sizeof *arrays);
  DLTensor *tensors = calloc((size_t)(info.num_inputs + info.num_outputs), sizeof *tensors);
  if (!arrays || !tensors)
    return fail(ExitResource, "out of memory");
  int code = info.has_state ? fail(ExitUsage, "this model keeps state between calls: use --tokens") : readInputs(run, info.num_inputs, arrays, tensors);
  if (!code)
    code = makeOutputs(run, info.num_inputs, tensors, info.num_outputs, arrays + info.num_inputs, tensors + info.num_inputs);
  if (!code) {
    qcc_status status = run->library.run(run->model, tensors, info.num_inputs, tensors + info.num_inputs, info.num_outputs);
    code = status ? fail_status(run, status) : writeOutputs(run, info.num_outputs, arrays + info.num_inputs);
  }
  for (int64_t i = 0; i < info.num_inputs + info.num_outputs; i++)
    npy_free(&arrays[i]);
  free(arrays);
  free(tensors);
  return code;
}
