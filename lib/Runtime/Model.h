/* An open model, as the runtime's own files see it. Users see qcc/Runtime/qcc.h. */
#ifndef QCC_LIB_RUNTIME_MODEL_H
#define QCC_LIB_RUNTIME_MODEL_H
#include "Device.h"
#include "Memory.h"
#include "Pool.h"
#include "Profile.h"
#include "Weights.h"
#include "qcc/Runtime/Program.h"
#include "qcc/Runtime/qcc.h"
#include <pthread.h>

enum { QCCRT_MAX_DIMS = 64, QCCRT_MAX_RANK = 8, QCCRT_MAX_PORTS = 1024 };

struct qcc_model {
  const qcc_program *program;
  const qcc_variant *variant;                                 /* null until chosen */
  qccrt_pool *pool;
  qccrt_profile *profile;                                     /* null without QCC_PROFILE */
  qccrt_device *device;                                       /* null where kernels run on the CPU */
  qccrt_weights weights;
  qccrt_block arena, state;                                   /* state: of programs without a session (KV as inputs and outputs) */
  qcc_observer observer;                                      /* null: nobody looks on */
  void *observerUser;
  int64_t prefetch;                                           /* of this CPU: Cpu.h */
  struct { int batch, seq, past, total, context, keep; } dim; /* indices in program->dims, or -1 */
  pthread_mutex_t lock;                                       /* held while the program runs, and around `error` */
  char error[768];
};

/* Opens a given program instead of the library's own: what qcc_open does, and what tests use. */
qcc_status qccrt_open(const qcc_program *program, const qcc_options *options, qcc_model **model);

/* Writes the message of `model` and returns `status`. */
qcc_status qccrt_fail(qcc_model *model, qcc_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One call of the program with these values of its dims: picks the entry by rows, provides the arena, runs it on all threads.
 * The caller holds the lock and has checked dims and buffers. */
qcc_status qccrt_invoke(qcc_model *model, const int64_t *dims, uint8_t *state, void *const *buffers);

/* What compiled code left in status[2]: an error of the call, or none. */
qcc_status qccrt_check_status(qcc_model *model, const int64_t *status);

/* Extent i of a port, bytes of all of it (false when that overflows). */
int64_t qccrt_extent(const qcc_port *port, int i, const int64_t *dims);
bool qccrt_port_bytes(const qcc_port *port, const int64_t *dims, size_t *bytes);

/* Sets the dims that compiled code computes; the others are set. An extent below 0 is an error. */
qcc_status qccrt_compute_dims(qcc_model *model, int64_t *dims);

/* Tokens must be in [0, vocabulary): the first that is not is named. bits: 32 or 64, signed. */
qcc_status qccrt_check_tokens(qcc_model *model, const void *tokens, int bits, int64_t count);
static inline void qccrt_set_dim(int64_t *dims, int index, int64_t value) { if (index >= 0) dims[index] = value; }
#endif
