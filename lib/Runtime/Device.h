/* The device of a model whose kernels do not run on the CPU. Everything that kernels touch lies in its memory: weights and KV state stay there, inputs
 * and outputs are copied with every call. All functions but `close` return a status with a message in the model. */
#ifndef QCC_LIB_RUNTIME_DEVICE_H
#define QCC_LIB_RUNTIME_DEVICE_H
#include "Memory.h"
#include "qcc/Runtime/Program.h"
#include "qcc/Runtime/qcc.h"

typedef struct qccrt_device qccrt_device;

/* Opens the driver, the first device that runs the variant's image, and loads it; model->device is set even when this fails. */
qcc_status qccrt_device_open(qcc_model *model, const qcc_device *image);
/* Copies the data region of the weights to the device. */
qcc_status qccrt_device_upload(qcc_model *model, const uint8_t *data, size_t bytes);
void qccrt_device_close(qccrt_device *device);

/* One call of an entry. dims and buffers are the caller's, `state` is the device's. */
qcc_status qccrt_device_invoke(qcc_model *model, const qcc_entry *entry, const int64_t *dims, uint8_t *state, void *const *buffers);

/* KV state: a zeroed block in the memory that the model's kernels run on, the device's or the CPU's. */
bool qccrt_state_reserve(qcc_model *model, qccrt_block *block, size_t bytes);
void qccrt_state_free(qcc_model *model, qccrt_block *block);
#endif
